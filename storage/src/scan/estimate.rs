//! About how many rows a scan will give, from what the manifest and the head know without opening a file. For plans, never for answers:
//! labels are not looked at, and rows of a block count as spread evenly over its time.

use cepmon_model::TimestampMs;

use super::Snapshot;
use crate::block::Block;
use crate::dir::manifest::BlockKind;
use crate::{Error, TableDef};

impl Snapshot {
    /// Samples between two times, inclusive, in Unix milliseconds.
    pub fn estimate_samples(&self, start: TimestampMs, end: TimestampMs) -> u64 {
        let state = self.storage().shared.read();
        let frozen = state.frozen.as_ref().map_or(0, |frozen| frozen.samples.samples);
        state.head.sample_count() + frozen + in_blocks(&state.blocks, |kind| *kind == BlockKind::Metrics, (start, end))
    }

    /// All series. The youngest block is looked at for those that have left the head.
    pub fn estimate_series(&self) -> Result<u64, Error> {
        let shared = &self.storage().shared;
        let (head, block) = {
            let state = shared.read();
            let youngest = state.blocks.iter().rfind(|block| block.entry.kind == BlockKind::Metrics);
            (state.head.series_count() as u64, youngest.cloned())
        };
        let block = block.map(|block| shared.cache.index(&block)).transpose()?;
        Ok(head.max(block.map_or(0, |index| index.series_count() as u64)))
    }

    /// Log entries between two times, inclusive, in Unix nanoseconds.
    pub fn estimate_logs(&self, start_ns: i64, end_ns: i64) -> u64 {
        let state = self.storage().shared.read();
        let frozen = state.frozen.as_ref().map_or(0, |frozen| frozen.logs.entries());
        state.logs.rows().entries() + frozen + in_blocks(&state.blocks, |kind| *kind == BlockKind::Logs, (start_ns, end_ns))
    }

    /// Rows of a typed table between two times, inclusive, in Unix milliseconds.
    pub fn estimate_table(&self, table: &TableDef, start: TimestampMs, end: TimestampMs) -> u64 {
        let state = self.storage().shared.read();
        let buffered = state.tables.iter().find(|buffer| buffer.table.name == table.name).map_or(0, |buffer| buffer.count());
        buffered + in_blocks(&state.blocks, |kind| matches!(kind, BlockKind::Table(name) if name == table.name), (start, end))
    }
}

fn in_blocks(blocks: &[std::sync::Arc<Block>], is_kind: impl Fn(&BlockKind) -> bool, range: (i64, i64)) -> u64 {
    let touched = blocks.iter().filter(|block| is_kind(&block.entry.kind) && block.overlaps(range));
    touched
        .map(|block| {
            let (min, max) = (block.entry.min_ts, block.entry.max_ts);
            let length = |from: i64, to: i64| (to as f64 - from as f64) + 1.0;
            let share = length(min.max(range.0), max.min(range.1)) / length(min, max);
            (block.entry.rows as f64 * share).ceil() as u64
        })
        .sum()
}
