//! Writing what is frozen into blocks. Nothing here is final: the manifest decides.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cepmon_model::SeriesId;
use hashbrown::HashSet;

use super::super::{FlushReport, Frozen, Shared, count};
use crate::Error;
use crate::block::Block;
use crate::block::checksum::checksum_file;
use crate::block::logs::write_logs;
use crate::block::samples::{SamplesWriter, needs_floats};
use crate::block::series::{RowPlace, SeriesRow, SeriesWriter};
use crate::block::table::{sort_by_time, time_range, write_table};
use crate::dir::atomic;
use crate::dir::layout::{samples_file, series_file};
use crate::dir::manifest::{BlockEntry, BlockKind, Manifest};
use crate::scan::known::KnownSamples;

/// Series whose labels are looked up under one lock.
const DESCRIBED_AT_ONCE: usize = 1024;

/// Series that are looked at for the trial of floating-point encodings, and values that suffice.
const TRIAL_SERIES: usize = 512;
const TRIAL_VALUES: usize = 64 * 1024;

/// A series of a samples file: its slot in the head, its id, its rows.
type PlacedSeries = (u32, SeriesId, RowPlace);

/// The blocks that a flush makes, before the manifest names them.
pub(super) struct NewBlocks {
    pub(super) manifest: Manifest,
    pub(super) blocks: Vec<Arc<Block>>,
    /// Where blocks were begun, finished or not.
    paths: Vec<PathBuf>,
}

impl NewBlocks {
    /// None yet, on top of a manifest.
    pub(super) fn after(manifest: Manifest) -> Self {
        Self { manifest, blocks: Vec::new(), paths: Vec::new() }
    }

    /// Removes what was written, as far as the disk lets it; the next start removes the rest.
    pub(super) fn discard(&self) {
        for path in &self.paths {
            for path in [atomic::aside(path), path.clone(), checksum_file(path)] {
                if let Err(error) = atomic::remove(&path) {
                    tracing::warn!(%error, "cannot remove a file of a flush that failed");
                }
            }
        }
    }

    fn add(&mut self, entry: BlockEntry, path: PathBuf, report: &mut FlushReport) {
        report.bytes += entry.bytes;
        self.manifest.blocks.push(entry.clone());
        self.blocks.push(Arc::new(Block::new(entry, path)));
    }
}

impl Shared {
    /// Writes all blocks of the frozen part.
    pub(super) fn write_blocks(&self, frozen: &Frozen, new: &mut NewBlocks, report: &mut FlushReport) -> Result<(), Error> {
        self.write_metrics(frozen, new, report)?;
        self.write_logs(frozen, new, report)?;
        self.write_tables(frozen, new, report)
    }

    /// Writes the samples: in one block, or in two when there are much older ones among them (a backfill, late data). What is asked for most
    /// is the last minutes, and a block is read by pages that hold all times of its series.
    fn write_metrics(&self, frozen: &Frozen, new: &mut NewBlocks, report: &mut FlushReport) -> Result<(), Error> {
        if frozen.samples.samples == 0 {
            return Ok(());
        }
        let order = self.write().head.frozen_order(&frozen.samples);
        let trial = trial_values(frozen, &order);
        let mut flushed = HashSet::new();
        for span in frozen.samples.spans(&order, self.options.head_max_age_ms) {
            let mut entry = self.next_entry(new, BlockKind::Metrics);
            let path = self.begin(new, &entry);
            let aside = atomic::aside(&path);
            atomic::create_folders(&aside)?;
            let writer = SamplesWriter::create(samples_file(&aside), &trial)?;
            let places = self.write_samples(frozen, &order, span, writer, &mut entry)?;
            self.options.faults.pass("samples-written")?;
            if places.is_empty() {
                atomic::remove(&aside)?;
                continue;
            }
            entry.bytes += self.write_series(&places, &aside)?;
            atomic::sync_folder(&aside)?;
            atomic::commit(&path)?;
            self.options.faults.pass("series-written")?;
            report.samples += entry.rows;
            flushed.extend(places.iter().map(|&(slot, ..)| slot));
            new.add(entry, path, report);
        }
        report.series += flushed.len() as u64;
        Ok(())
    }

    /// Writes the samples of a span (inclusive) that no block has yet, and says where each series' lie.
    fn write_samples(
        &self,
        frozen: &Frozen,
        order: &[(u32, SeriesId)],
        span: (i64, i64),
        mut writer: SamplesWriter,
        entry: &mut BlockEntry,
    ) -> Result<Vec<PlacedSeries>, Error> {
        let mut places = Vec::with_capacity(order.len());
        let mut known = KnownSamples::new(self);
        let (mut times, mut values) = (Vec::new(), Vec::new());
        for &(slot, id) in order {
            times.clear();
            values.clear();
            frozen.samples.read(slot, span, &mut times, &mut values);
            if times.first().is_some_and(|&first| frozen.samples.may_be_in_blocks(slot, first)) {
                let labels = self.read().head.describe(slot).0;
                let conflicts = known.remove(&labels, &mut times, &mut values)?;
                count(&self.totals.conflicts, conflicts);
            }
            let (Some(&min_ts), Some(&max_ts)) = (times.first(), times.last()) else { continue };
            let first_row = writer.push(id, &times, &values)?;
            entry.min_ts = entry.min_ts.min(min_ts);
            entry.max_ts = entry.max_ts.max(max_ts);
            places.push((slot, id, RowPlace { first_row, rows: times.len() as u64, min_ts, max_ts }));
        }
        (entry.rows, entry.bytes) = writer.finish()?;
        Ok(places)
    }

    /// Writes who the series are; gives the file's bytes.
    fn write_series(&self, places: &[PlacedSeries], folder: &Path) -> Result<u64, Error> {
        let mut writer = SeriesWriter::create(series_file(folder))?;
        for group in places.chunks(DESCRIBED_AT_ONCE) {
            let described: Vec<_> = {
                let state = self.read();
                group.iter().map(|&(slot, ..)| state.head.describe(slot)).collect()
            };
            for (&(_, id, place), (labels, metadata)) in group.iter().zip(described) {
                writer.push(SeriesRow { id, labels, metadata, place })?;
            }
        }
        writer.finish()
    }

    fn write_logs(&self, frozen: &Frozen, new: &mut NewBlocks, report: &mut FlushReport) -> Result<(), Error> {
        if frozen.logs.entries() > 0 {
            let (min_ts, max_ts) = frozen.logs.time_range();
            let mut entry = BlockEntry { min_ts, max_ts, ..self.next_entry(new, BlockKind::Logs) };
            let path = self.begin(new, &entry);
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
            let kind = BlockKind::Table(rows.table.name.to_owned());
            let mut entry = BlockEntry { rows: rows.count, min_ts, max_ts, ..self.next_entry(new, kind) };
            let path = self.begin(new, &entry);
            entry.bytes = write_table(atomic::aside(&path), &batch)?;
            atomic::commit(&path)?;
            report.rows += entry.rows;
            new.add(entry, path, report);
        }
        self.options.faults.pass("tables-written")
    }

    /// An entry with a number that was never given before: a flush that fails after its manifest was renamed must not write over files
    /// that it names.
    fn next_entry(&self, new: &mut NewBlocks, kind: BlockKind) -> BlockEntry {
        let entry = self.new_entry(kind);
        new.manifest.next_block = self.read().manifest.next_block;
        entry
    }

    /// Notes where a block will be.
    fn begin(&self, new: &mut NewBlocks, entry: &BlockEntry) -> PathBuf {
        let path = self.layout.block(entry);
        new.paths.push(path.clone());
        path
    }
}

/// Values that will go into `v_f64`, from series all over the frozen part.
fn trial_values(frozen: &Frozen, order: &[(u32, SeriesId)]) -> Vec<f64> {
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
