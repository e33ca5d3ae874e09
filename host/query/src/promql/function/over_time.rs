//! The `_over_time` family: a window's samples to one value.

use super::sorted_window::SortedWindow;
use super::{
    Evaluated, Function, OverHistograms, RANGE, SCALAR, VECTOR, Window, Windowed, Windows, mixed, native_over_time, whole, window,
};
use crate::vector::aggregate::quantile_of;
use crate::vector::kahan::{mean, sum, variance};

pub(super) const FUNCTIONS: &[Function] = &[
    mixed("avg_over_time", false, |window, _| Some(mean(values(window))), native_over_time::mean),
    mixed("sum_over_time", false, |window, _| Some(sum(values(window))), native_over_time::sum),
    mixed("count_over_time", false, |window, _| Some(window.values.len() as f64), native_over_time::count),
    // NaN gives way to any number, as in `f64::min`. Six times faster than by `extreme` (98 ms against 609, benches/evaluate.rs).
    window("min_over_time", &[RANGE], |window, _| Some(values(window).fold(f64::NAN, f64::min))),
    window("max_over_time", &[RANGE], |window, _| Some(values(window).fold(f64::NAN, f64::max))),
    window("stddev_over_time", &[RANGE], |window, _| Some(variance(values(window)).sqrt())),
    window("stdvar_over_time", &[RANGE], |window, _| Some(variance(values(window)))),
    mixed("present_over_time", false, |_, _| Some(1.0), native_over_time::present),
    whole("quantile_over_time", &[SCALAR, RANGE], VECTOR, |evaluation, args, grid| {
        evaluation.check_quantiles(args[0].span, &evaluation.scalar(&args[0], grid)?);
        let quantiles = evaluation.scalar(&args[0], grid)?;
        let windows = Windows { keeps_name: false, over_histograms: OverHistograms::Ignored };
        let quantile = |sorted: &mut SortedWindow, index: usize, window: &Window<'_>| Some(sorted.quantile(quantiles[index], window));
        let vector = evaluation.map_series(&args[1], grid, windows, Windowed::WithStep, |_| SortedWindow::default(), quantile)?;
        Ok(Evaluated::Vector(vector))
    }),
    window("mad_over_time", &[RANGE], |window, _| {
        let median = quantile_of(0.5, &mut window.values.to_vec());
        let mut distances: Vec<f64> = window.values.iter().map(|value| (value - median).abs()).collect();
        Some(quantile_of(0.5, &mut distances))
    }),
    mixed("last_over_time", true, |window, _| window.values.last().copied(), native_over_time::last),
    mixed("first_over_time", true, |window, _| window.values.first().copied(), native_over_time::first),
    window("ts_of_min_over_time", &[RANGE], |window, _| time(window, extreme(window, |value, best| value <= best))),
    window("ts_of_max_over_time", &[RANGE], |window, _| time(window, extreme(window, |value, best| value >= best))),
    mixed("ts_of_last_over_time", false, |window, _| time(window, window.values.len() - 1), native_over_time::time_of_last),
    mixed("ts_of_first_over_time", false, |window, _| time(window, 0), native_over_time::time_of_first),
];

fn values<'w>(window: &'w Window<'_>) -> impl Iterator<Item = f64> + 'w {
    window.values.iter().copied()
}

/// The index of the best value; NaN gives way to any number.
fn extreme(window: &Window<'_>, is_better: impl Fn(f64, f64) -> bool) -> usize {
    let mut best = 0;
    for (index, value) in values(window).enumerate() {
        if is_better(value, window.values[best]) || window.values[best].is_nan() {
            best = index;
        }
    }
    best
}

/// The time of a sample, in seconds.
fn time(window: &Window<'_>, index: usize) -> Option<f64> {
    window.timestamps.get(index).map(|timestamp| *timestamp as f64 / 1000.0)
}
