//! Opening a data directory: lock, manifest, cleaning, replay.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Instant;

use hashbrown::HashSet;

use super::compact::Compaction;
use super::maintain::FIRST_RETRY_MS;
use super::save::remove_unfinished;
use super::{OpenReport, Shared, State, Storage, Totals};
use crate::block::checksum::checksum_file;
use crate::block::{Block, BlockCache};
use crate::dir::atomic;
use crate::dir::layout::Layout;
use crate::dir::lock::DirLock;
use crate::dir::manifest::Manifest;
use crate::head::logs::LogHead;
use crate::head::{Head, Journal, SeriesReplay};
use crate::table::buffer::TableBuffer;
use crate::table::histogram::YoungestHistograms;
use crate::table::key_value::KeyValues;
use crate::wal::cursor::Malformed;
use crate::wal::frame::RecordKind;
use crate::wal::logs::read_logs;
use crate::wal::replay::replay_segment;
use crate::wal::rows::{read_key_value, read_rows};
use crate::wal::writer::{WalWriter, cut_segments, list_segments, segment_path};
use crate::{Cell, Error, StorageOptions};

impl Storage {
    /// Opens a data directory: takes the lock, reads the manifest, removes what an unfinished flush left, replays the log. Damage in the
    /// log is no error: what can be read is there, the report names the rest.
    pub fn open(options: StorageOptions) -> Result<(Self, OpenReport), Error> {
        let started = Instant::now();
        check_tenant(&options.tenant)?;
        let layout = Layout::new(&options.data_dir, &options.tenant);
        atomic::create_folders(layout.root())?;
        let lock = DirLock::acquire(layout.root(), &layout.lock())?;
        let manifest = Manifest::load(&layout)?;
        let mut report = OpenReport { removed_files: remove_leftovers(&layout, &manifest)?, ..OpenReport::default() };
        for folder in layout.block_folders().into_iter().chain([layout.wal()]) {
            atomic::create_folders(&folder)?;
        }
        let blocks = live_blocks(&layout, &manifest, &mut report.problems)?;
        cut_segments(&layout.wal(), manifest.wal_from)?;
        let mut memory = Memory::new(&options.tenant);
        let (last_segment, older_bytes) = replay(&layout, &mut memory, &mut report)?;
        let wal = WalWriter::create(&layout.wal(), last_segment.max(manifest.wal_from.saturating_sub(1)) + 1, older_bytes)?;
        let state = State {
            head: memory.head,
            logs: memory.logs,
            tables: memory.tables,
            youngest_histograms: YoungestHistograms::default(),
            key_values: memory.key_values,
            journal: Journal::default(),
            wal,
            has_log_records: report.replayed_records > 0 || !report.problems.is_empty(),
            frozen: None,
            blocks,
            manifest,
            filled_since: None,
            retry_at: None,
            retry_after_ms: FIRST_RETRY_MS,
            oldest_sample: i64::MIN,
            oldest_log_ns: i64::MIN,
            accepted: Vec::new(),
            records: Vec::new(),
        };
        let shared = Shared {
            options,
            layout,
            compaction: Compaction::default(),
            state: RwLock::new(state),
            flushing: Mutex::new(()),
            cache: BlockCache::default(),
            totals: Totals::default(),
            _lock: lock,
        };
        report.elapsed = started.elapsed();
        Ok((Self { shared: Arc::new(shared) }, report))
    }
}

/// Folders beside those of tenants.
const RESERVED: [&str; 4] = ["wal", "snapshots", "damaged", "spill"];

/// A tenant is a folder's name.
fn check_tenant(tenant: &str) -> Result<(), Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !tenant.is_empty() && !RESERVED.contains(&tenant) && tenant.bytes().all(is_plain) {
        return Ok(());
    }
    let problem = "a tenant's name has letters, digits, - and _, and is none of the folders of the layout".to_owned();
    Err(Error::Refused { target: tenant.to_owned(), problem })
}

/// Removes files that no manifest names: an unfinished flush, or blocks whose removal a crash cut short.
fn remove_leftovers(layout: &Layout, manifest: &Manifest) -> Result<u64, Error> {
    let blocks = manifest.blocks.iter().map(|entry| layout.block(entry));
    let live: HashSet<PathBuf> = blocks.flat_map(|path| [checksum_file(&path), path]).collect();
    let mut removed = remove_unfinished(layout)?;
    let aside = atomic::aside(&layout.manifest());
    let unfinished_manifest = aside.try_exists().map_err(Error::io("look for", &aside))?;
    if unfinished_manifest {
        atomic::remove(&aside)?;
        removed += 1;
    }
    for folder in layout.block_folders() {
        for path in atomic::list(&folder)? {
            if !live.contains(&path) {
                atomic::remove(&path)?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// The blocks of the manifest. One whose files are gone is named and stays: what needs it is told so.
fn live_blocks(layout: &Layout, manifest: &Manifest, problems: &mut Vec<String>) -> Result<Vec<Arc<Block>>, Error> {
    let mut blocks = Vec::with_capacity(manifest.blocks.len());
    for entry in &manifest.blocks {
        let block = Block::new(entry.clone(), layout.block(entry));
        for file in block.files() {
            if !file.try_exists().map_err(Error::io("look for", file))? {
                problems.push(file.damaged("it is not there").to_string());
            }
        }
        blocks.push(Arc::new(block));
    }
    Ok(blocks)
}

/// What the log is read into.
struct Memory {
    head: Head,
    logs: LogHead,
    tables: Vec<TableBuffer>,
    key_values: KeyValues,
}

impl Memory {
    fn new(tenant: &str) -> Self {
        let tables = crate::TABLES.iter().map(|table| TableBuffer::new(table)).collect();
        Self { head: Head::new(tenant), logs: LogHead::default(), tables, key_values: KeyValues::default() }
    }

    /// Applies a record; gives the number of its samples.
    fn apply(&mut self, series: &mut SeriesReplay, kind: RecordKind, payload: &[u8]) -> Result<u64, Malformed> {
        match kind {
            RecordKind::Series => series.apply_series(&mut self.head, payload)?,
            RecordKind::Samples => return series.apply_samples(&mut self.head, payload),
            RecordKind::Logs => drop(read_logs(payload, |entry| self.logs.push(entry))?),
            RecordKind::Rows => {
                let (name, rows) = read_rows(payload)?;
                let buffer = self.tables.iter_mut().find(|buffer| buffer.table.name == name).ok_or(Malformed)?;
                for mut row in rows {
                    // A record of an older version lacks columns that were added since.
                    row.resize(buffer.table.columns.len().max(row.len()), Cell::Null);
                    buffer.table.check_row(&row).map_err(|_| Malformed)?;
                    buffer.push([row]).map_err(|_| Malformed)?;
                }
            }
            RecordKind::KeyValues => {
                let (space, key, value) = read_key_value(payload)?;
                self.key_values.put(space, key, value);
            }
        }
        Ok(0)
    }
}

/// Reads all log segments into memory; gives the last segment's number and the bytes of all.
fn replay(layout: &Layout, memory: &mut Memory, report: &mut OpenReport) -> Result<(u32, u64), Error> {
    let (mut last, mut bytes) = (0, 0);
    for (segment, size) in list_segments(&layout.wal())? {
        let mut series = SeriesReplay::default();
        let mut samples = 0;
        let path = segment_path(&layout.wal(), segment);
        let read = replay_segment(&path, |kind, payload| {
            samples += memory.apply(&mut series, kind, payload)?;
            Ok(())
        })?;
        report.replayed_records += read.records;
        report.replayed_samples += samples;
        report.torn_bytes += read.torn_bytes;
        if let Some(problem) = &read.problem {
            tracing::error!("damaged log: {problem}");
            report.problems.push(problem.clone());
        }
        last = segment;
        if read.records == 0 && read.problem.is_none() {
            // Each start makes a segment; those that nothing came to would pile up until the next flush.
            atomic::remove(&path)?;
        } else {
            bytes += size - read.torn_bytes;
        }
    }
    if report.torn_bytes > 0 {
        tracing::warn!(bytes = report.torn_bytes, "cut an unfinished record off the log; it was never acknowledged");
    }
    Ok((last, bytes))
}
