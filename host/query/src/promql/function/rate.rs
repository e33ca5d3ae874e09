//! How counters and gauges change: rate, increase, delta, irate, idelta, changes, resets.

use super::{Body, Evaluated, Evaluation, Expr, Function, Grid, RANGE, VECTOR, Window, whole};
use crate::Error;
use crate::promql::annotation::Severity;
use crate::promql::evaluate::extended::{Ends, anchored_values};

const fn of_range(name: &'static str, compute: fn(&Window<'_>, &[f64]) -> Option<f64>) -> Function {
    let body = Body::Window { keeps_name: false, compute };
    Function { name, args: &[RANGE], optional: 0, is_variadic: false, returns: VECTOR, body }
}

pub(super) const FUNCTIONS: &[Function] = &[
    whole("rate", &[RANGE], VECTOR, |evaluation, args, grid| {
        of_counter(evaluation, args, grid, |window, _| Some(extrapolated(window, true)? / seconds(window.end - window.start)))
    }),
    whole("increase", &[RANGE], VECTOR, |evaluation, args, grid| {
        of_counter(evaluation, args, grid, |window, _| extrapolated(window, true))
    }),
    of_range("delta", |window, _| extrapolated(window, false)),
    of_range("irate", |window, _| {
        let (before, last, elapsed) = last_two(window)?;
        let increase = if last < before { last } else { last - before };
        Some(increase / elapsed)
    }),
    of_range("idelta", |window, _| last_two(window).map(|(before, last, _)| last - before)),
    of_range("changes", |window, _| {
        Some(count_pairs(counted(window)?, |before, value| value != before && !(value.is_nan() && before.is_nan())))
    }),
    of_range("resets", |window, _| Some(count_pairs(counted(window)?, |before, value| value < before))),
];

/// Applies a function to counters, and remarks on series that by their name are none.
fn of_counter(
    evaluation: &Evaluation<'_>,
    args: &[Expr],
    grid: &Grid,
    compute: fn(&Window<'_>, &[f64]) -> Option<f64>,
) -> Result<Evaluated, Error> {
    let mut vector = evaluation.map_windows(args, grid, true, compute)?;
    for series in &mut vector {
        let name = series.labels.metric_name();
        let is_counter = COUNTER_SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
        if !name.is_empty() && !is_counter {
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
/// to go on to it at the same pace, else half an interval further; a counter is never taken to have been below zero.
fn extrapolated(window: &Window<'_>, is_counter: bool) -> Option<f64> {
    if window.extension.is_some() {
        return Some(Ends::new(window, is_counter)?.change(is_counter));
    }
    let (values, timestamps) = (window.values, window.timestamps);
    if values.len() < 2 {
        return None;
    }
    let (first_value, first_time, last_time) = (values[0], timestamps[0], timestamps[timestamps.len() - 1]);
    let mut change = values[values.len() - 1] - first_value;
    if is_counter {
        // A counter that went down started again at zero.
        for pair in values.windows(2) {
            if pair[1] < pair[0] {
                change += pair[0];
            }
        }
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

/// The values between which changes count.
fn counted<'w>(window: &Window<'w>) -> Option<&'w [f64]> {
    if window.extension.is_some() { anchored_values(window) } else { Some(window.values) }
}

fn count_pairs(values: &[f64], counts: impl Fn(f64, f64) -> bool) -> f64 {
    values.windows(2).filter(|pair| counts(pair[0], pair[1])).count() as f64
}
