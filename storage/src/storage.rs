//! The door: [`Storage`] takes data in, flushes it and keeps house.
//!
//! One read-write lock guards what changes: head, log, frozen part, list of blocks. Appends hold it while they write to the log (about
//! 10 µs for a scrape), scans while they take a view, a flush only to freeze and to publish.

mod report;
mod open;
mod append;
mod flush;
mod maintain;
mod compact;
mod delete;
mod save;
mod set_aside;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use cepmon_model::TimestampMs;

use crate::block::{Block, BlockCache};
use crate::compact::plan::WHOLE;
use crate::dir::layout::Layout;
use crate::dir::lock::DirLock;
use crate::dir::manifest::Manifest;
use crate::head::logs::{LogHead, LogRows};
use crate::head::{Accepted, FrozenSamples, Head, Journal};
use crate::table::buffer::{TableBuffer, TableRows};
use crate::table::histogram::YoungestHistograms;
use crate::table::key_value::KeyValues;
use crate::wal::writer::WalWriter;
use crate::{Snapshot, StorageOptions, TableDef};

pub use report::{
    AppendOutcome, CompactionReport, FlushReport, LogEntry, MaintainReport, OpenReport, SampleBlock, SavedSnapshot, SeriesRef, SetAside,
    StorageStats,
};

/// The most of `head_max_bytes` that counts: chunk addresses have 32 bits and the head may grow to four times this.
const LARGEST_HEAD_BYTES: u64 = 512 << 20;

/// A data directory, opened by this process and no other. Clones are the same storage.
#[derive(Debug, Clone)]
pub struct Storage {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: StorageOptions,
    layout: Layout,
    compaction: compact::Compaction,
    state: RwLock<State>,
    /// One flush at a time; also guards changes of the manifest.
    flushing: Mutex<()>,
    pub(crate) cache: BlockCache,
    totals: Totals,
    _lock: DirLock,
}

/// What appends, flushes and scans share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) head: Head,
    pub(crate) logs: LogHead,
    /// In the order of `TABLES`.
    pub(crate) tables: Vec<TableBuffer>,
    youngest_histograms: YoungestHistograms,
    key_values: KeyValues,
    journal: Journal,
    wal: WalWriter,
    /// Records that the next flush will cut off the log.
    has_log_records: bool,
    /// What a flush is writing, or failed to write and will try again.
    pub(crate) frozen: Option<Arc<Frozen>>,
    /// Live blocks, oldest first.
    pub(crate) blocks: Vec<Arc<Block>>,
    manifest: Manifest,
    /// Since when there is something to flush, by the clock of `maintain`.
    filled_since: Option<TimestampMs>,
    /// When a failed flush is tried again, and how long to wait if that fails too.
    retry_at: Option<TimestampMs>,
    retry_after_ms: i64,
    /// Samples before this are older than the retention: refused, and no longer shown.
    pub(crate) oldest_sample: TimestampMs,
    /// Log entries before this are no longer shown.
    pub(crate) oldest_log_ns: i64,
    accepted: Vec<Accepted>,
    records: Vec<u8>,
}

/// The part of memory that is on its way into blocks.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub(crate) samples: Arc<FrozenSamples>,
    pub(crate) logs: Arc<LogRows>,
    /// Tables that have rows.
    pub(crate) tables: Vec<TableRows>,
    bytes: usize,
    /// The first log segment that is not in it.
    wal_from: u32,
}

/// Counters since start.
#[derive(Debug, Default)]
struct Totals {
    appended: AtomicU64,
    duplicates: AtomicU64,
    conflicts: AtomicU64,
    too_old: AtomicU64,
    log_entries: AtomicU64,
    rows: AtomicU64,
    flushes: AtomicU64,
    flush_failures: AtomicU64,
    append_failures: AtomicU64,
    compactions: AtomicU64,
    compaction_failures: AtomicU64,
    compacted_bytes_in: AtomicU64,
    compacted_bytes_out: AtomicU64,
}

impl Storage {
    /// The typed tables that there are.
    pub fn tables() -> &'static [&'static TableDef] {
        &crate::TABLES
    }

    /// A view for reading.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.clone())
    }

    /// The blocks that hold samples, oldest first.
    pub fn sample_blocks(&self) -> Vec<SampleBlock> {
        let state = self.shared.read();
        let entries = state.blocks.iter().map(|block| &block.entry).filter(|entry| entry.kind == crate::dir::manifest::BlockKind::Metrics);
        let block = |entry: &crate::dir::manifest::BlockEntry| SampleBlock {
            name: entry.name.clone(),
            min_time: entry.min_ts,
            max_time: entry.max_ts,
            samples: entry.rows,
            bytes: entry.bytes,
        };
        entries.map(block).collect()
    }

    /// Counters and sizes.
    pub fn stats(&self) -> StorageStats {
        let state = self.shared.read();
        let totals = &self.shared.totals;
        let total = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let frozen = state.frozen.as_ref();
        let sample_blocks =
            || state.blocks.iter().map(|block| &block.entry).filter(|entry| entry.kind == crate::dir::manifest::BlockKind::Metrics);
        StorageStats {
            head_series: state.head.series_count() as u64,
            head_samples: state.head.sample_count() + frozen.map_or(0, |frozen| frozen.samples.samples),
            head_bytes: state.memory_bytes(),
            index_bytes: state.head.index_bytes() as u64,
            slot_bytes: state.head.slot_bytes() as u64,
            head_log_entries: state.logs.rows().entries() + frozen.map_or(0, |frozen| frozen.logs.entries()),
            wal_bytes: state.wal.bytes(),
            blocks: state.blocks.len() as u64,
            damaged_blocks: state.blocks.iter().filter(|block| block.is_damaged()).count() as u64,
            whole_blocks: state.blocks.iter().filter(|block| block.entry.level == WHOLE).count() as u64,
            block_bytes: state.blocks.iter().map(|block| block.entry.bytes).sum(),
            sample_block_bytes: sample_blocks().map(|entry| entry.bytes).sum(),
            block_samples: sample_blocks().map(|entry| entry.rows).sum(),
            appended_samples_total: total(&totals.appended),
            duplicate_samples_total: total(&totals.duplicates),
            conflicting_samples_total: total(&totals.conflicts),
            too_old_samples_total: total(&totals.too_old),
            appended_log_entries_total: total(&totals.log_entries),
            appended_rows_total: total(&totals.rows),
            flushes_total: total(&totals.flushes),
            flush_failures_total: total(&totals.flush_failures),
            append_failures_total: total(&totals.append_failures),
            compactions_total: total(&totals.compactions),
            compaction_failures_total: total(&totals.compaction_failures),
            compacted_input_bytes_total: total(&totals.compacted_bytes_in),
            compacted_output_bytes_total: total(&totals.compacted_bytes_out),
        }
    }
}

impl Shared {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn head_max_bytes(&self) -> u64 {
        self.options.head_max_bytes.min(LARGEST_HEAD_BYTES)
    }
}

impl State {
    /// Bytes that flushing frees.
    fn memory_bytes(&self) -> u64 {
        (self.live_bytes() + self.frozen.as_ref().map_or(0, |frozen| frozen.bytes)) as u64
    }

    fn live_bytes(&self) -> usize {
        let tables: usize = self.tables.iter().map(TableBuffer::bytes).sum();
        self.head.data_bytes() + self.logs.rows().bytes() + tables
    }
}

fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
