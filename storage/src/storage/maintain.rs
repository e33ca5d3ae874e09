//! Housekeeping that the server calls for: forcing the log to the disk, flushing when due, retention.

use cepmon_model::TimestampMs;

use super::{MaintainReport, Storage};
use crate::Error;

/// Bytes of log above which a flush is due even if memory is nearly empty: key-value changes alone can get there.
const LONG_LOG_BYTES: u64 = 1 << 30;

impl Storage {
    /// Whether memory holds enough, or old enough, data for a flush.
    pub fn should_flush(&self, now: TimestampMs) -> bool {
        let state = self.shared.read();
        let is_full = state.memory_bytes() >= self.shared.head_max_bytes();
        let is_old = state.filled_since.is_some_and(|since| now.saturating_sub(since) >= self.shared.options.head_max_age_ms);
        is_full || is_old || state.frozen.is_some() || state.wal.bytes() > LONG_LOG_BYTES
    }

    /// Housekeeping, to be called every second: forces the log to the disk (from here on what was appended before survives a power cut),
    /// flushes when due, applies retention.
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
        }
        if self.should_flush(now) {
            report.flush = Some(self.flush()?);
        }
        Ok(report)
    }
}
