//! Flushing: freeze what is in memory, write it into blocks while appends go on, commit the manifest, cut the log.
//!
//! The renamed manifest is the one commit point. Before it, a crash leaves files that no manifest names and a log that has everything;
//! after it, a log whose first part is in blocks and is skipped.

mod blocks;

use std::sync::{Arc, PoisonError};

use super::{FlushReport, Frozen, Shared, Storage, count};
use crate::Error;
use crate::dir::manifest::BlockKind;
use crate::table::buffer::TableBuffer;
use crate::wal::rows::put_key_value;
use crate::wal::writer::cut_segments;
use blocks::NewBlocks;

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
        let kept: Vec<_> =
            state.key_values.iter().map(|(space, key, value)| (space.to_owned(), key.to_owned(), value.to_owned())).collect();
        state.log_records(|records| kept.iter().for_each(|(space, key, value)| put_key_value(records, space, key, Some(value))))?;
        let bytes = state.live_bytes();
        let metrics = state.blocks.iter().filter(|block| block.entry.kind == BlockKind::Metrics);
        let blocks_end = metrics.map(|block| block.entry.max_ts).max().unwrap_or(i64::MIN);
        for buffer in &mut state.tables {
            *buffer = TableBuffer::new(buffer.table);
        }
        let (samples, logs) = (Arc::new(state.head.freeze(blocks_end)), Arc::new(state.logs.freeze()));
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
        let mut new = NewBlocks::after(self.read().manifest.clone());
        // Until the manifest is stored nothing names the new files; a full disk must not fill up with them.
        self.write_blocks(frozen, &mut new, report).inspect_err(|_| new.discard())?;
        new.manifest.wal_from = frozen.wal_from;
        // The log that stays must be as durable as the blocks before the older log goes.
        self.sync_log()?;
        new.manifest.store(&self.layout, faults)?;
        let mut state = self.write();
        // A compaction may have taken numbers meanwhile.
        new.manifest.next_block = new.manifest.next_block.max(state.manifest.next_block);
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
}
