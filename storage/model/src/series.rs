//! What is known of a series beside its samples: its identity and its metadata.

use std::fmt;

use xxhash_rust::xxh3::Xxh3;

use crate::LabelSet;

/// The same number for the same tenant and labels in every block, file and process: XXH3-64 of the tenant and then each label's
/// name and value in the order of names, each followed by the byte 0xff (which no UTF-8 text holds).
///
/// Two label sets may meet in one number; who keeps series detects that and takes the next `salt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u64);

impl SeriesId {
    /// The identity of a label set. `salt` is 0 but for the second and later of colliding series.
    pub fn of(tenant: &str, labels: &LabelSet, salt: u8) -> Self {
        let mut hash = Xxh3::new();
        let mut part = |text: &str| {
            hash.update(text.as_bytes());
            hash.update(&[0xff]);
        };
        part(tenant);
        for (name, value) in labels.iter() {
            part(name);
            part(value);
        }
        if salt > 0 {
            hash.update(&[salt]);
        }
        Self(hash.digest())
    }
}

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A metric's type, with OpenMetrics's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum MetricKind {
    /// No type was given (`untyped` in the text format 0.0.4).
    #[default]
    Unknown,
    /// Only goes up, or starts again at zero.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative buckets.
    Histogram,
    /// Buckets that may go down.
    GaugeHistogram,
    /// Quantiles.
    Summary,
    /// Labels are the message, the value is 1.
    Info,
    /// One series per state, 0 or 1.
    StateSet,
}

impl MetricKind {
    /// All kinds, in the order of the plugin contract's `metric-kind`.
    pub const ALL: [Self; 8] =
        [Self::Unknown, Self::Counter, Self::Gauge, Self::Histogram, Self::GaugeHistogram, Self::Summary, Self::Info, Self::StateSet];

    /// The word of Prometheus's metadata API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }

    /// The kind that `as_str` names; `untyped` is `Unknown`.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "untyped" {
            return Some(Self::Unknown);
        }
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What a metric's author says of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct MetricMetadata {
    /// The metric's type.
    pub kind: MetricKind,
    /// Its unit, empty if none was given.
    pub unit: String,
    /// Its help text, empty if none was given.
    pub help: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_is_stable_over_versions() {
        let up = LabelSet::from_pairs([("__name__", "up"), ("job", "node")]);
        assert_eq!(SeriesId::of("default", &up, 0).to_string(), SeriesId::of("default", &up.clone(), 0).to_string());
        assert_ne!(SeriesId::of("default", &up, 0), SeriesId::of("other", &up, 0));
        assert_ne!(SeriesId::of("default", &up, 0), SeriesId::of("default", &up, 1));
        let shifted = LabelSet::from_pairs([("__name__", "upj"), ("ob", "node")]);
        assert_ne!(SeriesId::of("default", &up, 0), SeriesId::of("default", &shifted, 0));
    }

    #[test]
    fn kinds_read_back() {
        for kind in MetricKind::ALL {
            assert_eq!(MetricKind::from_name(kind.as_str()), Some(kind));
        }
        assert_eq!(MetricKind::from_name("untyped"), Some(MetricKind::Unknown));
    }
}
