//! Counters of the server's own work, raised where the work is done and shown on `/metrics`. Storage and plugins keep their own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use cepmon_model::TimestampMs;

use crate::ingest::{ExemplarCounts, Written};

/// A number that only goes up.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub(crate) fn inc(&self) {
        self.add(1);
    }

    /// So many more.
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// How many so far.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the server did since it started.
#[derive(Debug, Default)]
pub(crate) struct ServerStats {
    /// Scrapes and probes that ended, well or badly.
    pub(crate) scrapes: Counter,
    /// Those that failed (`up 0`).
    pub(crate) scrape_failures: Counter,
    /// Those that were left out because the one before was still running.
    pub(crate) scrapes_skipped: Counter,
    /// Samples that scrapes gave.
    pub(crate) scraped_samples: Counter,
    /// Samples that storage refused: another value at the same time, older than the retention.
    pub(crate) refused_samples: Counter,
    /// Samples received by remote write.
    pub(crate) received_samples: Counter,
    /// Those that were not stored: conflicting, too old, of no valid series.
    pub(crate) refused_received_samples: Counter,
    /// Exemplars of scrapes and remote write that were stored.
    pub(crate) exemplars: Counter,
    /// Those that were not: labels that are too long, a time of the future.
    pub(crate) refused_exemplars: Counter,
    /// Native histograms stored.
    pub(crate) received_histograms: Counter,
    /// Log lines read from files.
    pub(crate) log_lines: Counter,
    /// Bytes of log files read.
    pub(crate) log_bytes: Counter,
    /// Log lines stored raw because the parser failed on them.
    pub(crate) unparsed_log_lines: Counter,
    /// Expressions evaluated for rules and their templates.
    pub(crate) rule_evaluations: Counter,
    /// Those that failed.
    pub(crate) rule_failures: Counter,
    /// Notifications delivered.
    pub(crate) notifications: Counter,
    /// Attempts to deliver that failed.
    pub(crate) notification_failures: Counter,
    /// Times the configuration was refused.
    pub(crate) reload_failures: Counter,
    /// Unix milliseconds of the configuration in force; 0 = none yet.
    configured_at: AtomicI64,
    /// Whether the last attempt to read the configuration failed: 1 = it did.
    reload_failed: AtomicU64,
    /// Answers by HTTP status; there are not many.
    requests: Mutex<BTreeMap<u16, u64>>,
}

impl ServerStats {
    /// A configuration came into force.
    pub(crate) fn configured(&self, now: TimestampMs) {
        self.configured_at.store(now, Ordering::Relaxed);
        self.reload_failed.store(0, Ordering::Relaxed);
    }

    /// A configuration was refused; the one before stays in force.
    pub(crate) fn reload_refused(&self) {
        self.reload_failures.inc();
        self.reload_failed.store(1, Ordering::Relaxed);
    }

    /// When the configuration in force was read.
    pub(crate) fn configured_at(&self) -> Option<TimestampMs> {
        Some(self.configured_at.load(Ordering::Relaxed)).filter(|at| *at != 0)
    }

    /// Whether the last attempt to read the configuration succeeded.
    pub(crate) fn is_configured(&self) -> bool {
        self.reload_failed.load(Ordering::Relaxed) == 0
    }

    /// A body of remote write or OTLP was taken.
    pub(crate) fn count_received(&self, written: &Written) {
        self.received_samples.add(written.samples as u64);
        self.refused_received_samples.add(written.refused() as u64);
        self.received_histograms.add(written.stored_histograms as u64);
        self.count_exemplars(written.exemplars);
    }

    /// Exemplars came with a scrape or a body.
    pub(crate) fn count_exemplars(&self, counts: ExemplarCounts) {
        self.exemplars.add(counts.stored as u64);
        self.refused_exemplars.add(counts.refused as u64);
    }

    pub(crate) fn count_request(&self, status: u16) {
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
    }

    /// Answers by HTTP status.
    pub(crate) fn requests(&self) -> BTreeMap<u16, u64> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
