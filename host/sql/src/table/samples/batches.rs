//! From series to batches: short series are put together and long ones cut, so that every batch but the last is full.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, RecordBatchOptions, TimestampMillisecondArray, UInt32Array};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use cepmon_model::{LabelSet, SeriesId, is_stale};
use cepmon_storage::SeriesSamples;

use crate::Error;
use crate::label_column::spread;
use crate::session::BATCH_ROWS;
use crate::table::samples::SampleColumn;

/// Series of a scan, as storage gives them.
type SeriesIterator = Box<dyn Iterator<Item = Result<SeriesSamples, cepmon_storage::Error>> + Send>;

/// Batches of a scan.
pub(crate) struct SampleBatches {
    series: SeriesIterator,
    schema: SchemaRef,
    columns: Vec<SampleColumn>,
    /// A series that is not out yet, and how many of its samples are.
    started: Option<(SeriesSamples, usize)>,
}

/// Rows of one batch. Samples are copied, because operators count the memory of a slice as that of its whole buffer.
#[derive(Default)]
struct Rows {
    series: Vec<(SeriesId, Arc<LabelSet>)>,
    series_of_row: Vec<u32>,
    timestamps: Vec<i64>,
    values: Vec<f64>,
}

impl SampleBatches {
    pub(crate) fn new(series: SeriesIterator, schema: SchemaRef, columns: Vec<SampleColumn>) -> Self {
        Self { series, schema, columns, started: None }
    }

    fn next_rows(&mut self) -> Result<Rows, Error> {
        let mut rows = Rows::default();
        while rows.timestamps.len() < BATCH_ROWS {
            let Some((series, done)) = self.next_series()? else { break };
            let end = series.timestamps.len().min(done + BATCH_ROWS - rows.timestamps.len());
            rows.push(&series, done..end);
            if end < series.timestamps.len() {
                self.started = Some((series, end));
            }
        }
        Ok(rows)
    }

    fn next_series(&mut self) -> Result<Option<(SeriesSamples, usize)>, Error> {
        if let Some(started) = self.started.take() {
            return Ok(Some(started));
        }
        let Some(series) = self.series.next() else { return Ok(None) };
        let mut series = series.map_err(|error| Error::Storage(Box::new(error)))?;
        remove_stale_marks(&mut series);
        Ok(Some((series, 0)))
    }

    fn batch(&self, rows: Rows) -> Result<RecordBatch, ArrowError> {
        let Rows { series, series_of_row, timestamps, values } = rows;
        let options = RecordBatchOptions::new().with_row_count(Some(timestamps.len()));
        let series_of_row = UInt32Array::from(series_of_row);
        let ts: ArrayRef = Arc::new(TimestampMillisecondArray::from(timestamps));
        let value: ArrayRef = Arc::new(Float64Array::from(values));
        let make_column = |column: &SampleColumn| match column {
            SampleColumn::Ts => Ok(Arc::clone(&ts)),
            SampleColumn::Value => Ok(Arc::clone(&value)),
            SampleColumn::Series(column) => {
                let per_series = column.per_series(series.iter().map(|(id, labels)| (*id, labels.as_ref())))?;
                spread(&per_series, &series_of_row)
            }
        };
        let columns = self.columns.iter().map(make_column).collect::<Result<Vec<ArrayRef>, ArrowError>>()?;
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

impl Iterator for SampleBatches {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_rows() {
            Ok(rows) if rows.timestamps.is_empty() => None,
            Ok(rows) => Some(self.batch(rows).map_err(|error| Error::Engine(Box::new(error)))),
            Err(error) => Some(Err(error)),
        }
    }
}

impl Rows {
    fn push(&mut self, series: &SeriesSamples, range: std::ops::Range<usize>) {
        if range.is_empty() {
            return;
        }
        let position = u32::try_from(self.series.len()).expect("BUG: more series than rows in a batch");
        self.series_of_row.resize(self.series_of_row.len() + range.len(), position);
        self.timestamps.extend_from_slice(&series.timestamps[range.clone()]);
        self.values.extend_from_slice(&series.values[range]);
        self.series.push((series.id, Arc::clone(&series.labels)));
    }
}

fn remove_stale_marks(series: &mut SeriesSamples) {
    if !series.values.iter().any(|value| is_stale(*value)) {
        return;
    }
    let is_stale_at: Vec<bool> = series.values.iter().map(|value| is_stale(*value)).collect();
    let mut marks = is_stale_at.iter();
    series.timestamps.retain(|_| !marks.next().copied().unwrap_or(false));
    series.values.retain(|value| !is_stale(*value));
}
