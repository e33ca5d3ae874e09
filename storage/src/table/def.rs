//! What a typed table looks like: columns, cells, and the Arrow schema that they make.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use cepmon_model::{LabelSet, TimestampMs};

use crate::Error;
use crate::block::schema::label_map_type;

/// What a column holds. Every column but the first may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Unix milliseconds: Arrow `Timestamp(Millisecond, UTC-less)`.
    TimestampMs,
    /// Arrow `Int64`.
    Int64,
    /// Arrow `Float64`.
    Float64,
    /// Arrow `Utf8`.
    Text,
    /// Arrow `Boolean`.
    Bool,
    /// Arrow `Map<Utf8, Utf8>`.
    LabelMap,
    /// Arrow `List<Int64>`.
    Int64List,
    /// Arrow `List<Float64>`.
    Float64List,
}

impl ColumnKind {
    /// The Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::TimestampMs => DataType::Timestamp(TimeUnit::Millisecond, None),
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Bool => DataType::Boolean,
            Self::LabelMap => label_map_type(),
            Self::Int64List => DataType::new_list(DataType::Int64, true),
            Self::Float64List => DataType::new_list(DataType::Float64, true),
        }
    }
}

/// A column of a typed table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in SQL and in files.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// What it means, for `information_schema` and the reference page.
    pub doc: &'static str,
}

/// A typed table. The first column is always `ts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableDef {
    /// Its name in SQL, and its directory.
    pub name: &'static str,
    /// Its columns in order.
    pub columns: &'static [Column],
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing; allowed everywhere but in the first column.
    Null,
    /// For `TimestampMs`.
    Time(TimestampMs),
    /// For `Int64`.
    Int(i64),
    /// For `Float64`.
    Float(f64),
    /// For `Text`.
    Text(String),
    /// For `Bool`.
    Bool(bool),
    /// For `LabelMap`.
    Labels(Arc<LabelSet>),
    /// For `Int64List`.
    Ints(Vec<i64>),
    /// For `Float64List`.
    Floats(Vec<f64>),
}

impl Cell {
    /// Whether the cell may stand in a column of that kind.
    pub fn fits(&self, kind: ColumnKind) -> bool {
        match self {
            Self::Null => true,
            Self::Time(_) => kind == ColumnKind::TimestampMs,
            Self::Int(_) => kind == ColumnKind::Int64,
            Self::Float(_) => kind == ColumnKind::Float64,
            Self::Text(_) => kind == ColumnKind::Text,
            Self::Bool(_) => kind == ColumnKind::Bool,
            Self::Labels(_) => kind == ColumnKind::LabelMap,
            Self::Ints(_) => kind == ColumnKind::Int64List,
            Self::Floats(_) => kind == ColumnKind::Float64List,
        }
    }
}

impl TableDef {
    /// The Arrow schema of its rows, in memory and in Parquet.
    pub fn schema(&self) -> SchemaRef {
        let fields = self.columns.iter().enumerate();
        let fields = fields.map(|(index, column)| Field::new(column.name, column.kind.data_type(), index > 0));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Checks that a row has a cell for every column, each of its kind, and a time in the first.
    pub(crate) fn check_row(&self, row: &[Cell]) -> Result<(), Error> {
        let refuse = |problem: String| Err(Error::Refused { target: self.name.to_owned(), problem });
        if row.len() != self.columns.len() {
            return refuse(format!("a row has {} cells; want {}", row.len(), self.columns.len()));
        }
        if !matches!(row.first(), Some(Cell::Time(_))) {
            return refuse("the first cell of a row is not a time".to_owned());
        }
        for (cell, column) in row.iter().zip(self.columns) {
            if !cell.fits(column.kind) {
                return refuse(format!("column \"{}\" got {cell:?}; want {:?}", column.name, column.kind));
            }
        }
        Ok(())
    }
}
