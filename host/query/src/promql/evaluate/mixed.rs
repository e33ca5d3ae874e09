//! Windows that have native histograms, alone or beside numbers: who sees them, and what is said of it.

use super::{RangeSeries, Window};
use crate::SampleValue;
use crate::promql::annotation::Severity;
use crate::vector::Note;

/// How windows become values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    /// Whether the metric's name still fits the values.
    pub(crate) keeps_name: bool,
    /// What becomes of windows with histograms.
    pub(crate) over_histograms: OverHistograms,
}

/// The value of a window that has histograms. It gets the metric's name and whom to tell.
pub(crate) type OfMixed = fn(&Window<'_>, &str, Note<'_>) -> Option<SampleValue>;

/// What becomes of windows with histograms.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OverHistograms {
    /// The function sees only the numbers; where there are some, that is worth a remark.
    Ignored,
    /// The function has a way of its own.
    Computed(OfMixed),
}

impl OverHistograms {
    /// The value of one window; `of_numbers` computes it from the numbers.
    pub(crate) fn apply(
        self,
        series: &RangeSeries,
        window: &Window<'_>,
        note: Note<'_>,
        of_numbers: impl FnOnce() -> Option<f64>,
    ) -> Option<SampleValue> {
        if window.histograms.is_empty() {
            return of_numbers().map(SampleValue::Float);
        }
        let name = series.labels.metric_name();
        match self {
            Self::Computed(compute) => compute(window, name, note),
            Self::Ignored if window.values.is_empty() => None,
            Self::Ignored => {
                let message = format!("ignored histograms in a range containing both floats and histograms for metric name {name:?}");
                note(Severity::Info, message);
                of_numbers().map(SampleValue::Float)
            }
        }
    }
}

/// What cannot be computed where there are both.
pub(crate) fn mixed_kinds(name: &str) -> String {
    format!("encountered a mix of histograms and floats for metric name {name:?}")
}

/// What cannot be computed where the bounds of buckets have nothing to do with each other.
pub(crate) fn mixed_buckets(name: &str) -> String {
    format!("vector contains a mix of histograms with exponential and custom buckets schemas for metric name {name:?}")
}
