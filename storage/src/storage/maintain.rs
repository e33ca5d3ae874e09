//! Housekeeping that the server calls for: forcing the log to the disk, flushing when due, retention.

use std::sync::{Arc, PoisonError};

use cepmon_model::TimestampMs;
use hashbrown::HashSet;

use super::{MaintainReport, Shared, Storage};
use crate::block::Block;
use crate::dir::manifest::BlockKind;
use crate::{Error, Retention};

const NS_PER_MS: i64 = 1_000_000;

/// Bytes of log above which a flush is due even if memory is nearly empty: key-value changes alone can get there.
const LONG_LOG_BYTES: u64 = 1 << 30;

/// How long to wait after a failed flush, doubled each time up to the second.
pub(super) const FIRST_RETRY_MS: i64 = 1_000;
const LAST_RETRY_MS: i64 = 60_000;

impl Storage {
    /// Whether memory holds enough, or old enough, data for a flush. After a failed one not before a second, then two, up to a minute.
    pub fn should_flush(&self, now: TimestampMs) -> bool {
        let state = self.shared.read();
        // A clock that went back must not put the next attempt off for long.
        let is_waiting = state.retry_at.is_some_and(|retry_at| now < retry_at && retry_at - now <= LAST_RETRY_MS);
        if is_waiting {
            return false;
        }
        let is_full = state.memory_bytes() >= self.shared.head_max_bytes();
        let is_old = state.filled_since.is_some_and(|since| now.saturating_sub(since) >= self.shared.options.head_max_age_ms);
        is_full || is_old || state.frozen.is_some() || state.wal.bytes() > LONG_LOG_BYTES
    }

    /// Housekeeping, to be called every second: forces the log to the disk (from here on what was appended before survives a power cut),
    /// applies retention, flushes when due. After an error everything is still in memory and in the log; call it again a second later.
    pub fn maintain(&self, now: TimestampMs) -> Result<MaintainReport, Error> {
        let mut report = MaintainReport::default();
        self.shared.sync_log()?;
        {
            let mut state = self.shared.write();
            if state.filled_since.is_none() && state.has_log_records {
                state.filled_since = Some(now);
            }
            let max_age = self.shared.options.metrics_retention.max_age_ms;
            state.oldest_sample = max_age.map_or(i64::MIN, |age| now.saturating_sub(age));
            let max_age = self.shared.options.logs_retention.max_age_ms;
            state.oldest_log_ns = max_age.map_or(i64::MIN, |age| now.saturating_sub(age).saturating_mul(NS_PER_MS));
        }
        // Retention first: it may make the room that the flush needs.
        report.removed_blocks = self.shared.apply_retention(now)?;
        if self.should_flush(now) {
            let flushed = self.flush();
            self.shared.note_flush(now, flushed.is_ok());
            report.flush = Some(flushed?);
        }
        Ok(report)
    }
}

impl Shared {
    fn note_flush(&self, now: TimestampMs, has_succeeded: bool) {
        let mut state = self.write();
        if has_succeeded {
            (state.retry_at, state.retry_after_ms) = (None, FIRST_RETRY_MS);
            return;
        }
        state.retry_at = Some(now.saturating_add(state.retry_after_ms));
        state.retry_after_ms = (2 * state.retry_after_ms).clamp(FIRST_RETRY_MS, LAST_RETRY_MS);
    }

    /// Removes whole blocks that are too old or too much; gives their number. The manifest forgets them first, their files go with their
    /// last reader.
    fn apply_retention(&self, now: TimestampMs) -> Result<u64, Error> {
        let (metrics, logs) = (self.options.metrics_retention, self.options.logs_retention);
        if metrics == Retention::default() && logs == Retention::default() {
            return Ok(0);
        }
        let _one_at_a_time = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut manifest, blocks) = {
            let state = self.read();
            (state.manifest.clone(), state.blocks.clone())
        };
        let tables = Retention { max_bytes: None, ..metrics };
        let mut gone = HashSet::new();
        gone.extend(surplus(&blocks, metrics, now, |kind| *kind == BlockKind::Metrics));
        gone.extend(surplus(&blocks, logs, now.saturating_mul(NS_PER_MS), |kind| *kind == BlockKind::Logs));
        gone.extend(surplus(&blocks, tables, now, |kind| matches!(kind, BlockKind::Table(_))));
        if gone.is_empty() {
            return Ok(0);
        }
        manifest.blocks.retain(|entry| !gone.contains(&entry.name));
        manifest.store(&self.layout, &self.options.faults)?;
        let mut state = self.write();
        manifest.next_block = manifest.next_block.max(state.manifest.next_block);
        state.manifest = manifest;
        for block in state.blocks.extract_if(.., |block| gone.contains(&block.entry.name)) {
            block.retire();
        }
        Ok(gone.len() as u64)
    }
}

/// Names of the blocks of some kind that retention lets go. `now` is in the unit of the blocks' times.
fn surplus(blocks: &[Arc<Block>], retention: Retention, now: i64, is_kind: impl Fn(&BlockKind) -> bool) -> Vec<String> {
    let mut kept: Vec<&Arc<Block>> = blocks.iter().filter(|block| is_kind(&block.entry.kind)).collect();
    // Youngest first, so that the oldest are beyond the size.
    kept.sort_by_key(|block| std::cmp::Reverse(block.entry.max_ts));
    let is_in_nanoseconds = kept.first().is_some_and(|block| block.entry.kind == BlockKind::Logs);
    let unit = if is_in_nanoseconds { NS_PER_MS } else { 1 };
    let oldest = retention.max_age_ms.map_or(i64::MIN, |age| now.saturating_sub(age.saturating_mul(unit)));
    let mut bytes = 0u64;
    let mut gone = Vec::new();
    for block in kept {
        bytes = bytes.saturating_add(block.entry.bytes);
        let is_too_much = retention.max_bytes.is_some_and(|limit| bytes > limit);
        if block.entry.max_ts < oldest || is_too_much {
            gone.push(block.entry.name.clone());
        }
    }
    gone
}
