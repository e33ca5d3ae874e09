//! Recent rows of one typed table in memory, and rows as Arrow columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, StringBuilder, TimestampMillisecondArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;

use super::{Cell, ColumnKind, TableDef};
use crate::Error;
use crate::block::map::{append_labels, label_map_builder};

/// Rows that are made into columns together: enough for columns to be smaller than rows.
const COLUMN_ROWS: usize = 512;

/// Recent rows of one table.
#[derive(Debug)]
pub(crate) struct TableBuffer {
    pub(crate) table: &'static TableDef,
    columns: Vec<RecordBatch>,
    rows: Vec<Vec<Cell>>,
    count: u64,
    bytes: usize,
}

/// The rows of one table at one moment.
#[derive(Debug, Clone)]
pub(crate) struct TableRows {
    pub(crate) table: &'static TableDef,
    pub(crate) columns: Vec<RecordBatch>,
    pub(crate) count: u64,
}

impl TableBuffer {
    pub(crate) fn new(table: &'static TableDef) -> Self {
        Self { table, columns: Vec::new(), rows: Vec::new(), count: 0, bytes: 0 }
    }

    /// Adds rows that [`TableDef::check_row`] let pass.
    pub(crate) fn push(&mut self, rows: impl IntoIterator<Item = Vec<Cell>>) -> Result<(), Error> {
        for row in rows {
            self.bytes += row.iter().map(cell_bytes).sum::<usize>();
            self.count += 1;
            self.rows.push(row);
            if self.rows.len() >= COLUMN_ROWS {
                self.columns.push(to_columns(self.table, &std::mem::take(&mut self.rows))?);
            }
        }
        Ok(())
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A copy for reading.
    pub(crate) fn rows(&self) -> Result<TableRows, Error> {
        let mut columns = self.columns.clone();
        if !self.rows.is_empty() {
            columns.push(to_columns(self.table, &self.rows)?);
        }
        Ok(TableRows { table: self.table, columns, count: self.count })
    }
}

impl TableRows {
    /// All rows as one batch.
    pub(crate) fn concat(&self) -> Result<RecordBatch, Error> {
        concat_batches(&self.table.schema(), &self.columns).map_err(Error::columns(self.table.name))
    }
}

fn cell_bytes(cell: &Cell) -> usize {
    size_of::<Cell>()
        + match cell {
            Cell::Text(text) => text.len(),
            Cell::Labels(labels) => labels.heap_bytes(),
            Cell::Ints(numbers) => size_of_val(numbers.as_slice()),
            Cell::Floats(numbers) => size_of_val(numbers.as_slice()),
            _ => 0,
        }
}

fn to_columns(table: &'static TableDef, rows: &[Vec<Cell>]) -> Result<RecordBatch, Error> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(table.columns.len());
    for (index, column) in table.columns.iter().enumerate() {
        let cells = rows.iter().map(|row| row.get(index).unwrap_or(&Cell::Null));
        columns.push(to_column(column.kind, cells).map_err(Error::columns(table.name))?);
    }
    RecordBatch::try_new(table.schema(), columns).map_err(Error::columns(table.name))
}

fn to_column<'a>(kind: ColumnKind, cells: impl Iterator<Item = &'a Cell>) -> Result<ArrayRef, arrow::error::ArrowError> {
    Ok(match kind {
        ColumnKind::TimestampMs => Arc::new(TimestampMillisecondArray::from_iter(cells.map(|cell| match cell {
            Cell::Time(time) => Some(*time),
            _ => None,
        }))),
        ColumnKind::Int64 => Arc::new(Int64Array::from_iter(cells.map(|cell| match cell {
            Cell::Int(number) => Some(*number),
            _ => None,
        }))),
        ColumnKind::Float64 => Arc::new(Float64Array::from_iter(cells.map(|cell| match cell {
            Cell::Float(number) => Some(*number),
            _ => None,
        }))),
        ColumnKind::Bool => Arc::new(BooleanArray::from_iter(cells.map(|cell| match cell {
            Cell::Bool(truth) => Some(*truth),
            _ => None,
        }))),
        ColumnKind::Text => {
            let mut texts = StringBuilder::new();
            for cell in cells {
                match cell {
                    Cell::Text(text) => texts.append_value(text),
                    _ => texts.append_null(),
                }
            }
            Arc::new(texts.finish())
        }
        ColumnKind::LabelMap => {
            let mut maps = label_map_builder();
            for cell in cells {
                match cell {
                    Cell::Labels(labels) => append_labels(&mut maps, labels.iter())?,
                    _ => maps.append(false)?,
                }
            }
            Arc::new(maps.finish())
        }
        ColumnKind::Int64List => Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(cells.map(|cell| match cell {
            Cell::Ints(numbers) => Some(numbers.iter().copied().map(Some)),
            _ => None,
        }))),
        ColumnKind::Float64List => Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(cells.map(|cell| match cell {
            Cell::Floats(numbers) => Some(numbers.iter().copied().map(Some)),
            _ => None,
        }))),
    })
}
