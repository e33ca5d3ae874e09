//! An alert as Alertmanager sees it: labels, annotations and the time it is active. How rules make alerts is `rule`'s matter.

use std::fmt;

use cepmon_model::{LabelSet, TimestampMs};

/// Identity of an alert: FNV-1a 64 over its sorted labels, the number that Alertmanager's API shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The identity of a label set.
    pub fn of(labels: &LabelSet) -> Self {
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        for (name, value) in labels.iter() {
            name.bytes().chain([0xff]).chain(value.bytes()).chain([0xff]).for_each(&mut add);
        }
        Self(hash)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Whether an alert still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertStatus {
    /// It holds.
    Firing,
    /// It ended.
    Resolved,
}

impl AlertStatus {
    /// The word of notifications.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// One alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its identity, `alertname` included.
    pub labels: LabelSet,
    /// Texts for people.
    pub annotations: LabelSet,
    /// Since when it fires.
    pub starts_at: TimestampMs,
    /// When it ends or ended; in the future while it fires.
    pub ends_at: TimestampMs,
    /// A link to the expression.
    pub generator_url: String,
    /// When this state was reported.
    pub updated_at: TimestampMs,
    /// Whether `ends_at` is a guess that a later report may move.
    pub is_timeout: bool,
}

impl Alert {
    /// Its identity.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.labels)
    }

    /// Whether it has ended at a time.
    pub fn status(&self, now: TimestampMs) -> AlertStatus {
        if self.ends_at <= now { AlertStatus::Resolved } else { AlertStatus::Firing }
    }

    /// This alert after a newer report of it (Alertmanager 0.26, `Alert.Merge` and the overlap test of its memory provider).
    pub(crate) fn merged_with(&self, newer: Self, now: TimestampMs) -> Self {
        let ends_inside = newer.ends_at > self.starts_at && newer.ends_at < self.ends_at;
        let starts_inside = newer.starts_at > self.starts_at && newer.starts_at < self.ends_at;
        if !ends_inside && !starts_inside {
            return newer;
        }
        let mut merged = newer;
        merged.starts_at = merged.starts_at.min(self.starts_at);
        let is_resolved = merged.status(now) == AlertStatus::Resolved;
        let old_end_wins = if is_resolved { self.status(now) == AlertStatus::Resolved } else { !self.is_timeout };
        if old_end_wins {
            merged.ends_at = merged.ends_at.max(self.ends_at);
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_alertmanagers() {
        // FNV-1a of nothing is its offset basis, as for an empty label set in prometheus/common.
        assert_eq!(Fingerprint::of(&LabelSet::default()).to_string(), "cbf29ce484222325");
        let a = LabelSet::from_pairs([("a", "b")]);
        assert_ne!(Fingerprint::of(&a), Fingerprint::of(&LabelSet::from_pairs([("a", "c")])));
    }

    #[test]
    fn a_resolve_report_ends_an_alert_and_keeps_its_start() {
        let alert = |starts_at, ends_at, updated_at| Alert {
            labels: LabelSet::from_pairs([("alertname", "A")]),
            annotations: LabelSet::default(),
            starts_at,
            ends_at,
            generator_url: String::new(),
            updated_at,
            is_timeout: true,
        };
        let firing = alert(1_000, 241_000, 1_000);
        let resolved = firing.merged_with(Alert { is_timeout: false, ..alert(1_500, 60_000, 60_000) }, 60_000);
        assert_eq!((resolved.starts_at, resolved.ends_at), (1_000, 60_000));
        assert_eq!(resolved.status(60_000), AlertStatus::Resolved);
    }
}
