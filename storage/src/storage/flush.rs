//! Flushing: freeze what is in memory, write it into blocks while appends go on, commit the manifest, cut the log.
//!
//! The renamed manifest is the one commit point. Before it, a crash leaves files that no manifest names and a log that has everything;
//! after it, a log whose first part is in blocks and is skipped.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use super::{FlushReport, Frozen, Shared, Storage, count};
use crate::Error;
use crate::block::Block;
use crate::block::logs::write_logs;
use crate::block::samples::{SamplesWriter, needs_floats};
use crate::block::series::{RowPlace, SeriesRow, SeriesWriter};
use crate::block::table::{sort_by_time, time_range, write_table};
use crate::dir::atomic;
use crate::dir::layout::{samples_file, series_file};
use crate::dir::manifest::{BlockEntry, BlockKind, Manifest};
use crate::scan::known::KnownSamples;
use crate::table::buffer::TableBuffer;
use crate::wal::rows::put_key_value;
use crate::wal::writer::cut_segments;

/// Series whose labels are looked up under one lock.
const DESCRIBED_AT_ONCE: usize = 1024;

/// Series that are looked at for the trial of floating-point encodings, and values of each kind that suffice.
const TRIAL_SERIES: usize = 512;
const TRIAL_VALUES: usize = 64 * 1024;

impl Storage {
    /// Writes everything that is in memory into Parquet blocks, commits them and cuts the log. When it returns, the data needs no log any
    /// more. On an error everything is still in memory and in the log; the next flush tries again.
    pub fn flush(&self) -> Result<FlushReport, Error> {
        let shared = &self.shared;
        let _one_at_a_time = shared.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut report = FlushReport::default();
        // What an earlier flush froze and could not write comes first.
        let left_over = shared.read().frozen.clone();
        if let Some(frozen) = left_over {
            shared.write_frozen(&frozen, &mut report)?;
        }
        if let Some(frozen) = shared.freeze()? {
            shared.write_frozen(&frozen, &mut report)?;
        }
        Ok(report)
    }
}

/// The blocks that a flush makes, before the manifest names them.
struct NewBlocks {
    manifest: Manifest,
    blocks: Vec<Arc<Block>>,
}

impl NewBlocks {
    fn add(&mut self, entry: BlockEntry, path: PathBuf, report: &mut FlushReport) {
        report.bytes += entry.bytes;
        self.manifest.blocks.push(entry.clone());
        self.blocks.push(Arc::new(Block::new(entry, path)));
    }
}

impl Shared {
    /// Takes everything out of the live part of memory; nothing if there is nothing. Appends wait while it runs.
    fn freeze(&self) -> Result<Option<Arc<Frozen>>, Error> {
        let mut guard = self.write();
        let state = &mut *guard;
        if !state.has_log_records {
            return Ok(None);
        }
        // Columns first: if they cannot be made, nothing has changed yet.
        let mut tables = Vec::new();
        for buffer in state.tables.iter().filter(|buffer| buffer.count() > 0) {
            tables.push(buffer.rows()?);
        }
        let wal_from = state.wal.roll()?;
        // What is changed rather than appended goes from the old log to the new one.
        let unchanged: Vec<_> =
            state.key_values.iter().map(|(space, key, value)| (space.to_owned(), key.to_owned(), value.to_owned())).collect();
        state.log_records(|records| unchanged.iter().for_each(|(space, key, value)| put_key_value(records, space, key, Some(value))))?;
        let bytes = state.live_bytes();
        for buffer in &mut state.tables {
            *buffer = TableBuffer::new(buffer.table);
        }
        let (samples, logs) = (Arc::new(state.head.freeze()), Arc::new(state.logs.freeze()));
        let frozen = Arc::new(Frozen { samples, logs, tables, bytes, wal_from });
        state.frozen = Some(Arc::clone(&frozen));
        (state.filled_since, state.has_log_records) = (None, false);
        Ok(Some(frozen))
    }

    fn write_frozen(&self, frozen: &Frozen, report: &mut FlushReport) -> Result<(), Error> {
        let written = self.write_and_commit(frozen, report);
        let counter = if written.is_ok() { &self.totals.flushes } else { &self.totals.flush_failures };
        count(counter, 1);
        written
    }

    fn write_and_commit(&self, frozen: &Frozen, report: &mut FlushReport) -> Result<(), Error> {
        let faults = &self.options.faults;
        faults.pass("flush-frozen")?;
        let manifest = self.read().manifest.clone();
        let mut new = NewBlocks { manifest, blocks: Vec::new() };
        self.write_metrics(frozen, &mut new, report)?;
        self.write_logs(frozen, &mut new, report)?;
        self.write_tables(frozen, &mut new, report)?;
        new.manifest.wal_from = frozen.wal_from;
        // The log that stays must be as durable as the blocks before the older log goes.
        self.sync_log()?;
        new.manifest.store(&self.layout, faults)?;
        let mut state = self.write();
        state.manifest = new.manifest;
        state.blocks.extend(new.blocks);
        state.frozen = None;
        report.dropped_series += state.head.drop_ended(frozen.samples.max_timestamp) as u64;
        drop(state);
        faults.pass("blocks-published")?;
        let cut = cut_segments(&self.layout.wal(), frozen.wal_from)?;
        self.write().wal.forget(cut);
        faults.pass("log-cut")
    }

    fn write_metrics(&self, frozen: &Frozen, new: &mut NewBlocks, report: &mut FlushReport) -> Result<(), Error> {
        if frozen.samples.samples == 0 {
            return Ok(());
        }
        let name = self.next_block_name(&mut new.manifest);
        let mut entry = BlockEntry { name, kind: BlockKind::Metrics, rows: 0, min_ts: i64::MAX, max_ts: i64::MIN, bytes: 0 };
        let path = self.layout.block(&entry);
        let aside = atomic::aside(&path);
        atomic::create_folders(&aside)?;
        let order = self.write().head.frozen_order(&frozen.samples);
        let mut samples = SamplesWriter::create(samples_file(&aside), &trial_values(frozen, &order))?;
        let mut places = Vec::with_capacity(order.len());
        let mut known = KnownSamples::new(self);
        let (mut times, mut values) = (Vec::new(), Vec::new());
        for group in order.chunks(DESCRIBED_AT_ONCE) {
            let labels: Vec<_> = {
                let state = self.read();
                group.iter().map(|&(slot, _)| state.head.describe(slot).0).collect()
            };
            for (&(slot, id), labels) in group.iter().zip(labels) {
                times.clear();
                values.clear();
                frozen.samples.read(slot, (i64::MIN, i64::MAX), &mut times, &mut values);
                if times.first().is_some_and(|&first| frozen.samples.may_be_in_blocks(slot, first)) {
                    let conflicts = known.remove(&labels, &mut times, &mut values)?;
                    count(&self.totals.conflicts, conflicts);
                }
                let (Some(&min_ts), Some(&max_ts)) = (times.first(), times.last()) else { continue };
                let first_row = samples.push(id, &times, &values)?;
                entry.min_ts = entry.min_ts.min(min_ts);
                entry.max_ts = entry.max_ts.max(max_ts);
                places.push((slot, id, RowPlace { first_row, rows: times.len() as u64, min_ts, max_ts }));
            }
        }
        let (rows, sample_bytes) = samples.finish()?;
        self.options.faults.pass("samples-written")?;
        if rows == 0 {
            return atomic::remove(&aside);
        }
        let mut series = SeriesWriter::create(series_file(&aside))?;
        for group in places.chunks(DESCRIBED_AT_ONCE) {
            let described: Vec<_> = {
                let state = self.read();
                group.iter().map(|&(slot, ..)| state.head.describe(slot)).collect()
            };
            for (&(_, id, place), (labels, metadata)) in group.iter().zip(described) {
                series.push(SeriesRow { id, labels, metadata, place })?;
            }
        }
        let series_bytes = series.finish()?;
        atomic::sync_folder(&aside)?;
        atomic::commit(&path)?;
        self.options.faults.pass("series-written")?;
        (entry.rows, entry.bytes) = (rows, sample_bytes + series_bytes);
        report.samples += rows;
        report.series += places.len() as u64;
        new.add(entry, path, report);
        Ok(())
    }

    fn write_logs(&self, frozen: &Frozen, new: &mut NewBlocks, report: &mut FlushReport) -> Result<(), Error> {
        if frozen.logs.entries() > 0 {
            let (min_ts, max_ts) = frozen.logs.time_range();
            let name = self.next_block_name(&mut new.manifest);
            let mut entry = BlockEntry { name, kind: BlockKind::Logs, rows: 0, min_ts, max_ts, bytes: 0 };
            let path = self.layout.block(&entry);
            (entry.rows, entry.bytes) = write_logs(atomic::aside(&path), &frozen.logs)?;
            atomic::commit(&path)?;
            report.log_entries += entry.rows;
            new.add(entry, path, report);
        }
        self.options.faults.pass("logs-written")
    }

    fn write_tables(&self, frozen: &Frozen, new: &mut NewBlocks, report: &mut FlushReport) -> Result<(), Error> {
        for rows in &frozen.tables {
            let batch = sort_by_time(rows.table.name, &rows.concat()?)?;
            let Some((min_ts, max_ts)) = time_range(&batch) else { continue };
            let (name, kind) = (self.next_block_name(&mut new.manifest), BlockKind::Table(rows.table.name.to_owned()));
            let mut entry = BlockEntry { name, kind, rows: rows.count, min_ts, max_ts, bytes: 0 };
            let path = self.layout.block(&entry);
            entry.bytes = write_table(atomic::aside(&path), &batch)?;
            atomic::commit(&path)?;
            report.rows += entry.rows;
            new.add(entry, path, report);
        }
        self.options.faults.pass("tables-written")
    }

    /// A block's number, never given twice: a flush that fails after its manifest was renamed must not write over files that it names.
    fn next_block_name(&self, manifest: &mut Manifest) -> String {
        let mut state = self.write();
        let number = state.manifest.next_block;
        state.manifest.next_block += 1;
        manifest.next_block = state.manifest.next_block;
        format!("{number:08}")
    }
}

/// Values that will go into `v_f64`, from series all over the frozen part.
fn trial_values(frozen: &Frozen, order: &[(u32, cepmon_model::SeriesId)]) -> Vec<f64> {
    let mut trial = Vec::new();
    let (mut times, mut values) = (Vec::new(), Vec::new());
    for &(slot, _) in order.iter().step_by(order.len().div_ceil(TRIAL_SERIES).max(1)) {
        times.clear();
        values.clear();
        frozen.samples.read(slot, (i64::MIN, i64::MAX), &mut times, &mut values);
        if needs_floats(&values) {
            trial.extend_from_slice(&values);
        }
        if trial.len() >= TRIAL_VALUES {
            break;
        }
    }
    trial
}
