//! The times at which an expression is evaluated.

use cepmon_model::TimestampMs;

/// `count` times, `step` apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) start: TimestampMs,
    /// Milliseconds, more than zero.
    pub(crate) step: i64,
    pub(crate) count: usize,
}

impl Grid {
    /// One time.
    pub(crate) fn instant(at: TimestampMs) -> Self {
        Self { start: at, step: 1, count: 1 }
    }

    /// From `start` to at most `end`; empty if that is earlier.
    pub(crate) fn new(start: TimestampMs, end: TimestampMs, step: i64) -> Self {
        let steps = end.checked_sub(start).filter(|length| *length >= 0).map_or(0, |length| length / step + 1);
        Self { start, step, count: usize::try_from(steps).unwrap_or(usize::MAX) }
    }

    pub(crate) fn time(&self, index: usize) -> TimestampMs {
        self.start + self.step * index as i64
    }

    /// The last time; the first one of an empty grid.
    pub(crate) fn end(&self) -> TimestampMs {
        self.time(self.count.saturating_sub(1))
    }
}
