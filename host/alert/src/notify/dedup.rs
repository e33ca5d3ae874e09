//! Whether a group's state must be told (Alertmanager 0.26, `DedupStage.needsUpdate`).

use std::collections::BTreeSet;

use cepmon_model::TimestampMs;

use crate::Fingerprint;
use crate::notify::log::LogEntry;

/// Why a notification is sent, or that it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Nothing has been told of this group.
    First,
    /// Alerts fire that were not told.
    NewAlerts,
    /// All alerts ended.
    AllResolved,
    /// Some alerts ended, and the receiver wants to know.
    SomeResolved,
    /// Nothing changed, but the repeat interval is over.
    Repeat,
    /// The receiver knows everything.
    Known,
}

/// A group's alerts by state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GroupState {
    pub(crate) firing: BTreeSet<Fingerprint>,
    pub(crate) resolved: BTreeSet<Fingerprint>,
}

/// Compares a group's state with what was told last.
pub(crate) fn reason(
    state: &GroupState,
    told: Option<&LogEntry>,
    sends_resolved: bool,
    repeat_interval_ms: i64,
    now: TimestampMs,
) -> Reason {
    let Some(told) = told else {
        return if state.firing.is_empty() { Reason::Known } else { Reason::First };
    };
    if !state.firing.is_subset(&told.state.firing) {
        return Reason::NewAlerts;
    }
    if state.firing.is_empty() {
        // Also without send_resolved: the log must learn that nothing fires any more.
        return if told.state.firing.is_empty() { Reason::Known } else { Reason::AllResolved };
    }
    if sends_resolved && !state.resolved.is_subset(&told.state.resolved) {
        return Reason::SomeResolved;
    }
    if told.at < now - repeat_interval_ms { Reason::Repeat } else { Reason::Known }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(firing: &[u64], resolved: &[u64]) -> GroupState {
        let set = |numbers: &[u64]| numbers.iter().copied().map(Fingerprint).collect();
        GroupState { firing: set(firing), resolved: set(resolved) }
    }

    #[test]
    fn each_reason_has_its_case() {
        let f = |firing: &[u64], resolved: &[u64], told: Option<(&[u64], &[u64])>, sends_resolved, now, want| {
            let told = told.map(|(firing, resolved)| LogEntry { at: 1_000, expires_at: 0, state: state(firing, resolved) });
            assert_eq!(reason(&state(firing, resolved), told.as_ref(), sends_resolved, 500, now), want);
        };
        f(&[1], &[], None, true, 1_000, Reason::First);
        f(&[], &[1], None, true, 1_000, Reason::Known);
        f(&[1, 2], &[], Some((&[1], &[])), true, 1_000, Reason::NewAlerts);
        f(&[1], &[], Some((&[1, 2], &[])), true, 1_000, Reason::Known);
        f(&[1], &[2], Some((&[1, 2], &[])), true, 1_000, Reason::SomeResolved);
        f(&[1], &[2], Some((&[1, 2], &[])), false, 1_000, Reason::Known);
        f(&[], &[1], Some((&[1], &[])), false, 1_000, Reason::AllResolved);
        f(&[], &[1], Some((&[], &[1])), true, 9_000, Reason::Known);
        f(&[1], &[], Some((&[1], &[])), true, 1_500, Reason::Known);
        f(&[1], &[], Some((&[1], &[])), true, 1_501, Reason::Repeat);
    }
}
