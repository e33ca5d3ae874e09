//! Compaction: small blocks become large ones in the background, one merge at a time. Flushes, appends, queries and retention go on
//! meanwhile; only the change of the manifest waits for them, and they for it.
//!
//! The renamed manifest is the one commit point, as for a flush: before it, a crash leaves files that no manifest names; after it, inputs
//! that no manifest names. Both are removed at the next start.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use cepmon_model::TimestampMs;
use hashbrown::HashSet;

use super::{CompactionReport, Shared, Storage, count};
use crate::Error;
use crate::block::Block;
use crate::compact::plan::{FirstSeen, Plan, Rules, plan};
use crate::compact::window::width_ms;
use crate::compact::{Outputs, Rewrite, rewrite};
use crate::dir::manifest::{BlockEntry, BlockKind};

/// How long to wait after a failed compaction, doubled each time up to an hour.
const FIRST_RETRY_MS: i64 = 60_000;
const LAST_RETRY_MS: i64 = 3_600_000;

/// Bytes that have to stay free on the disk beside what memory and log may still need.
const KEPT_FREE_BYTES: u64 = 64 << 20;

/// What compaction remembers from round to round.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    /// Held while blocks are rewritten.
    rounds: Mutex<Rounds>,
    /// Deletions that wait for a running compaction.
    urgent: AtomicUsize,
    is_stopped: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct Rounds {
    first_seen: FirstSeen,
    retry_at: Option<TimestampMs>,
    retry_after_ms: i64,
    /// Blocks that cannot be merged for another reason than damage; they are left alone until the next start.
    unmergeable: HashSet<String>,
}

impl Storage {
    /// Merges blocks once, if a merge is due; to be called in the background every few seconds, and again at once after a merge. When it
    /// returns `Ok(Some(_))`, the merged blocks are committed and the old ones leave with their last reader. `Ok(None)`: nothing was due,
    /// something more urgent came between, or another call is at it.
    ///
    /// # Errors
    /// After an error everything is as it was. It is tried again after a minute, then two, up to an hour, calls in between do nothing;
    /// blocks that turned out to be damaged are left alone.
    pub fn compact(&self, now: TimestampMs) -> Result<Option<CompactionReport>, Error> {
        let shared = &self.shared;
        let mut rounds = match shared.compaction.rounds.try_lock() {
            Ok(rounds) => rounds,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        // A clock that went back must not put the next attempt off for long.
        let is_waiting = rounds.retry_at.is_some_and(|retry_at| now < retry_at && retry_at - now <= LAST_RETRY_MS);
        if is_waiting || shared.compaction.must_stop() {
            return Ok(None);
        }
        let Some((plan, inputs)) = shared.plan_compaction(&mut rounds, now) else { return Ok(None) };
        match shared.merge(&plan, &inputs) {
            Ok(report) => {
                (rounds.retry_at, rounds.retry_after_ms) = (None, FIRST_RETRY_MS);
                Ok(report)
            }
            Err(Error::Interrupted) => Ok(None),
            Err(error) => {
                count(&shared.totals.compaction_failures, 1);
                // A damaged block is known by itself, and the others are merged without it.
                if !error.is_retryable() && !matches!(error, Error::Damaged { .. }) {
                    rounds.unmergeable.extend(inputs.iter().map(|block| block.entry.name.clone()));
                }
                let wait = rounds.retry_after_ms.clamp(FIRST_RETRY_MS, LAST_RETRY_MS);
                (rounds.retry_at, rounds.retry_after_ms) = (Some(now.saturating_add(wait)), 2 * wait);
                Err(error)
            }
        }
    }

    /// Makes a running compaction give up soon, and later ones do nothing: for a process that is about to end.
    pub fn stop_compacting(&self) {
        self.shared.compaction.is_stopped.store(true, Ordering::Release);
    }
}

impl Compaction {
    fn must_stop(&self) -> bool {
        self.is_stopped() || self.urgent.load(Ordering::Acquire) > 0
    }

    /// Whether the process is about to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Makes a running compaction give up and keeps others from beginning as long as the guard lives.
    pub(super) fn interrupt(&self) -> MutexGuard<'_, Rounds> {
        self.urgent.fetch_add(1, Ordering::AcqRel);
        let guard = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        self.urgent.fetch_sub(1, Ordering::AcqRel);
        guard
    }
}

impl Shared {
    /// The most urgent merge: metrics before logs before tables.
    fn plan_compaction(&self, rounds: &mut Rounds, now: TimestampMs) -> Option<(Plan, Vec<Arc<Block>>)> {
        let blocks = self.read().blocks.clone();
        rounds.first_seen.retain(|name, _| blocks.iter().any(|block| block.entry.name == *name));
        for block in &blocks {
            rounds.first_seen.entry(block.entry.name.clone()).or_insert(now);
        }
        let kinds = [BlockKind::Metrics, BlockKind::Logs].into_iter();
        let kinds = kinds.chain(crate::TABLES.iter().map(|table| BlockKind::Table(table.name.to_owned())));
        for kind in kinds {
            let is_fit = |block: &Block| block.entry.kind == kind && !block.is_damaged() && !rounds.unmergeable.contains(&block.entry.name);
            let fit = blocks.iter().enumerate().filter(|(_, block)| is_fit(block));
            let entries: Vec<(usize, &BlockEntry)> = fit.map(|(place, block)| (place, &block.entry)).collect();
            if let Some(plan) = plan(&entries, &self.compaction_rules(&kind, now), &rounds.first_seen) {
                let inputs = plan.inputs.iter().filter_map(|&place| blocks.get(place)).cloned().collect();
                return Some((plan, inputs));
            }
        }
        None
    }

    fn compaction_rules(&self, kind: &BlockKind, now_ms: TimestampMs) -> Rules {
        let retention = if *kind == BlockKind::Logs { self.options.logs_retention } else { self.options.metrics_retention };
        let max_bytes = retention.max_bytes.filter(|_| !matches!(kind, BlockKind::Table(_)));
        let flush_ms = self.options.head_max_age_ms;
        Rules { now_ms, window_ms: width_ms(retention.max_age_ms, flush_ms), flush_ms, max_bytes }
    }

    fn merge(&self, plan: &Plan, inputs: &[Arc<Block>]) -> Result<Option<CompactionReport>, Error> {
        let input_bytes = inputs.iter().map(|block| block.entry.bytes).sum();
        self.check_room(input_bytes)?;
        let mut run = Rewrite {
            shared: self,
            level: plan.level,
            whole: plan.whole,
            width: Some(plan.width),
            deletion: None,
            must_stop: &|| self.compaction.must_stop(),
            outputs: Outputs::default(),
            removed: 0,
        };
        let merged = self.rewrite_blocks(&mut run, inputs);
        let outputs = run.outputs;
        // Until the manifest is stored nothing names the new files; a full disk must not fill up with them.
        merged.inspect_err(|_| outputs.discard())?;
        let report = CompactionReport {
            inputs: inputs.len() as u64,
            outputs: outputs.blocks.len() as u64,
            input_bytes,
            output_bytes: outputs.blocks.iter().map(|(entry, _)| entry.bytes).sum(),
        };
        if self.swap_blocks(&[(inputs, outputs)])? == 0 {
            return Ok(None);
        }
        count(&self.totals.compactions, 1);
        self.totals.compacted_bytes_in.fetch_add(report.input_bytes, Ordering::Relaxed);
        self.totals.compacted_bytes_out.fetch_add(report.output_bytes, Ordering::Relaxed);
        Ok(Some(report))
    }

    /// Rewrites blocks, between its fault points.
    pub(super) fn rewrite_blocks(&self, run: &mut Rewrite<'_>, inputs: &[Arc<Block>]) -> Result<(), Error> {
        self.options.faults.pass("rewrite-began")?;
        rewrite(run, inputs)?;
        self.options.faults.pass("rewrite-written")
    }

    /// Commits rewrites, all at once: their inputs leave the manifest, their outputs come in at the place of the oldest input. A rewrite
    /// of which retention took an input meanwhile is thrown away. Gives how many were committed.
    pub(super) fn swap_blocks(&self, rewrites: &[(&[Arc<Block>], Outputs)]) -> Result<usize, Error> {
        let _one_at_a_time = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut manifest, mut blocks) = {
            let state = self.read();
            (state.manifest.clone(), state.blocks.clone())
        };
        let (mut named, mut retired) = (Vec::new(), Vec::new());
        for (inputs, outputs) in rewrites {
            let names: HashSet<&str> = inputs.iter().map(|block| block.entry.name.as_str()).collect();
            let is_input = |entry: &BlockEntry| names.contains(entry.name.as_str());
            let live = manifest.blocks.iter().filter(|entry| is_input(entry)).count();
            let place = manifest.blocks.iter().position(is_input);
            let (Some(place), true) = (place, live == inputs.len()) else {
                outputs.discard();
                continue;
            };
            named.push(outputs);
            debug_assert!(manifest.blocks.iter().zip(&blocks).all(|(entry, block)| entry.name == block.entry.name));
            manifest.blocks.retain(|entry| !is_input(entry));
            retired.extend(blocks.extract_if(.., |block| is_input(&block.entry)));
            let new = |(entry, path): &(BlockEntry, PathBuf)| Arc::new(Block::new(entry.clone(), path.clone()));
            manifest.blocks.splice(place..place, outputs.blocks.iter().map(|(entry, _)| entry.clone()));
            blocks.splice(place..place, outputs.blocks.iter().map(new));
        }
        if named.is_empty() {
            return Ok(0);
        }
        let given = named.iter().try_for_each(|outputs| outputs.name(&self.options.faults));
        given.inspect_err(|_| named.iter().for_each(|outputs| outputs.discard()))?;
        // If this fails, the old manifest or the new one stands, so neither inputs nor outputs may go.
        manifest.store_passing(&self.layout, &self.options.faults, ["rewrite-manifest-aside", "rewrite-manifest-renamed"])?;
        let mut state = self.write();
        manifest.next_block = manifest.next_block.max(state.manifest.next_block);
        (state.manifest, state.blocks) = (manifest, blocks);
        drop(state);
        retired.iter().for_each(|block: &Arc<Block>| block.retire());
        self.options.faults.pass("rewrite-published")?;
        Ok(named.len())
    }

    /// Compaction makes files before it frees others; flushes come first.
    fn check_room(&self, needed: u64) -> Result<(), Error> {
        let root = self.layout.root();
        let stat = rustix::fs::statvfs(root).map_err(|error| Error::io("read the free space of", root)(error.into()))?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        let kept = KEPT_FREE_BYTES + 2 * self.head_max_bytes();
        if free < needed.saturating_add(kept) { Err(Error::NoRoom { needed, free, kept }) } else { Ok(()) }
    }

    /// An entry with a number that was never given before.
    pub(crate) fn new_entry(&self, kind: BlockKind) -> BlockEntry {
        let mut state = self.write();
        let number = state.manifest.next_block;
        state.manifest.next_block += 1;
        BlockEntry { name: format!("{number:08}"), kind, rows: 0, min_ts: i64::MAX, max_ts: i64::MIN, bytes: 0, level: 0 }
    }

    /// Where a block is.
    pub(crate) fn block_path(&self, entry: &BlockEntry) -> PathBuf {
        self.layout.block(entry)
    }
}
