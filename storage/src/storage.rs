//! The door: [`Storage`] and [`Snapshot`].

use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use cepmon_model::{LabelSet, Matcher, MetricMetadata, TimestampMs};

use crate::{Cell, Error, LogScan, SampleScan, SeriesInfo, SeriesSamples, StorageOptions, TableDef};

/// A series' number in the head, for appends. Never reused in a process; gone once the series has left the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesRef(pub u64);

/// What became of a batch of samples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppendOutcome {
    /// Stored now.
    pub appended: usize,
    /// Dropped: the same series, time and value are there already.
    pub duplicates: usize,
    /// Refused: the same series and time are there with another value.
    pub conflicts: usize,
    /// Refused: older than the retention.
    pub too_old: usize,
    /// Indexes in the batch whose series has left the head: register it again and append again.
    pub unknown: Vec<usize>,
}

/// A log line with its time and labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Unix nanoseconds.
    pub timestamp_ns: i64,
    /// The labels of its stream.
    pub stream: Arc<LabelSet>,
    /// `trace`, `debug`, `info`, `warn`, `error`, `fatal`, or empty.
    pub level: String,
    /// The raw line.
    pub line: String,
    /// Fields that a parser found, each name once.
    pub fields: Vec<(Arc<str>, String)>,
}

/// What opening found.
#[derive(Debug, Clone, Default)]
pub struct OpenReport {
    /// Log records read again.
    pub replayed_records: u64,
    /// Samples among them.
    pub replayed_samples: u64,
    /// Bytes cut off the end of the log because the process died while writing them. They were never acknowledged.
    pub torn_bytes: u64,
    /// Damage in the middle of the log, each with file, offset and what was lost.
    pub problems: Vec<String>,
    /// Files of an unfinished flush that were removed.
    pub removed_files: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// What a flush wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlushReport {
    /// Samples written.
    pub samples: u64,
    /// Series they belong to.
    pub series: u64,
    /// Log entries written.
    pub log_entries: u64,
    /// Table rows written.
    pub rows: u64,
    /// Bytes of the new files.
    pub bytes: u64,
    /// Series that left the head because they ended.
    pub dropped_series: u64,
}

/// What a round of maintenance did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MaintainReport {
    /// The flush, if one was due.
    pub flush: Option<FlushReport>,
    /// Blocks that retention removed.
    pub removed_blocks: u64,
}

/// Counters and sizes, for `/metrics`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageStats {
    /// Series in the head.
    pub head_series: u64,
    /// Samples in the head (frozen part included).
    pub head_samples: u64,
    /// Bytes of samples, log lines and rows in memory (what `head_max_bytes` bounds).
    pub head_bytes: u64,
    /// Bytes of the series index in memory.
    pub index_bytes: u64,
    /// Log entries in the head.
    pub head_log_entries: u64,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// Live blocks.
    pub blocks: u64,
    /// Bytes of live blocks.
    pub block_bytes: u64,
    /// Samples appended since start.
    pub appended_samples_total: u64,
    /// Samples dropped as duplicates since start.
    pub duplicate_samples_total: u64,
    /// Samples refused as conflicts since start.
    pub conflicting_samples_total: u64,
    /// Samples refused as too old since start.
    pub too_old_samples_total: u64,
    /// Log entries appended since start.
    pub appended_log_entries_total: u64,
    /// Table rows appended since start.
    pub appended_rows_total: u64,
    /// Flushes that succeeded since start.
    pub flushes_total: u64,
    /// Flushes that failed since start.
    pub flush_failures_total: u64,
    /// Appends that the log refused (disk full and the like) since start.
    pub append_failures_total: u64,
}

/// A data directory, opened by this process and no other.
#[derive(Debug, Clone)]
pub struct Storage {}

/// A consistent view for reading.
#[derive(Debug, Clone)]
pub struct Snapshot {}

impl Storage {
    /// Opens a data directory: takes the lock, reads the manifest, removes what an unfinished flush left, replays the log.
    pub fn open(options: StorageOptions) -> Result<(Self, OpenReport), Error> {
        let _ = options;
        Ok((Self {}, OpenReport::default()))
    }

    /// The reference of a series, made if it is new. Nothing is durable until its first sample is.
    pub fn series_ref(&self, labels: &LabelSet, metadata: &MetricMetadata) -> Result<SeriesRef, Error> {
        let _ = (labels, metadata);
        Ok(SeriesRef(0))
    }

    /// Appends samples. When it returns, they survive `kill -9` and every scan sees them.
    pub fn append(&self, batch: &[(SeriesRef, TimestampMs, f64)]) -> Result<AppendOutcome, Error> {
        let _ = batch;
        Ok(AppendOutcome::default())
    }

    /// Appends log entries. When it returns, they survive `kill -9` and every scan sees them.
    pub fn append_logs(&self, entries: &[LogEntry]) -> Result<(), Error> {
        let _ = entries;
        Ok(())
    }

    /// Appends rows to a typed table. When it returns, they survive `kill -9` and every scan sees them.
    pub fn append_rows(&self, table: &'static TableDef, rows: &[Vec<Cell>]) -> Result<(), Error> {
        let _ = (table, rows);
        Ok(())
    }

    /// The typed tables that there are.
    pub fn tables() -> &'static [&'static TableDef] {
        &crate::TABLES
    }

    /// Sets or (with `None`) removes a key of a space. When it returns, that survives `kill -9`.
    pub fn kv_put(&self, space: &str, key: &str, value: Option<&[u8]>) -> Result<(), Error> {
        let _ = (space, key, value);
        Ok(())
    }

    /// All keys of a space with their values, sorted.
    pub fn kv_list(&self, space: &str) -> Vec<(String, Vec<u8>)> {
        let _ = space;
        Vec::new()
    }

    /// Writes everything in memory into Parquet blocks, commits them and cuts the log.
    pub fn flush(&self) -> Result<FlushReport, Error> {
        Ok(FlushReport::default())
    }

    /// Whether memory holds enough, or old enough, data for a flush.
    pub fn should_flush(&self, now: TimestampMs) -> bool {
        let _ = now;
        false
    }

    /// Housekeeping, to be called every second: forces the log to the disk, flushes when due, applies retention.
    pub fn maintain(&self, now: TimestampMs) -> Result<MaintainReport, Error> {
        let _ = now;
        Ok(MaintainReport::default())
    }

    /// Counters and sizes.
    pub fn stats(&self) -> StorageStats {
        StorageStats::default()
    }

    /// A view for reading.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {}
    }
}

impl Snapshot {
    /// Series that match, in the order of `LabelSet`, each once, with their samples merged over head and blocks.
    pub fn scan_samples(&self, scan: &SampleScan) -> Result<Box<dyn Iterator<Item = Result<SeriesSamples, Error>> + Send>, Error> {
        let _ = scan;
        Ok(Box::new(std::iter::empty()))
    }

    /// What is known of the series that match, in the order of `LabelSet`.
    pub fn series(&self, matchers: &[Matcher]) -> Result<Vec<SeriesInfo>, Error> {
        let _ = matchers;
        Ok(Vec::new())
    }

    /// The names of all metrics, sorted.
    pub fn metric_names(&self) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    /// The names of all labels of a metric, sorted, without `__name__`.
    pub fn label_names(&self, metric: &str) -> Result<Vec<String>, Error> {
        let _ = metric;
        Ok(Vec::new())
    }

    /// Log entries that match, in no promised order over batches, sorted by stream and time within one.
    pub fn scan_logs(&self, scan: &LogScan) -> Result<Box<dyn Iterator<Item = Result<RecordBatch, Error>> + Send>, Error> {
        let _ = scan;
        Ok(Box::new(std::iter::empty()))
    }

    /// Names of log fields that have columns of their own in some block (without the prefix `field_`), most frequent first, at most 64.
    pub fn promoted_fields(&self) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    /// Rows of a typed table between two times (inclusive), ascending by time within each batch.
    pub fn scan_table(&self, table: &TableDef, start: TimestampMs, end: TimestampMs) -> Result<Vec<RecordBatch>, Error> {
        let _ = (table, start, end);
        Ok(Vec::new())
    }
}
