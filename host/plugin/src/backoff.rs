//! Back-off of plugins that fail by their own fault, per target: five failures in a row, then 1 s, doubling to 5 min, until a call
//! succeeds. Nothing is ever disabled.
//!
//! A target that is down, slow or not granted is the plugin working as designed: like Prometheus, the next scrape asks again, or a
//! target that comes back would stay unseen for minutes. So only [`is_own_fault`] kinds count.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use cepmon_model::FailureKind;

use crate::CallError;

const FAILURES_BEFORE: u32 = 5;
const FIRST: Duration = Duration::from_secs(1);
const LAST: Duration = Duration::from_secs(300);
/// Failing targets remembered of one plugin; beyond that, new ones are not backed off.
const MAX_TARGETS: usize = 10_000;

/// Failing targets of one plugin.
#[derive(Debug, Default)]
pub(crate) struct BackOff {
    targets: HashMap<String, Failing>,
    random: RandomState,
}

#[derive(Debug)]
struct Failing {
    in_a_row: u32,
    until: Option<Instant>,
    last: CallError,
}

impl BackOff {
    /// The error to answer with while a target backs off: the last one's kind, for that is why there is no answer.
    pub(crate) fn refusal(&self, target: &str, now: Instant) -> Option<CallError> {
        let failing = self.targets.get(target)?;
        let wait = failing.until?.checked_duration_since(now).filter(|wait| !wait.is_zero())?;
        let message =
            format!("not asked again for {} s after {} failures in a row: {}", wait.as_secs() + 1, failing.in_a_row, failing.last);
        Some(CallError::new(failing.last.kind, message))
    }

    pub(crate) fn succeeded(&mut self, target: &str) {
        self.targets.remove(target);
    }

    pub(crate) fn failed(&mut self, target: &str, error: &CallError, now: Instant) {
        if !is_own_fault(error.kind) {
            return;
        }
        if !self.targets.contains_key(target) && self.targets.len() >= MAX_TARGETS {
            return;
        }
        let jitter = self.random.hash_one((target, now)) % 200;
        let failing = self.targets.entry(target.to_owned()).or_insert(Failing { in_a_row: 0, until: None, last: error.clone() });
        failing.in_a_row = failing.in_a_row.saturating_add(1);
        failing.last = error.clone();
        failing.until = failing.in_a_row.checked_sub(FAILURES_BEFORE).map(|more| {
            let wait = FIRST.saturating_mul(1 << more.min(16)).min(LAST);
            // Up to a fifth less, so that the failing do not come back together.
            now + wait - wait.mul_f64(jitter as f64 / 1000.0)
        });
    }

    /// Whether any target is backing off.
    pub(crate) fn is_active(&self, now: Instant) -> bool {
        self.targets.values().any(|failing| failing.until.is_some_and(|until| until > now))
    }
}

/// Whether a failure is the plugin's fault, not the target's or the operator's.
pub(crate) fn is_own_fault(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Trap | FailureKind::Cpu | FailureKind::Memory | FailureKind::Output | FailureKind::Load)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_row_back_off_and_a_success_ends_it() {
        let (mut back_off, start) = (BackOff::default(), Instant::now());
        let error = CallError::new(FailureKind::Trap, "it crashed");
        for _ in 0..4 {
            back_off.failed("a", &error, start);
        }
        assert!(back_off.refusal("a", start).is_none());
        back_off.failed("a", &error, start);
        let refusal = back_off.refusal("a", start).unwrap();
        assert_eq!(refusal.kind, FailureKind::Trap);
        assert_eq!(refusal.message, "not asked again for 1 s after 5 failures in a row: it crashed");
        assert!(back_off.refusal("b", start).is_none(), "another target is not concerned");
        assert!(back_off.is_active(start));
        assert!(back_off.refusal("a", start + Duration::from_secs(1)).is_none());
        for _ in 0..40 {
            back_off.failed("a", &error, start);
        }
        assert!(back_off.refusal("a", start + Duration::from_secs(239)).is_some());
        assert!(back_off.refusal("a", start + LAST).is_none());
        back_off.succeeded("a");
        assert!(back_off.refusal("a", start).is_none());
    }

    #[test]
    fn a_target_that_is_down_is_asked_each_time() {
        let (mut back_off, start) = (BackOff::default(), Instant::now());
        for kind in [FailureKind::Guest, FailureKind::Deadline, FailureKind::Denied] {
            for _ in 0..10 {
                back_off.failed("a", &CallError::new(kind, "down"), start);
            }
        }
        assert!(back_off.refusal("a", start).is_none());
    }
}
