//! How counters and gauges change: rate, increase, delta, irate, idelta, changes, resets.

use std::ops::Range;

use super::{
    Evaluated, Evaluation, Expr, Function, Grid, OfMixed, OverHistograms, RANGE, VECTOR, Window, Windowed, Windows, mixed, native_rate,
    whole,
};
use crate::Error;
use crate::promql::annotation::Severity;
use crate::promql::evaluate::RangeSeries;
use crate::promql::evaluate::extended::{Ends, anchor};

pub(super) const FUNCTIONS: &[Function] = &[
    whole("rate", &[RANGE], VECTOR, |evaluation, args, grid| {
        let rate = |falls: &[usize], window: &Window<'_>| Some(extrapolated(window, Some(falls))? / seconds(window.end - window.start));
        of_counter(evaluation, args, grid, rate, native_rate::rate)
    }),
    whole("increase", &[RANGE], VECTOR, |evaluation, args, grid| {
        of_counter(evaluation, args, grid, |falls, window| extrapolated(window, Some(falls)), native_rate::increase)
    }),
    mixed("delta", false, |window, _| extrapolated(window, None), native_rate::delta),
    mixed(
        "irate",
        false,
        |window, _| {
            let (before, last, elapsed) = last_two(window)?;
            let increase = if last < before { last } else { last - before };
            Some(increase / elapsed)
        },
        native_rate::irate,
    ),
    mixed("idelta", false, |window, _| last_two(window).map(|(before, last, _)| last - before), native_rate::idelta),
    whole("changes", &[RANGE], VECTOR, |evaluation, args, grid| {
        let is_change = |before: f64, value: f64| value != before && !(value.is_nan() && before.is_nan());
        count_places(evaluation, args, grid, is_change, native_rate::changes)
    }),
    whole("resets", &[RANGE], VECTOR, |evaluation, args, grid| count_places(evaluation, args, grid, falls, native_rate::resets)),
];

/// Whether a counter started again.
fn falls(before: f64, value: f64) -> bool {
    value < before
}

/// Counts the samples of each window that stand to the one before as asked.
fn count_places(
    evaluation: &Evaluation<'_>,
    args: &[Expr],
    grid: &Grid,
    is_one: fn(f64, f64) -> bool,
    of_mixed: OfMixed,
) -> Result<Evaluated, Error> {
    let places = |series: &RangeSeries| series.places(is_one);
    let count = |places: &mut Vec<usize>, _: usize, window: &Window<'_>| {
        let first = if window.extension.is_some() { window.first + anchor(window)? } else { window.first };
        Some(places_within(places, first..window.first + window.values.len()).len() as f64)
    };
    let windows = Windows { keeps_name: false, over_histograms: OverHistograms::Computed(of_mixed) };
    evaluation.map_series(&args[0], grid, windows, Windowed::Alone, places, count).map(Evaluated::Vector)
}

/// The places whose pair of samples lies within a range of the series.
fn places_within(places: &[usize], range: Range<usize>) -> &[usize] {
    let start = places.partition_point(|place| *place <= range.start);
    let end = places.partition_point(|place| *place < range.end);
    &places[start..end.max(start)]
}

/// Applies a function to counters, and remarks on series that by their name are none.
fn of_counter(
    evaluation: &Evaluation<'_>,
    args: &[Expr],
    grid: &Grid,
    compute: fn(&[usize], &Window<'_>) -> Option<f64>,
    of_mixed: OfMixed,
) -> Result<Evaluated, Error> {
    let windows = Windows { keeps_name: true, over_histograms: OverHistograms::Computed(of_mixed) };
    let of_window = |falls: &mut Vec<usize>, _: usize, window: &Window<'_>| compute(falls, window);
    let mut vector = evaluation.map_series(&args[0], grid, windows, Windowed::Alone, |series| series.places(falls), of_window)?;
    for series in &mut vector {
        let name = series.labels.metric_name();
        let is_counter = COUNTER_SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
        if !name.is_empty() && !is_counter && !series.column.has_histograms() {
            let message = format!("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}");
            evaluation.annotate(Severity::Info, args[0].span, message);
        }
        series.drops_name = true;
    }
    Ok(Evaluated::Vector(vector))
}

const COUNTER_SUFFIXES: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// The change over the whole range, from the samples within it (Prometheus 3, `extrapolatedRate`): samples near a border are taken
/// to go on to it at the same pace, else half an interval further. Of a counter the places are given at which it started again; it is
/// never taken to have been below zero.
fn extrapolated(window: &Window<'_>, falls: Option<&[usize]>) -> Option<f64> {
    let is_counter = falls.is_some();
    if window.extension.is_some() {
        return Some(Ends::new(window, is_counter)?.change(is_counter));
    }
    let (values, timestamps) = (window.values, window.timestamps);
    if values.len() < 2 {
        return None;
    }
    let (first_value, first_time, last_time) = (values[0], timestamps[0], timestamps[timestamps.len() - 1]);
    let mut change = values[values.len() - 1] - first_value;
    // A counter that went down started again at zero.
    for place in places_within(falls.unwrap_or_default(), window.first..window.first + values.len()) {
        change += values[place - window.first - 1];
    }
    let sampled = seconds(last_time - first_time);
    let interval = sampled / (values.len() - 1) as f64;
    let threshold = interval * 1.1;
    let mut to_start = seconds(first_time - window.start);
    let mut to_end = seconds(window.end - last_time);
    if to_start >= threshold {
        to_start = interval / 2.0;
    }
    if is_counter && change > 0.0 && first_value >= 0.0 {
        to_start = to_start.min(sampled * (first_value / change));
    }
    if to_end >= threshold {
        to_end = interval / 2.0;
    }
    Some(change * ((sampled + to_start + to_end) / sampled))
}

/// The last two values and the seconds between them.
fn last_two(window: &Window<'_>) -> Option<(f64, f64, f64)> {
    let last = window.values.len().checked_sub(2)?;
    let elapsed = seconds(window.timestamps[last + 1] - window.timestamps[last]);
    Some((window.values[last], window.values[last + 1], elapsed))
}
