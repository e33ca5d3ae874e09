//! `anchored` and `smoothed` ranges (Prometheus 3.8, behind `promql-extended-range-selectors`): the value at a range's ends comes from a
//! sample before it, or from a line between the samples around the end, so that nothing is extrapolated.

use cepmon_model::TimestampMs;

use super::Window;

/// How a selector looks beyond its range, by at most the look-back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// `anchored`: the last sample at or before the start stands for the start.
    Anchored,
    /// `smoothed`: values at both ends lie on the line between their neighbours. Without a range, the value at the step does.
    Smoothed,
}

impl Extension {
    /// The word as written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Anchored => "anchored",
            Self::Smoothed => "smoothed",
        }
    }

    /// The functions that may be asked for such ranges.
    pub(crate) fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Anchored => &["changes", "delta", "increase", "rate", "resets"],
            Self::Smoothed => &["delta", "increase", "rate"],
        }
    }
}

/// The value at a time on the line between two samples. A counter that started again between them started at zero.
pub(super) fn interpolate(before: (TimestampMs, f64), after: (TimestampMs, f64), at: TimestampMs, is_counter: bool) -> f64 {
    let start = if is_counter && after.1 < before.1 { 0.0 } else { before.1 };
    start + (after.1 - start) * (at - before.0) as f64 / (after.0 - before.0) as f64
}

/// What an extended range is made of.
pub(crate) struct Ends<'w> {
    /// The value at the start.
    pub(crate) left: f64,
    /// The value at the end.
    pub(crate) right: f64,
    /// The samples that lie truly between the two.
    pub(crate) inner: std::ops::Range<usize>,
    window: &'w Window<'w>,
}

impl<'w> Ends<'w> {
    /// `None` if the window has no sample after the range's start.
    pub(crate) fn new(window: &'w Window<'w>, is_counter: bool) -> Option<Self> {
        let is_smoothed = window.extension == Some(Extension::Smoothed);
        let times = window.timestamps;
        let sample = |index: usize| (times[index], window.values[index]);
        let mut last = times.len().checked_sub(1)?;
        let mut first = times[..last].partition_point(|time| *time <= window.start).saturating_sub(1);
        if is_smoothed {
            last = times[..last].partition_point(|time| *time < window.end);
        }
        if times[last] <= window.start {
            return None;
        }
        let left = match is_smoothed && times[first] < window.start {
            true => interpolate(sample(first), sample(first + 1), window.start, is_counter),
            false => window.values[first],
        };
        let right = match is_smoothed && last > 0 && times[last] > window.end {
            true => interpolate(sample(last - 1), sample(last), window.end, is_counter),
            false => window.values[last],
        };
        first += usize::from(times[first] <= window.start);
        let end = if times[last] >= window.end { last } else { last + 1 };
        Some(Self { left, right, inner: first..end.max(first), window })
    }

    /// How far the value went from the start to the end.
    pub(crate) fn change(&self, is_counter: bool) -> f64 {
        let mut change = self.right - self.left;
        if is_counter {
            let mut before = self.left;
            for value in self.window.values[self.inner.clone()].iter().chain([&self.right]) {
                if *value < before {
                    change += before;
                }
                before = *value;
            }
        }
        change
    }
}

/// Where in a window the anchor is; `None` if there is nothing after the range's start.
pub(crate) fn anchor(window: &Window<'_>) -> Option<usize> {
    let after = window.timestamps.partition_point(|time| *time <= window.start);
    (after < window.timestamps.len()).then(|| after.saturating_sub(1))
}
