//! Merging batches that are sorted by their first column, a time. In memory: one batch per source and what is merged of them.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, TimeUnit, TimestampMillisecondType, TimestampNanosecondType};

use crate::Error;

/// Gives all rows of the sources to `take`, ascending over all calls; rows of one time in the order of the sources.
pub(super) fn merge_rows<I: Iterator<Item = Result<RecordBatch, Error>>>(
    mut sources: Vec<I>,
    mut take: impl FnMut(RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut waiting: Vec<Option<RecordBatch>> = sources.iter().map(|_| None).collect();
    loop {
        for (source, batch) in sources.iter_mut().zip(&mut waiting) {
            while batch.as_ref().is_none_or(|batch| batch.num_rows() == 0) {
                let Some(next) = source.next() else {
                    *batch = None;
                    break;
                };
                *batch = Some(next?);
            }
        }
        // Up to here every source has shown all it has.
        let Some(bound) = waiting.iter().flatten().filter_map(|batch| times_of(batch).last().copied()).min() else { return Ok(()) };
        let mut ripe = Vec::new();
        for batch in waiting.iter_mut().flatten() {
            let rows = times_of(batch).partition_point(|&time| time <= bound);
            if rows > 0 {
                ripe.push(batch.slice(0, rows));
                *batch = batch.slice(rows, batch.num_rows() - rows);
            }
        }
        take(in_order(&ripe)?)?;
    }
}

/// The times of a batch's first column.
pub(super) fn times_of(batch: &RecordBatch) -> &[i64] {
    let column: &ArrayRef = batch.column(0);
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => column.as_primitive::<TimestampNanosecondType>().values(),
        DataType::Timestamp(TimeUnit::Millisecond, _) => column.as_primitive::<TimestampMillisecondType>().values(),
        _ => &[],
    }
}

fn in_order(batches: &[RecordBatch]) -> Result<RecordBatch, Error> {
    let [first, rest @ ..] = batches else { unreachable!("BUG: merging rounds without rows") };
    if rest.is_empty() {
        return Ok(first.clone());
    }
    let all = concat_batches(first.schema_ref(), batches).map_err(Error::columns("merged rows"))?;
    let times = times_of(&all);
    if times.is_sorted() {
        return Ok(all);
    }
    let mut order: Vec<u32> = (0..all.num_rows() as u32).collect();
    // Stable: lines of one time stay as they came.
    order.sort_by_key(|&row| times[row as usize]);
    take_record_batch(&all, &UInt32Array::from(order)).map_err(Error::columns("merged rows"))
}
