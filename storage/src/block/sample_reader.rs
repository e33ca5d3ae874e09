//! Reading the samples of some series of a block, in file order, touching only the pages that hold them.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Float64Type, Int8Type, Int64Type, TimestampMillisecondType};
use cepmon_model::stale_nan;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection};

use super::cache::BlockCache;
use super::live::Block;
use super::value_columns::ValueColumns;
use crate::Error;
use crate::number::from_whole;

/// Rows per decoded batch.
const BATCH_ROWS: usize = 32 * 1024;

/// A position within the selected rows of a samples file.
pub(crate) struct SampleReader {
    block: Arc<Block>,
    columns: ValueColumns,
    batches: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    /// Rows of `batch` that were consumed.
    position: usize,
}

impl SampleReader {
    /// Opens a block's samples for these row ranges, ascending and not overlapping.
    pub(crate) fn open(cache: &BlockCache, block: &Arc<Block>, ranges: Vec<Range<usize>>) -> Result<Self, Error> {
        let path = block.rows_file();
        let file = path.open()?;
        let footer = &cache.footer(block)?.parquet;
        let rows: usize = ranges.iter().map(Range::len).sum();
        let columns = ValueColumns::of(footer.metadata(), &ranges);
        let projection = ProjectionMask::columns(footer.parquet_schema(), names_of(columns));
        let total = usize::try_from(footer.metadata().file_metadata().num_rows()).unwrap_or_default();
        let is_beyond = ranges.last().is_some_and(|range| range.end > total);
        if is_beyond {
            return Err(path.damaged(format!("it has {total} rows, fewer than its series file says")));
        }
        let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer.clone())
            .with_projection(projection)
            .with_batch_size(rows.clamp(1, BATCH_ROWS))
            .with_row_selection(RowSelection::from_consecutive_ranges(ranges.into_iter(), total))
            .build()
            .map_err(path.failure())?;
        Ok(Self { block: Arc::clone(block), columns, batches, batch: None, position: 0 })
    }

    /// Consumes the next `rows` selected rows and appends those between two times (inclusive) to two columns.
    pub(crate) fn read(&mut self, rows: usize, range: (i64, i64), timestamps: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<(), Error> {
        let mut wanted = rows;
        while wanted > 0 {
            let batch = self.current_batch()?.clone();
            let taken = wanted.min(batch.num_rows() - self.position);
            append_rows(&batch, self.columns, self.position..self.position + taken, range, timestamps, values)
                .ok_or_else(|| self.block.rows_file().damaged("a column has another type than the layout says"))?;
            self.position += taken;
            wanted -= taken;
        }
        Ok(())
    }

    fn current_batch(&mut self) -> Result<&RecordBatch, Error> {
        let is_used_up = self.batch.as_ref().is_none_or(|batch| self.position == batch.num_rows());
        if is_used_up {
            let path = self.block.rows_file();
            let next = self.batches.next().ok_or_else(|| path.damaged("it ends before its series do"))?;
            self.batch = Some(next.map_err(path.failure())?);
            self.position = 0;
        }
        self.batch.as_ref().ok_or_else(|| self.block.rows_file().damaged("it ends before its series do"))
    }
}

/// The columns to read, in their order in the file.
fn names_of(columns: ValueColumns) -> impl Iterator<Item = &'static str> {
    let needs_scale = columns.has_integers && columns.scale.is_none();
    let wanted = [("ts", true), ("v_int", columns.has_integers), ("scale", needs_scale), ("v_f64", columns.has_floats)];
    wanted.into_iter().filter(|(_, is_wanted)| *is_wanted).map(|(name, _)| name)
}

fn append_rows(
    batch: &RecordBatch,
    columns: ValueColumns,
    rows: Range<usize>,
    (start, end): (i64, i64),
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Option<()> {
    let column = |name: &str| names_of(columns).position(|found| found == name).map(|position| batch.column(position));
    let times = column("ts")?.as_primitive_opt::<TimestampMillisecondType>()?.values();
    // Times ascend within a series.
    let first = rows.start + times[rows.clone()].partition_point(|&time| time < start);
    let last = rows.start + times[rows.clone()].partition_point(|&time| time <= end);
    if first >= last {
        return Some(());
    }
    timestamps.extend_from_slice(&times[first..last]);
    let integers = column("v_int").map(|column| column.as_primitive_opt::<Int64Type>().ok_or(()));
    let scales = column("scale").map(|column| column.as_primitive_opt::<Int8Type>().ok_or(()));
    let floats = column("v_f64").map(|column| column.as_primitive_opt::<Float64Type>().ok_or(()));
    let (integers, scales, floats) = (integers.transpose().ok()?, scales.transpose().ok()?, floats.transpose().ok()?);
    let scale_of = |row: usize| columns.scale.unwrap_or_else(|| scales.map_or(0, |scales| scales.value(row))).cast_unsigned();
    let has_all = |nulls: Option<&NullBuffer>| nulls.is_none_or(|nulls| nulls.slice(first, last - first).null_count() == 0);
    if let Some(integers) = integers.filter(|integers| has_all(integers.nulls())) {
        // A series has one scale per block, and no stale mark is here.
        let wholes = integers.values()[first..last].iter();
        match scale_of(first) {
            0 => values.extend(wholes.map(|&whole| whole as f64)),
            scale => values.extend(wholes.map(|&whole| from_whole(whole, scale))),
        }
        return Some(());
    }
    if let Some(floats) = floats.filter(|floats| has_all(floats.nulls())) {
        values.extend_from_slice(&floats.values()[first..last]);
        return Some(());
    }
    values.extend((first..last).map(|row| match (integers, floats) {
        (Some(integers), _) if integers.is_valid(row) => from_whole(integers.value(row), scale_of(row)),
        (_, Some(floats)) if floats.is_valid(row) => floats.value(row),
        _ => stale_nan(),
    }));
    Some(())
}
