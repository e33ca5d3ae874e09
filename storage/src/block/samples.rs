//! Writing a samples file: `series_id, ts, v_int?, scale?, v_f64?`, sorted by series and time.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int8Array, Int64Array, TimestampMillisecondArray, UInt64Array};
use arrow::record_batch::RecordBatch;
use cepmon_model::{SeriesId, is_stale};
use parquet::basic::Encoding;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::file::{ParquetFile, properties};
use super::schema::samples_schema;
use crate::Error;
use crate::number::{integer_scale, to_whole};

/// Rows that are gathered before they go to the Parquet writer.
const BATCH_ROWS: usize = 64 * 1024;

/// What a flush compresses with.
const FLUSH_ZSTD: i32 = 3;

/// Floating-point values that decide about their encoding.
const TRIAL_VALUES: usize = 64 * 1024;

/// A samples file that is being written.
pub(crate) struct SamplesWriter {
    file: ParquetFile,
    rows: u64,
    ids: Vec<u64>,
    timestamps: Vec<i64>,
    integers: Vec<Option<i64>>,
    scales: Vec<Option<i8>>,
    floats: Vec<Option<f64>>,
}

impl SamplesWriter {
    /// Begins a file whose floating-point values look like `trial`, see [`needs_floats`].
    pub(crate) fn create(path: PathBuf, trial: &[f64]) -> Result<Self, Error> {
        Self::create_encoded(path, smaller_encoding(trial)?, FLUSH_ZSTD)
    }

    /// Begins a file whose floating-point values get a known encoding.
    pub(crate) fn create_encoded(path: PathBuf, float_encoding: Encoding, zstd_level: i32) -> Result<Self, Error> {
        let file = ParquetFile::create(path, samples_schema(), sample_properties(float_encoding, zstd_level))?;
        let (ids, timestamps) = (Vec::with_capacity(BATCH_ROWS), Vec::with_capacity(BATCH_ROWS));
        let (integers, scales, floats) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { file, rows: 0, ids, timestamps, integers, scales, floats })
    }

    /// Appends a series: its samples ascending. Series come in the order of their labels. Gives the number of its first row.
    pub(crate) fn push(&mut self, id: SeriesId, timestamps: &[i64], values: &[f64]) -> Result<u64, Error> {
        let first_row = self.rows + self.ids.len() as u64;
        let scale = integer_scale(values);
        for (&timestamp, &value) in timestamps.iter().zip(values) {
            let integer = scale.filter(|_| !is_stale(value)).and_then(|scale| to_whole(value, scale));
            self.ids.push(id.0);
            self.timestamps.push(timestamp);
            self.integers.push(integer);
            self.scales.push(integer.and(scale).map(u8::cast_signed));
            self.floats.push((scale.is_none() && !is_stale(value)).then_some(value));
            if self.ids.len() >= BATCH_ROWS {
                self.write_batch()?;
            }
        }
        Ok(first_row)
    }

    /// Finishes the file, on disk; gives rows and bytes.
    pub(crate) fn finish(mut self) -> Result<(u64, u64), Error> {
        self.write_batch()?;
        Ok((self.rows, self.file.finish()?))
    }

    fn write_batch(&mut self) -> Result<(), Error> {
        self.rows += self.ids.len() as u64;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(std::mem::take(&mut self.ids))),
            Arc::new(TimestampMillisecondArray::from(std::mem::take(&mut self.timestamps))),
            Arc::new(Int64Array::from(std::mem::take(&mut self.integers))),
            Arc::new(Int8Array::from(std::mem::take(&mut self.scales))),
            Arc::new(Float64Array::from(std::mem::take(&mut self.floats))),
        ];
        let batch = RecordBatch::try_new(samples_schema(), columns).map_err(Error::columns("samples"))?;
        self.file.write(&batch)
    }
}

/// Whether the values of a series go into `v_f64`; a trial is made of such values.
pub(crate) fn needs_floats(values: &[f64]) -> bool {
    integer_scale(values).is_none()
}

/// The encoding of floating-point values in a samples file, if it has any.
pub(crate) fn float_encoding(footer: &ParquetMetaData) -> Option<Encoding> {
    let chunks = footer.row_groups().iter().flat_map(|group| group.columns());
    let mut floats = chunks.filter(|chunk| chunk.column_path().string() == "v_f64");
    let is_split = |encodings: &ColumnChunkMetaData| encodings.encodings().any(|encoding| encoding == Encoding::BYTE_STREAM_SPLIT);
    let has_values = |chunk: &ColumnChunkMetaData| {
        let nulls = chunk.statistics().and_then(|statistics| statistics.null_count_opt()).unwrap_or_default();
        nulls < chunk.num_values().cast_unsigned()
    };
    let chunk = floats.find(|chunk| has_values(chunk))?;
    Some(if is_split(chunk) { Encoding::BYTE_STREAM_SPLIT } else { Encoding::PLAIN })
}

fn sample_properties(float_encoding: Encoding, zstd_level: i32) -> WriterProperties {
    let column = |name: &str| ColumnPath::from(name);
    // An id repeats for as many rows as its series has. Measured with 100 rows per series, 2026-11: dictionary 0.10 bytes per sample, PLAIN
    // 0.11 (and 66 times as much to decompress), DELTA_BINARY_PACKED 0.40, since each change of series spoils a block of differences.
    properties(zstd_level)
        .set_dictionary_enabled(false)
        .set_column_dictionary_enabled(column("series_id"), true)
        .set_column_encoding(column("ts"), Encoding::DELTA_BINARY_PACKED)
        .set_column_encoding(column("v_int"), Encoding::DELTA_BINARY_PACKED)
        .set_column_encoding(column("scale"), Encoding::DELTA_BINARY_PACKED)
        .set_column_encoding(column("v_f64"), float_encoding)
        .build()
}

/// The smaller of the two encodings for floating-point values that look like these: which one it is depends on the data (PLAIN on a real
/// host's, BYTE_STREAM_SPLIT on synthetic noise), so both are tried.
fn smaller_encoding(trial: &[f64]) -> Result<Encoding, Error> {
    if trial.is_empty() {
        return Ok(Encoding::PLAIN);
    }
    let size = |encoding| -> Result<usize, Error> {
        let values = &trial[..trial.len().min(TRIAL_VALUES)];
        let column: ArrayRef = Arc::new(Float64Array::from(values.to_vec()));
        let batch = RecordBatch::try_from_iter([("v_f64", column)]).map_err(Error::columns("samples"))?;
        let failed = |error| Error::parquet("try to write", "samples.parquet".as_ref())(error);
        let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), batch.schema(), Some(sample_properties(encoding, FLUSH_ZSTD)))
            .map_err(failed)?;
        writer.write(&batch).map_err(failed)?;
        Ok(writer.into_inner().map_err(failed)?.len())
    };
    let is_split_smaller = size(Encoding::BYTE_STREAM_SPLIT)? < size(Encoding::PLAIN)?;
    Ok(if is_split_smaller { Encoding::BYTE_STREAM_SPLIT } else { Encoding::PLAIN })
}
