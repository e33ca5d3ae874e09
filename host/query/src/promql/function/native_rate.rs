//! How native histograms change: rate, increase, delta, irate, idelta, changes, resets (Prometheus 3, `promql/functions.go`).

use std::sync::Arc;

use cepmon_model::{Histogram, HistogramSample, IncompatibleBuckets, ResetHint};

use super::Window;
use crate::SampleValue;
use crate::promql::annotation::Severity;
use crate::promql::evaluate::extended::Extension;
use crate::promql::evaluate::{mixed_buckets, mixed_kinds};
use crate::vector::Note;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Of a counter.
    Increase,
    /// Of a counter, per second.
    Rate,
    /// Of a gauge.
    Delta,
}

pub(super) fn rate(window: &Window<'_>, name: &str, note: Note<'_>) -> Option<SampleValue> {
    over_range(Change::Rate, window, name, note)
}

pub(super) fn increase(window: &Window<'_>, name: &str, note: Note<'_>) -> Option<SampleValue> {
    over_range(Change::Increase, window, name, note)
}

pub(super) fn delta(window: &Window<'_>, name: &str, note: Note<'_>) -> Option<SampleValue> {
    over_range(Change::Delta, window, name, note)
}

pub(super) fn irate(window: &Window<'_>, name: &str, note: Note<'_>) -> Option<SampleValue> {
    between_last_two(true, window, name, note)
}

pub(super) fn idelta(window: &Window<'_>, name: &str, note: Note<'_>) -> Option<SampleValue> {
    between_last_two(false, window, name, note)
}

pub(super) fn changes(window: &Window<'_>, _: &str, _: Note<'_>) -> Option<SampleValue> {
    count_pairs(
        window,
        |before, after| before != after && !(before.is_nan() && after.is_nan()),
        |before, after| !after.is_same_data(before),
    )
}

pub(super) fn resets(window: &Window<'_>, _: &str, _: Note<'_>) -> Option<SampleValue> {
    count_pairs(window, |before, after| after < before, |before, after| after.is_reset_after(before))
}

fn not_a(kind: &str, name: &str) -> String {
    format!("this native histogram metric is not a {kind}: {name:?}")
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Add,
    Subtract,
}

/// Subtracts or adds, and says what there is to say; collisions of hints are what counters do at a reset.
fn combine(base: &mut Histogram, step: Step, other: &Histogram, name: &str, note: Note<'_>) -> Option<()> {
    let (combined, operation) = match step {
        Step::Add => (base.add(other), "addition"),
        Step::Subtract => (base.subtract(other), "subtraction"),
    };
    match combined {
        Ok(combined) => {
            if combined.bounds_were_reconciled {
                note(Severity::Info, format!("mismatched custom buckets were reconciled during {operation}"));
            }
            Some(())
        }
        Err(IncompatibleBuckets) => {
            note(Severity::Warning, mixed_buckets(name));
            None
        }
    }
}

fn over_range(change: Change, window: &Window<'_>, name: &str, note: Note<'_>) -> Option<SampleValue> {
    if !window.values.is_empty() {
        note(Severity::Warning, mixed_kinds(name));
        return None;
    }
    let seconds = (window.end - window.start) as f64 / 1000.0;
    let mut result = match window.extension {
        Some(extension) => extended(change, extension, window, name, note)?,
        None => extrapolated(change, window, name, note)?,
    };
    if change == Change::Rate {
        result.divide(seconds);
    }
    result.hint = ResetHint::Gauge;
    result.compact();
    Some(SampleValue::of(result))
}

/// As with numbers, samples near a border are taken to go on to it at the same pace.
fn extrapolated(change: Change, window: &Window<'_>, name: &str, note: Note<'_>) -> Option<Histogram> {
    let samples = window.histograms;
    let (first, last) = (samples.first()?, samples.last().filter(|_| samples.len() > 1)?);
    let mut result = difference(change, samples, name, note)?;
    let seconds = |ms: i64| ms as f64 / 1000.0;
    let sampled = seconds(last.timestamp - first.timestamp);
    let interval = sampled / (samples.len() - 1) as f64;
    let to_border = |distance: f64| if distance >= interval * 1.1 { interval / 2.0 } else { distance };
    let mut to_start = to_border(seconds(first.timestamp - window.start));
    let first_count = first.histogram.count;
    if change != Change::Delta && result.count > 0.0 && first_count >= 0.0 {
        // A counter was never below zero.
        to_start = to_start.min(sampled * (first_count / result.count));
    }
    let to_end = to_border(seconds(window.end - last.timestamp));
    result.scale((sampled + to_start + to_end) / sampled);
    Some(result)
}

/// The last sample less the first one, and what resets between them took away.
fn difference(change: Change, samples: &[HistogramSample], name: &str, note: Note<'_>) -> Option<Histogram> {
    let is_counter = change != Change::Delta;
    let (first, last) = (&samples[0].histogram, &samples[samples.len() - 1].histogram);
    let is_gauge = |sample: &HistogramSample| sample.histogram.hint == ResetHint::Gauge;
    if is_counter && samples.iter().any(is_gauge) {
        note(Severity::Warning, not_a("counter", name));
    }
    // After a reset, the first sample has nothing to say, not even about buckets.
    let second = &samples[1].histogram;
    let mut before = Arc::clone(first);
    if is_counter && second.is_reset_after(first) {
        let custom_values = Arc::clone(&second.custom_values);
        before =
            Arc::new(Histogram { schema: second.schema, custom_values, zero_threshold: second.zero_threshold, ..Histogram::default() });
    }
    let relevant = || [&before, last].into_iter().chain(samples[1..].iter().map(|sample| &sample.histogram).filter(|_| is_counter));
    if relevant().any(|histogram| histogram.has_custom_buckets() != before.has_custom_buckets()) {
        note(Severity::Warning, mixed_buckets(name));
        return None;
    }
    let mut result = Histogram::clone(last);
    result.coarsen(relevant().map(|histogram| histogram.schema).min()?);
    combine(&mut result, Step::Subtract, &before, name, note)?;
    if is_counter {
        for sample in &samples[1..] {
            if sample.histogram.is_reset_after(&before) {
                combine(&mut result, Step::Add, &before, name, note)?;
            }
            before = Arc::clone(&sample.histogram);
        }
    } else if !(is_gauge(&samples[0]) && is_gauge(&samples[samples.len() - 1])) {
        note(Severity::Warning, not_a("gauge", name));
    }
    Some(result)
}

/// Between the ends of an `anchored` or `smoothed` range, which are samples or lie between two.
fn extended(change: Change, extension: Extension, window: &Window<'_>, name: &str, note: Note<'_>) -> Option<Histogram> {
    let (is_counter, is_smoothed) = (change != Change::Delta, extension == Extension::Smoothed);
    let samples = window.histograms;
    let mut last = samples.len().checked_sub(1)?;
    let first = samples[..last].partition_point(|sample| sample.timestamp <= window.start).saturating_sub(1);
    if is_smoothed {
        last = samples[..last].partition_point(|sample| sample.timestamp < window.end);
    }
    if samples[last].timestamp <= window.start || (is_smoothed && samples[first].timestamp > window.end) {
        return None;
    }
    let within = &samples[first..=last];
    if within.iter().any(|sample| sample.histogram.has_custom_buckets() != within[0].histogram.has_custom_buckets()) {
        note(Severity::Warning, mixed_buckets(name));
        return None;
    }
    let is_gauge = |sample: &HistogramSample| sample.histogram.hint == ResetHint::Gauge;
    if is_counter && within.iter().any(is_gauge) {
        note(Severity::Warning, not_a("counter", name));
    }
    let are_gauges = is_gauge(&samples[first]) && is_gauge(&samples[last]);
    if !is_counter && !are_gauges {
        note(Severity::Warning, not_a("gauge", name));
    }
    let is_left_between = is_smoothed && samples[first].timestamp < window.start;
    let left = match is_left_between {
        true => interpolated(&samples[first], &samples[first + 1], window.start, is_counter, name, note)?,
        false => Histogram::clone(&samples[first].histogram),
    };
    let right = match is_smoothed && last > 0 && samples[last].timestamp > window.end {
        true => interpolated(&samples[last - 1], &samples[last], window.end, is_counter, name, note)?,
        false => Histogram::clone(&samples[last].histogram),
    };
    let mut result = right.clone();
    combine(&mut result, Step::Subtract, &left, name, note)?;
    if !is_counter || first == last {
        return Some(result);
    }
    // A reset that the left end lies behind already counts no more.
    let mut before = &left;
    let mut inner = first + 1..last;
    if is_left_between && samples[first + 1].histogram.is_reset_after(&samples[first].histogram) {
        if inner.next().is_none() {
            return Some(result);
        }
        before = &samples[first + 1].histogram;
    }
    for sample in samples[inner].iter().map(|sample| &*sample.histogram).chain([&right]) {
        if sample.is_reset_after(before) {
            combine(&mut result, Step::Add, before, name, note)?;
        }
        before = sample;
    }
    Some(result)
}

/// The histogram at a time on the line between two samples. A counter that started again between them started at zero.
pub(crate) fn interpolated(
    before: &HistogramSample,
    after: &HistogramSample,
    at: i64,
    is_counter: bool,
    name: &str,
    note: Note<'_>,
) -> Option<Histogram> {
    let mut result = Histogram::clone(&after.histogram);
    let share = (at - before.timestamp) as f64 / (after.timestamp - before.timestamp) as f64;
    if is_counter && after.histogram.is_reset_after(&before.histogram) {
        result.scale(share);
        return Some(result);
    }
    combine(&mut result, Step::Subtract, &before.histogram, name, note)?;
    result.scale(share);
    combine(&mut result, Step::Add, &before.histogram, name, note)?;
    Some(result)
}

fn between_last_two(is_rate: bool, window: &Window<'_>, name: &str, note: Note<'_>) -> Option<SampleValue> {
    let all = in_order(window);
    let [.., (before_time, before), (time, last)] = all.as_slice() else { return None };
    let seconds = (time - before_time) as f64 / 1000.0;
    match (before, last) {
        (SampleValue::Histogram(before), SampleValue::Histogram(last)) => {
            let are_gauges = [before, last].map(|histogram| histogram.hint == ResetHint::Gauge);
            if is_rate && are_gauges.contains(&true) {
                note(Severity::Warning, not_a("counter", name));
            }
            if !is_rate && are_gauges.contains(&false) {
                note(Severity::Warning, not_a("gauge", name));
            }
            let mut result = Histogram::clone(last);
            if !(is_rate && last.is_reset_after(before)) {
                combine(&mut result, Step::Subtract, before, name, note)?;
            }
            if is_rate {
                result.divide(seconds);
            }
            result.hint = ResetHint::Gauge;
            result.compact();
            Some(SampleValue::of(result))
        }
        (SampleValue::Float(before), SampleValue::Float(last)) => Some(SampleValue::Float(match is_rate {
            true => (if last < before { *last } else { last - before }) / seconds,
            false => last - before,
        })),
        _ => {
            note(Severity::Warning, mixed_kinds(name));
            None
        }
    }
}

/// Counts the pairs of neighbours that are as asked; a number next to a histogram always is.
fn count_pairs(
    window: &Window<'_>,
    of_numbers: impl Fn(f64, f64) -> bool,
    of_histograms: impl Fn(&Histogram, &Histogram) -> bool,
) -> Option<SampleValue> {
    let mut all = in_order(window);
    if window.extension.is_some() {
        // From the anchor on: the last sample at or before the start.
        let after = all.partition_point(|(timestamp, _)| *timestamp <= window.start);
        if after == all.len() {
            return None;
        }
        all.drain(..after.saturating_sub(1));
    }
    let pairs = all.windows(2).filter(|pair| match (&pair[0].1, &pair[1].1) {
        (SampleValue::Float(before), SampleValue::Float(after)) => of_numbers(*before, *after),
        (SampleValue::Histogram(before), SampleValue::Histogram(after)) => of_histograms(before, after),
        _ => true,
    });
    Some(SampleValue::Float(pairs.count() as f64))
}

/// Numbers and histograms in the order of time.
fn in_order(window: &Window<'_>) -> Vec<(i64, SampleValue)> {
    let numbers = window.timestamps.iter().zip(window.values).map(|(timestamp, value)| (*timestamp, SampleValue::Float(*value)));
    let histograms = window.histograms.iter().map(|sample| (sample.timestamp, SampleValue::Histogram(Arc::clone(&sample.histogram))));
    let mut all: Vec<_> = numbers.chain(histograms).collect();
    all.sort_by_key(|(timestamp, _)| *timestamp);
    all
}
