//! How many living series one plugin may have over all its targets, and what it brings. A plugin over its budget keeps the series that it
//! has; new ones are dropped, counted and reported, until others end.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One plugin's series. Targets share it.
#[derive(Debug)]
pub(crate) struct SeriesBudget {
    limit: AtomicU64,
    living: AtomicU64,
    dropped: AtomicU64,
    stored_samples: AtomicU64,
}

impl Default for SeriesBudget {
    fn default() -> Self {
        Self { limit: AtomicU64::new(u64::MAX), living: AtomicU64::new(0), dropped: AtomicU64::new(0), stored_samples: AtomicU64::new(0) }
    }
}

impl SeriesBudget {
    /// From now on at most that many; none = any number. Series that live already go on.
    pub(crate) fn set_limit(&self, limit: Option<u64>) {
        self.limit.store(limit.unwrap_or(u64::MAX), Relaxed);
    }

    /// Takes one series' place; no when there is none, and then counts a dropped one.
    pub(super) fn take(&self) -> bool {
        let limit = self.limit.load(Relaxed);
        let is_taken = self.living.fetch_update(Relaxed, Relaxed, |living| (living < limit).then_some(living + 1)).is_ok();
        if !is_taken {
            self.dropped.fetch_add(1, Relaxed);
        }
        is_taken
    }

    /// Gives places back.
    pub(super) fn give_back(&self, series: u64) {
        self.living.fetch_sub(series, Relaxed);
    }

    pub(super) fn count_stored(&self, samples: u64) {
        self.stored_samples.fetch_add(samples, Relaxed);
    }

    /// Series that live now.
    pub(crate) fn living(&self) -> u64 {
        self.living.load(Relaxed)
    }

    /// Samples that were dropped because their series found no place.
    pub(crate) fn dropped_samples(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Samples that were stored.
    pub(crate) fn stored_samples(&self) -> u64 {
        self.stored_samples.load(Relaxed)
    }
}
