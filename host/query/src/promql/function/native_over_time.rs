//! The `_over_time` family where there are native histograms: sums, means, and what only asks which samples there are.

use std::sync::Arc;

use cepmon_model::{Histogram, HistogramSample, IncompatibleBuckets};

use super::Window;
use crate::SampleValue;
use crate::promql::annotation::Severity;
use crate::promql::evaluate::{mixed_buckets, mixed_kinds};
use crate::vector::Note;
use crate::vector::histogram_sum::{HistogramMean, HistogramSum, Seen};

pub(super) fn sum(window: &Window<'_>, name: &str, note: Note<'_>) -> Option<SampleValue> {
    let (first, rest) = histograms_alone(window, name, note)?;
    let mut sum = HistogramSum::of(first);
    let mut seen = Seen::of(first);
    let outcome = add_all(rest, &mut seen, |histogram| sum.add(histogram));
    tell(outcome, seen, name, note)?;
    Some(SampleValue::of(sum.total()))
}

pub(super) fn mean(window: &Window<'_>, name: &str, note: Note<'_>) -> Option<SampleValue> {
    let (first, rest) = histograms_alone(window, name, note)?;
    let mut mean = HistogramMean::of(first);
    let mut seen = Seen::of(first);
    let outcome = add_all(rest, &mut seen, |histogram| mean.add(histogram));
    tell(outcome, seen, name, note)?;
    Some(SampleValue::of(mean.total()))
}

pub(super) fn count(window: &Window<'_>, _: &str, _: Note<'_>) -> Option<SampleValue> {
    Some(SampleValue::Float((window.values.len() + window.histograms.len()) as f64))
}

pub(super) fn present(_: &Window<'_>, _: &str, _: Note<'_>) -> Option<SampleValue> {
    Some(SampleValue::Float(1.0))
}

pub(super) fn first(window: &Window<'_>, _: &str, _: Note<'_>) -> Option<SampleValue> {
    let histogram = window.histograms.first()?;
    match window.timestamps.first() {
        Some(timestamp) if *timestamp < histogram.timestamp => window.values.first().copied().map(SampleValue::Float),
        _ => Some(SampleValue::Histogram(Arc::clone(&histogram.histogram))),
    }
}

pub(super) fn last(window: &Window<'_>, _: &str, _: Note<'_>) -> Option<SampleValue> {
    let histogram = window.histograms.last()?;
    match window.timestamps.last() {
        Some(timestamp) if *timestamp > histogram.timestamp => window.values.last().copied().map(SampleValue::Float),
        _ => Some(SampleValue::Histogram(Arc::clone(&histogram.histogram))),
    }
}

pub(super) fn time_of_first(window: &Window<'_>, _: &str, _: Note<'_>) -> Option<SampleValue> {
    let timestamps = [window.timestamps.first().copied(), window.histograms.first().map(|sample| sample.timestamp)];
    timestamps.into_iter().flatten().min().map(|timestamp| SampleValue::Float(timestamp as f64 / 1000.0))
}

pub(super) fn time_of_last(window: &Window<'_>, _: &str, _: Note<'_>) -> Option<SampleValue> {
    let timestamps = [window.timestamps.last().copied(), window.histograms.last().map(|sample| sample.timestamp)];
    timestamps.into_iter().flatten().max().map(|timestamp| SampleValue::Float(timestamp as f64 / 1000.0))
}

/// The first histogram and the others; nothing, and a warning, where there are numbers too.
fn histograms_alone<'w>(window: &'w Window<'_>, name: &str, note: Note<'_>) -> Option<(&'w Histogram, &'w [HistogramSample])> {
    if !window.values.is_empty() {
        note(Severity::Warning, mixed_kinds(name));
        return None;
    }
    let (first, rest) = window.histograms.split_first()?;
    Some((&first.histogram, rest))
}

fn add_all(
    rest: &[HistogramSample],
    seen: &mut Seen,
    mut add: impl FnMut(&Histogram) -> Result<bool, IncompatibleBuckets>,
) -> Result<(), IncompatibleBuckets> {
    for sample in rest {
        seen.note(&sample.histogram, add(&sample.histogram)?);
    }
    Ok(())
}

fn tell(outcome: Result<(), IncompatibleBuckets>, seen: Seen, name: &str, note: Note<'_>) -> Option<()> {
    if outcome.is_err() {
        note(Severity::Warning, mixed_buckets(name));
        return None;
    }
    seen.tell(note);
    Some(())
}
