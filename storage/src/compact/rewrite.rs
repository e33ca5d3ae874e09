//! One rewrite: blocks in, blocks out. A merge splits what it writes at windows; a deletion leaves rows out.

use std::path::PathBuf;
use std::sync::Arc;

use super::plan::WHOLE;
use super::window::Windows;
use super::{Deletion, Outputs, logs, metrics, tables};
use crate::Error;
use crate::block::Block;
use crate::dir::atomic;
use crate::dir::manifest::{BlockEntry, BlockKind};
use crate::storage::Shared;

/// What log blocks compress with: a whole window is written once and read for as long as the retention is, 0.15 instead of 0.17 bytes a
/// raw byte.
const WHOLE_LOGS_ZSTD: i32 = 9;
const PART_LOGS_ZSTD: i32 = 1;
/// What metrics blocks compress with. Level 9 gives 1.632 instead of 1.639 bytes per sample (tests/bench/benches/storage.rs, 2026-11): not worth it.
const METRICS_ZSTD: i32 = 3;

/// A rewrite that is running.
pub(crate) struct Rewrite<'a> {
    pub(crate) shared: &'a Shared,
    /// The level of the outputs.
    pub(crate) level: u8,
    /// The window whose output has the level `WHOLE` whatever `level` says.
    pub(crate) whole: Option<i64>,
    /// The windows' length in the unit of the blocks' times; `None` = the output is not split.
    pub(crate) width: Option<i64>,
    pub(crate) deletion: Option<&'a Deletion>,
    /// Whether it has to give up, asked for now and then.
    pub(crate) must_stop: &'a dyn Fn() -> bool,
    pub(crate) outputs: Outputs,
    /// Rows that the deletion left out.
    pub(crate) removed: u64,
}

/// Writes blocks of one kind again; when it returns `Ok`, the outputs are on disk, aside.
pub(crate) fn rewrite(run: &mut Rewrite<'_>, inputs: &[Arc<Block>]) -> Result<(), Error> {
    let Some(first) = inputs.first() else { return Ok(()) };
    let min_ts = inputs.iter().map(|block| block.entry.min_ts).min().unwrap_or_default();
    let mut pass = Some(Windows::new(run.width, min_ts));
    while let Some(mut windows) = pass {
        match &first.entry.kind {
            BlockKind::Metrics => metrics::merge(run, inputs, &mut windows)?,
            BlockKind::Logs => logs::merge(run, inputs, &mut windows)?,
            BlockKind::Table(name) => tables::merge(run, inputs, name, &mut windows)?,
        }
        pass = windows.next_pass();
    }
    Ok(())
}

impl Rewrite<'_> {
    /// Begins an output for a window: its entry, and where it is written before it has its name.
    pub(super) fn begin(&mut self, kind: BlockKind, window: i64) -> (BlockEntry, PathBuf) {
        let level = if self.whole == Some(window) { WHOLE } else { self.level };
        let entry = BlockEntry { level, ..self.shared.new_entry(kind) };
        let path = self.shared.block_path(&entry);
        self.outputs.paths.push(path.clone());
        (entry, atomic::aside(&path))
    }

    /// Ends an output, which is on disk. It gets its name when it is committed, see `Outputs::name`.
    pub(super) fn end(&mut self, entry: BlockEntry) {
        let path = self.shared.block_path(&entry);
        self.outputs.blocks.push((entry, path));
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if (self.must_stop)() { Err(Error::Interrupted) } else { Ok(()) }
    }

    pub(super) fn zstd_level(&self, entry: &BlockEntry) -> i32 {
        match entry.kind {
            BlockKind::Logs if entry.level == WHOLE => WHOLE_LOGS_ZSTD,
            BlockKind::Logs => PART_LOGS_ZSTD,
            _ => METRICS_ZSTD,
        }
    }
}
