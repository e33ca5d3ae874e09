//! Trends: deriv, predict_linear (least squares) and holt_winters (double exponential smoothing).

use super::{Evaluated, Evaluation, Expr, Function, Grid, OverHistograms, RANGE, SCALAR, VECTOR, Window, Windows, whole, window};
use crate::Error;
use crate::vector::kahan::KahanSum;

pub(super) const FUNCTIONS: &[Function] = &[
    window("deriv", &[RANGE], |window, _| {
        let (slope, _) = line(window, *window.timestamps.first()?)?;
        Some(slope)
    }),
    window("predict_linear", &[RANGE, SCALAR], |window, parameters| {
        let (slope, intercept) = line(window, window.now)?;
        Some(slope * parameters[0] + intercept)
    }),
    whole("holt_winters", &[RANGE, SCALAR, SCALAR], VECTOR, holt_winters),
    // Its name in Prometheus 3.
    whole("double_exponential_smoothing", &[RANGE, SCALAR, SCALAR], VECTOR, holt_winters),
];

/// Slope per second, and the value at a time, of the line through a window's samples; `None` for fewer than two.
fn line(window: &Window<'_>, origin: i64) -> Option<(f64, f64)> {
    let first = *window.values.first()?;
    if window.values.len() < 2 {
        return None;
    }
    if window.values.iter().all(|value| *value == first) {
        return Some(if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) });
    }
    let count = window.values.len() as f64;
    let [mut x, mut y, mut xy, mut xx] = [KahanSum::default(); 4];
    for (timestamp, value) in window.timestamps.iter().zip(window.values) {
        let offset = (timestamp - origin) as f64 / 1000.0;
        x.add(offset);
        y.add(*value);
        xy.add(offset * value);
        xx.add(offset * offset);
    }
    let (x, y, xy, xx) = (x.total(), y.total(), xy.total(), xx.total());
    let slope = (xy - x * y / count) / (xx - x * x / count);
    Some((slope, y / count - slope * x / count))
}

fn holt_winters(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid) -> Result<Evaluated, Error> {
    for (arg, what) in args[1..].iter().zip(["smoothing", "trend"]) {
        for factor in evaluation.scalar(arg, grid)? {
            // Written so that NaN is refused too.
            if !(factor > 0.0 && factor < 1.0) {
                return Err(Error::execution(format!("invalid {what} factor. Expected: 0 < {what} factor < 1, got: {factor}")));
            }
        }
    }
    let windows = Windows { keeps_name: false, over_histograms: OverHistograms::Ignored };
    evaluation.map_windows(args, grid, windows, smooth).map(Evaluated::Vector)
}

fn smooth(window: &Window<'_>, factors: &[f64]) -> Option<f64> {
    let (smoothing, trend_factor) = (factors[0], factors[1]);
    if window.values.len() < 2 {
        return None;
    }
    let (mut before, mut level) = (0.0, window.values[0]);
    let mut trend = window.values[1] - window.values[0];
    for (index, value) in window.values.iter().enumerate().skip(1) {
        if index > 1 {
            trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
        }
        let next = smoothing * value + (1.0 - smoothing) * (level + trend);
        (before, level) = (level, next);
    }
    Some(level)
}
