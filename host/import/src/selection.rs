//! What to read of all that there is.

use cepmon_model::{LabelSet, Matcher, Sample, TimestampMs};

/// Series by matchers, samples by time.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Each a selector: all its matchers hold. One of them suffices; none = all series.
    pub selectors: Vec<Vec<Matcher>>,
    /// First time, inclusive.
    pub start: TimestampMs,
    /// Last time, inclusive.
    pub end: TimestampMs,
}

impl Default for Selection {
    /// Everything.
    fn default() -> Self {
        Self { selectors: Vec::new(), start: TimestampMs::MIN, end: TimestampMs::MAX }
    }
}

impl Selection {
    pub(crate) fn takes(&self, labels: &LabelSet) -> bool {
        let holds = |matcher: &Matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default());
        self.selectors.is_empty() || self.selectors.iter().any(|matchers| matchers.iter().all(holds))
    }

    pub(crate) fn overlaps(&self, first: TimestampMs, last: TimestampMs) -> bool {
        first <= self.end && last >= self.start
    }

    pub(crate) fn has(&self, sample: &Sample) -> bool {
        (self.start..=self.end).contains(&sample.timestamp)
    }
}
