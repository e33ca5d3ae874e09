//! What callers hand in and get back, beside samples: references, outcomes, reports, counters.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cepmon_model::{LabelSet, TimestampMs};

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

impl AppendOutcome {
    /// Counts another batch in; its unknown series are the caller's.
    pub fn add(&mut self, other: &Self) {
        self.appended += other.appended;
        self.duplicates += other.duplicates;
        self.conflicts += other.conflicts;
        self.too_old += other.too_old;
    }
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

/// A block of samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleBlock {
    /// Its name.
    pub name: String,
    /// Time of its oldest sample.
    pub min_time: TimestampMs,
    /// Time of its youngest sample.
    pub max_time: TimestampMs,
    /// How many samples it has.
    pub samples: u64,
    /// Bytes of its files.
    pub bytes: u64,
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

/// A snapshot that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedSnapshot {
    /// Its name: time and a number by chance.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Files of blocks that were gone before.
    pub problems: Vec<String>,
}

/// A damaged block that was taken out of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Rows that answers lack from now on.
    pub rows: u64,
    /// Where its files are kept.
    pub place: PathBuf,
}

/// What a merge of blocks did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactionReport {
    /// Blocks that were merged.
    pub inputs: u64,
    /// Blocks that they became.
    pub outputs: u64,
    /// Bytes of the merged blocks.
    pub input_bytes: u64,
    /// Bytes of the new ones.
    pub output_bytes: u64,
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
    /// Bytes in memory that tell series apart and find them: labels, postings, ids, metadata.
    pub index_bytes: u64,
    /// Bytes in memory of what is remembered per series for its next sample.
    pub slot_bytes: u64,
    /// Log entries in the head.
    pub head_log_entries: u64,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// Live blocks.
    pub blocks: u64,
    /// Live blocks that were found damaged since start.
    pub damaged_blocks: u64,
    /// Live blocks that hold a whole day (or window) of their kind.
    pub whole_blocks: u64,
    /// Bytes of live blocks.
    pub block_bytes: u64,
    /// Bytes of the live blocks that hold samples.
    pub sample_block_bytes: u64,
    /// Samples in them.
    pub block_samples: u64,
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
    /// Merges of blocks that were committed since start.
    pub compactions_total: u64,
    /// Merges of blocks that failed since start.
    pub compaction_failures_total: u64,
    /// Bytes of the blocks that were merged since start.
    pub compacted_input_bytes_total: u64,
    /// Bytes of the blocks that they became.
    pub compacted_output_bytes_total: u64,
}
