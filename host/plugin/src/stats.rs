//! What each plugin costs and how it fares, counted while it runs. Names of metrics are the server's business.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use cepmon_model::FailureKind;

use crate::CallError;

/// What a plugin did since the host started; it outlives reloads of the plugin.
#[derive(Debug, Clone, Default)]
pub struct PluginStats {
    /// Calls begun (those refused by back-off are not).
    pub calls: u64,
    /// Failed calls, in the order of [`FailureKind::ALL`].
    pub failures: [u64; 8],
    /// Calls refused because the plugin is backing off.
    pub backed_off: u64,
    /// CPU time, host functions included.
    pub cpu: Duration,
    /// Wall time of all calls.
    pub wall: Duration,
    /// The most linear memory that one guest ever had, bytes.
    pub peak_memory_bytes: u64,
    /// Bytes read for it: HTTP bodies on the wire, files.
    pub bytes_in: u64,
    /// Bytes that it answered: texts of batches.
    pub bytes_out: u64,
    /// Calls of host functions that need a grant, denied ones included.
    pub host_calls: u64,
    /// Requests denied.
    pub denials: u64,
    /// Lines of log output.
    pub log_lines: u64,
    /// Bytes of log output that were dropped.
    pub log_bytes_dropped: u64,
    /// Guests started.
    pub guests_started: u64,
    /// The last failure.
    pub last_failure: Option<LastFailure>,
}

/// The last failed call of a plugin.
#[derive(Debug, Clone)]
pub struct LastFailure {
    /// What happened.
    pub error: CallError,
    /// The target's address, or empty.
    pub target: String,
    /// When.
    pub time: SystemTime,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    failures: [AtomicU64; 8],
    backed_off: AtomicU64,
    cpu_ns: AtomicU64,
    wall_ns: AtomicU64,
    peak_memory: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    host_calls: AtomicU64,
    denials: AtomicU64,
    log_lines: AtomicU64,
    log_bytes_dropped: AtomicU64,
    guests_started: AtomicU64,
    last_failure: Mutex<Option<LastFailure>>,
    last_denial_logged: Mutex<Option<Instant>>,
}

impl Counters {
    pub(crate) fn count_call(&self, cpu: Duration, wall: Duration, peak_memory: usize) {
        self.calls.fetch_add(1, Relaxed);
        self.cpu_ns.fetch_add(nanos(cpu), Relaxed);
        self.wall_ns.fetch_add(nanos(wall), Relaxed);
        self.peak_memory.fetch_max(peak_memory as u64, Relaxed);
    }

    #[allow(clippy::disallowed_methods, reason = "shown to people; nothing is decided by it")]
    pub(crate) fn count_failure(&self, error: &CallError, target: &str) {
        if let Some(kind) = FailureKind::ALL.iter().position(|kind| *kind == error.kind) {
            self.failures[kind].fetch_add(1, Relaxed);
        }
        let failure = LastFailure { error: error.clone(), target: target.to_owned(), time: SystemTime::now() };
        *crate::lock_mutex(&self.last_failure) = Some(failure);
    }

    pub(crate) fn count_back_off(&self) {
        self.backed_off.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_bytes_in(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn count_bytes_out(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn count_host_call(&self) {
        self.host_calls.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_log(&self, lines: u64, dropped: u64) {
        self.log_lines.fetch_add(lines, Relaxed);
        self.log_bytes_dropped.fetch_add(dropped, Relaxed);
    }

    pub(crate) fn count_guest(&self) {
        self.guests_started.fetch_add(1, Relaxed);
    }

    /// Counts a denial; true if it should be logged: at most one a minute and plugin.
    pub(crate) fn count_denial(&self, now: Instant) -> bool {
        self.denials.fetch_add(1, Relaxed);
        self.count_host_call();
        let mut last = crate::lock_mutex(&self.last_denial_logged);
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= Duration::from_secs(60));
        if is_due {
            *last = Some(now);
        }
        is_due
    }

    pub(crate) fn read(&self) -> PluginStats {
        PluginStats {
            calls: self.calls.load(Relaxed),
            failures: std::array::from_fn(|kind| self.failures[kind].load(Relaxed)),
            backed_off: self.backed_off.load(Relaxed),
            cpu: Duration::from_nanos(self.cpu_ns.load(Relaxed)),
            wall: Duration::from_nanos(self.wall_ns.load(Relaxed)),
            peak_memory_bytes: self.peak_memory.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            host_calls: self.host_calls.load(Relaxed),
            denials: self.denials.load(Relaxed),
            log_lines: self.log_lines.load(Relaxed),
            log_bytes_dropped: self.log_bytes_dropped.load(Relaxed),
            guests_started: self.guests_started.load(Relaxed),
            last_failure: crate::lock_mutex(&self.last_failure).clone(),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denials_are_logged_once_a_minute() {
        let (counters, start) = (Counters::default(), Instant::now());
        assert!(counters.count_denial(start));
        assert!(!counters.count_denial(start + Duration::from_secs(59)));
        assert!(counters.count_denial(start + Duration::from_secs(61)));
        assert_eq!(counters.read().denials, 3);
    }

    #[test]
    fn failures_are_counted_by_kind() {
        let counters = Counters::default();
        counters.count_failure(&CallError::new(FailureKind::Memory, "m"), "a:1");
        let stats = counters.read();
        assert_eq!(stats.failures, [0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(stats.last_failure.unwrap().target, "a:1");
    }
}
