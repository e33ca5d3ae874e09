//! Reading the samples of some series of a block, in file order, touching only the pages that hold them.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int8Type, Int64Type, TimestampMillisecondType};
use cepmon_model::stale_nan;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection};

use super::cache::BlockCache;
use super::live::Block;
use crate::Error;
use crate::number::from_whole;

/// Rows per decoded batch.
const BATCH_ROWS: usize = 32 * 1024;

/// A position within the selected rows of a samples file.
pub(crate) struct SampleReader {
    block: Arc<Block>,
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
        let columns = ProjectionMask::columns(footer.parquet_schema(), ["ts", "v_int", "scale", "v_f64"]);
        let total = usize::try_from(footer.metadata().file_metadata().num_rows()).unwrap_or_default();
        let is_beyond = ranges.last().is_some_and(|range| range.end > total);
        if is_beyond {
            return Err(path.damaged(format!("it has {total} rows, fewer than its series file says")));
        }
        let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer.clone())
            .with_projection(columns)
            .with_batch_size(rows.clamp(1, BATCH_ROWS))
            .with_row_selection(RowSelection::from_consecutive_ranges(ranges.into_iter(), total))
            .build()
            .map_err(path.failure())?;
        Ok(Self { block: Arc::clone(block), batches, batch: None, position: 0 })
    }

    /// Consumes the next `rows` selected rows and appends those between two times (inclusive) to two columns.
    pub(crate) fn read(&mut self, rows: usize, range: (i64, i64), timestamps: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<(), Error> {
        let mut wanted = rows;
        while wanted > 0 {
            let batch = self.current_batch()?.clone();
            let taken = wanted.min(batch.num_rows() - self.position);
            append_rows(&batch, self.position..self.position + taken, range, timestamps, values)
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

fn append_rows(
    batch: &RecordBatch,
    rows: Range<usize>,
    (start, end): (i64, i64),
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Option<()> {
    let times = batch.column(0).as_primitive_opt::<TimestampMillisecondType>()?.values();
    let integers = batch.column(1).as_primitive_opt::<Int64Type>()?;
    let scales = batch.column(2).as_primitive_opt::<Int8Type>()?;
    let floats = batch.column(3).as_primitive_opt::<Float64Type>()?;
    // Times ascend within a series.
    let first = rows.start + times[rows.clone()].partition_point(|&time| time < start);
    let last = rows.start + times[rows.clone()].partition_point(|&time| time <= end);
    if first >= last {
        return Some(());
    }
    timestamps.extend_from_slice(&times[first..last]);
    let has_integers = integers.is_valid(first);
    if has_integers && integers.null_count() == 0 {
        // A series has one scale per block, and no stale mark is here.
        let scale = scales.value(first).cast_unsigned();
        if scale == 0 {
            values.extend(integers.values()[first..last].iter().map(|&whole| whole as f64));
        } else {
            values.extend(integers.values()[first..last].iter().map(|&whole| from_whole(whole, scale)));
        }
        return Some(());
    }
    for row in first..last {
        values.push(if integers.is_valid(row) {
            from_whole(integers.value(row), scales.value(row).cast_unsigned())
        } else if floats.is_valid(row) {
            floats.value(row)
        } else {
            stale_nan()
        });
    }
    Some(())
}
