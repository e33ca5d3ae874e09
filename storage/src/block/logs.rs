//! Log blocks: `ts, stream, level, line, fields` and a column for each of the most frequent fields, sorted by (stream, ts).
//!
//! The footer lists the streams with their numbers of rows, so a scan reads only the rows of the streams that match, and the promoted
//! fields, most frequent first.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringBuilder, TimestampNanosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use cepmon_model::LabelSet;
use hashbrown::HashSet;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Encoding;
use parquet::schema::types::ColumnPath;

use super::block_file::BlockFile;
use super::file::{ParquetFile, properties};
use super::map::{append_labels, label_map_builder};
use super::schema::{MAX_PROMOTED_FIELDS, PROMOTED_PREFIX, log_schema};
use crate::Error;
use crate::head::logs::{LogRows, RowAddress};

const STREAMS_KEY: &str = "cepmon.streams";
const FIELDS_KEY: &str = "cepmon.fields";

/// What a flush compresses with: a higher level gains nothing before the rows of a day are together.
const FLUSH_ZSTD: i32 = 1;

/// Rows that are made into columns together.
pub(crate) const BATCH_ROWS: usize = 8192;

/// A field is promoted if at least one row in this many has it: a rarer one costs more as a column than it saves.
const PROMOTION_ROWS: u64 = 100;

/// A column that a scan asks for or a block has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogColumn {
    Time,
    Stream,
    Level,
    Line,
    /// All fields, or those that have no column of their own.
    Fields,
    /// One field.
    Field(String),
}

/// What the footer of a log block says.
#[derive(Debug)]
pub(crate) struct LogSummary {
    /// Promoted fields, most frequent first.
    pub(crate) fields: Vec<String>,
    /// Streams in the order of their rows, with how many they have.
    pub(crate) streams: Vec<(LabelSet, u64)>,
}

impl LogColumn {
    /// The column of that name; `None` if there cannot be one.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "ts" => Self::Time,
            "stream" => Self::Stream,
            "level" => Self::Level,
            "line" => Self::Line,
            "fields" => Self::Fields,
            _ => Self::Field(name.strip_prefix(PROMOTED_PREFIX)?.to_owned()),
        })
    }

    /// Its Arrow field.
    pub(crate) fn arrow_field(&self) -> Field {
        let fixed = log_schema();
        match self {
            Self::Time => fixed.field(0).clone(),
            Self::Stream => fixed.field(1).clone(),
            Self::Level => fixed.field(2).clone(),
            Self::Line => fixed.field(3).clone(),
            Self::Fields => fixed.field(4).clone(),
            Self::Field(name) => Field::new(format!("{PROMOTED_PREFIX}{name}"), DataType::Utf8, true),
        }
    }
}

/// The schema of some columns.
pub(crate) fn schema_of(columns: &[LogColumn]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(LogColumn::arrow_field).collect::<Vec<_>>()))
}

/// Columns of some rows in memory. `elsewhere` names fields that `fields` leaves out.
pub(crate) fn to_columns(
    rows: &LogRows,
    addresses: &[RowAddress],
    columns: &[LogColumn],
    elsewhere: &HashSet<&str>,
) -> Result<RecordBatch, Error> {
    let entries = || addresses.iter().map(|&address| rows.get(address));
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len());
    for column in columns {
        arrays.push(match column {
            LogColumn::Time => Arc::new(TimestampNanosecondArray::from_iter_values(entries().map(|entry| entry.timestamp_ns()))),
            LogColumn::Level => {
                let mut builder = StringBuilder::new();
                entries().for_each(|entry| builder.append_value(entry.level()));
                Arc::new(builder.finish())
            }
            LogColumn::Line => {
                let mut builder = StringBuilder::new();
                entries().for_each(|entry| builder.append_value(entry.line()));
                Arc::new(builder.finish())
            }
            LogColumn::Field(name) => {
                let mut builder = StringBuilder::new();
                entries().for_each(|entry| builder.append_option(entry.field(name)));
                Arc::new(builder.finish())
            }
            LogColumn::Stream => {
                let mut maps = label_map_builder();
                for entry in entries() {
                    append_labels(&mut maps, entry.stream().iter()).map_err(Error::columns("logs"))?;
                }
                Arc::new(maps.finish())
            }
            LogColumn::Fields => {
                let mut maps = label_map_builder();
                for entry in entries() {
                    let fields = entry.fields().filter(|(name, _)| !elsewhere.contains(name));
                    append_labels(&mut maps, fields).map_err(Error::columns("logs"))?;
                }
                Arc::new(maps.finish())
            }
        });
    }
    RecordBatch::try_new(schema_of(columns), arrays).map_err(Error::columns("logs"))
}

/// A log file that is being written.
pub(crate) struct LogWriter {
    file: ParquetFile,
    promoted: Vec<String>,
    streams: Vec<(BTreeMap<String, String>, u64)>,
    rows: u64,
}

impl LogWriter {
    /// Begins a file at exactly this path, with columns for these fields.
    pub(crate) fn create(path: PathBuf, promoted: Vec<String>, zstd_level: i32) -> Result<Self, Error> {
        let column = |name: &str| ColumnPath::from(name);
        let properties = properties(zstd_level)
            .set_column_dictionary_enabled(column("ts"), false)
            .set_column_encoding(column("ts"), Encoding::DELTA_BINARY_PACKED)
            .set_column_dictionary_enabled(column("line"), false)
            .set_column_encoding(column("line"), Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .set_data_page_row_count_limit(BATCH_ROWS);
        let file = ParquetFile::create(path, schema_of(&file_columns(&promoted)), properties.build())?;
        Ok(Self { file, promoted, streams: Vec::new(), rows: 0 })
    }

    /// Appends rows in the columns of [`file_columns`]. Streams come in the order of their labels, the rows of each by time.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows() as u64;
        self.file.write(batch)
    }

    /// Notes the stream of the last rows that were written.
    pub(crate) fn end_stream(&mut self, labels: &LabelSet, rows: u64) {
        self.streams.push((labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), rows));
    }

    /// Finishes the file, on disk; gives rows and bytes.
    pub(crate) fn finish(mut self) -> Result<(u64, u64), Error> {
        self.file.note(STREAMS_KEY, serde_json::to_string(&self.streams).expect("BUG: labels that are not JSON"));
        self.file.note(FIELDS_KEY, serde_json::to_string(&self.promoted).expect("BUG: names that are not JSON"));
        Ok((self.rows, self.file.finish()?))
    }
}

/// The columns of a log file in which these fields have columns of their own.
pub(crate) fn file_columns(promoted: &[String]) -> Vec<LogColumn> {
    let fixed = [LogColumn::Time, LogColumn::Stream, LogColumn::Level, LogColumn::Line, LogColumn::Fields];
    fixed.into_iter().chain(promoted.iter().cloned().map(LogColumn::Field)).collect()
}

/// Writes all entries into a file at exactly this path, on disk; gives rows and bytes.
pub(crate) fn write_logs(path: PathBuf, rows: &LogRows) -> Result<(u64, u64), Error> {
    let promoted = choose_promoted(rows.field_counts(), rows.entries());
    let columns = file_columns(&promoted);
    let elsewhere: HashSet<&str> = promoted.iter().map(String::as_str).collect();
    let addresses = rows.select(|_| true, (i64::MIN, i64::MAX));
    let mut writer = LogWriter::create(path, promoted.clone(), FLUSH_ZSTD)?;
    for group in addresses.chunks(BATCH_ROWS) {
        writer.write(&to_columns(rows, group, &columns, &elsewhere)?)?;
    }
    for run in addresses.chunk_by(|&left, &right| Arc::ptr_eq(rows.get(left).stream(), rows.get(right).stream())) {
        let Some(&first) = run.first() else { continue };
        writer.end_stream(rows.get(first).stream(), run.len() as u64);
    }
    writer.finish()
}

impl LogSummary {
    pub(crate) fn of(footer: &ArrowReaderMetadata, file: &BlockFile) -> Result<Self, Error> {
        let note = |key: &str| super::file::note_of(footer, key).ok_or_else(|| file.damaged(format!("its footer lacks {key}")));
        let streams: Vec<(BTreeMap<String, String>, u64)> = serde_json::from_str(note(STREAMS_KEY)?).map_err(file.failure())?;
        let fields = serde_json::from_str(note(FIELDS_KEY)?).map_err(file.failure())?;
        let streams = streams.into_iter().map(|(labels, rows)| (LabelSet::from_pairs(labels), rows)).collect();
        Ok(Self { fields, streams })
    }
}

/// The fields that get columns of their own, from how many of the rows have each, most frequent first.
pub(crate) fn choose_promoted(counts: Vec<(Arc<str>, u64)>, rows: u64) -> Vec<String> {
    let enough = rows.div_ceil(PROMOTION_ROWS);
    let frequent = counts.into_iter().take_while(|&(_, count)| count >= enough);
    frequent.take(MAX_PROMOTED_FIELDS).map(|(name, _)| name.as_ref().to_owned()).collect()
}
