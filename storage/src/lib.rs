//! Data on disk: samples, log entries and typed tables, from the write-ahead log over the head in memory to Parquet blocks.
//!
//! [`Storage`] takes data in and keeps it, [`Snapshot`] reads it, [`TableDef`] describes a typed table. This crate knows Parquet
//! and Arrow; it knows no query language, no plugin and no network.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]
#![deny(missing_docs)]

mod storage;
mod options;
mod scan;
mod head;
mod index;
mod number;
mod utc;
mod wal;
mod table;
mod block;
mod compact;
mod dir;
mod error;
#[doc(hidden)]
pub mod fuzzing;

pub use block::checksum::checksums_beside;
pub use block::decode::decode_parquet;
pub use block::schema::{MAX_PROMOTED_FIELDS, PROMOTED_PREFIX, label_map_type, log_schema};
pub use compact::{Deletion, DeletionReport};
pub use dir::fault::{FAULT_POINTS, FaultAction, Faults, REWRITE_FAULT_POINTS};
pub use error::Error;
pub use options::{FsyncPolicy, HEAD_MAX_BYTES, Retention, StorageOptions};
pub use scan::{Cardinality, LabelScan, LogScan, SampleScan, SeriesInfo, SeriesSamples, Snapshot};
pub use storage::{
    AppendOutcome, CompactionReport, FlushReport, LogEntry, MaintainReport, OpenReport, SampleBlock, SavedSnapshot, SeriesRef, SetAside,
    Storage, StorageStats,
};
pub use table::{
    ALERTS, AUDIT, Cell, Column, ColumnKind, EXEMPLARS, HISTOGRAMS, NOTIFICATIONS, PROBES, SCRAPES, SeriesExemplar, TABLES, TableDef,
};
pub use utc::utc;
