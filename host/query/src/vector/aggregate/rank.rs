//! Aggregations that keep some of the series or put values in order: topk, bottomk, quantile, limitk, limit_ratio.

use std::cmp::Ordering;
use std::sync::Arc;

use cepmon_model::SeriesId;

use super::{AggregateOp, Group};
use crate::vector::{Budget, Grid, StepSeries, StepVector};
use crate::{Error, format_value};

/// Keeps k values per group and step. Of an instant query the series come out in the order of their rank.
pub(super) fn select(
    op: AggregateOp,
    groups: &[Group],
    parameter: &[f64],
    mut vector: StepVector,
    grid: &Grid,
) -> Result<StepVector, Error> {
    if parameter.iter().all(|k| *k < 1.0) {
        return Ok(Vec::new());
    }
    for k in parameter {
        match () {
            () if k.is_nan() => return Err(Error::execution("Parameter value is NaN")),
            () if *k <= i64::MIN as f64 => return Err(Error::execution(format!("Scalar value {} underflows int64", format_value(*k)))),
            () if *k >= i64::MAX as f64 => return Err(Error::execution(format!("Scalar value {} overflows int64", format_value(*k)))),
            () => {}
        }
    }
    if op != AggregateOp::Limitk {
        vector.iter_mut().for_each(|series| series.column.drop_histograms());
    }
    let mut ranked = Vec::new();
    for (index, k) in parameter.iter().enumerate().take(grid.count) {
        // Below one nothing is kept; above the number of series everything is.
        let k = if *k < 1.0 { 0 } else { *k as usize };
        for Group { members, .. } in groups {
            // Of histograms only `limitk` takes any.
            let number = |member: &usize| {
                let column = &vector[*member].column;
                column.get(index).or_else(|| column.histogram(index).filter(|_| op == AggregateOp::Limitk).map(|_| f64::NAN))
            };
            let mut present: Vec<(usize, f64)> = members.iter().filter_map(|member| Some((*member, number(member)?))).collect();
            match op {
                AggregateOp::Topk => present.sort_by(|left, right| descending(left.1, right.1)),
                AggregateOp::Bottomk => present.sort_by(|left, right| ascending(left.1, right.1)),
                _ => {}
            }
            for (rank, (member, _)) in present.into_iter().enumerate() {
                if rank >= k {
                    vector[member].column.put(index, None)?;
                } else if grid.count == 1 {
                    ranked.push(member);
                }
            }
        }
    }
    if grid.count == 1 {
        let mut slots: Vec<Option<StepSeries>> = vector.into_iter().map(Some).collect();
        return Ok(ranked.into_iter().filter_map(|member| slots[member].take()).collect());
    }
    vector.retain(|series| !series.column.is_empty());
    Ok(vector)
}

/// Keeps the series whose hash lies in the given share; a negative share is the complement of the positive one that completes it, so
/// `limit_ratio(0.2, x)` and `limit_ratio(-0.8, x)` have nothing in common and everything together.
pub(super) fn share(parameter: &[f64], mut vector: StepVector) -> Result<StepVector, Error> {
    if parameter.iter().any(|ratio| ratio.is_nan()) {
        return Err(Error::execution("Ratio value is NaN"));
    }
    for series in &mut vector {
        let position = SeriesId::of("", &series.labels, 0).0 as f64 / u64::MAX as f64;
        series.column.retain(|index| {
            let ratio = parameter[index].clamp(-1.0, 1.0);
            if ratio >= 0.0 { position < ratio || ratio == 1.0 } else { position >= 1.0 + ratio }
        });
    }
    vector.retain(|series| !series.column.is_empty());
    Ok(vector)
}

/// Largest first, NaN last.
fn descending(left: f64, right: f64) -> Ordering {
    left.is_nan().cmp(&right.is_nan()).then_with(|| right.partial_cmp(&left).unwrap_or(Ordering::Equal))
}

/// Smallest first, NaN last.
fn ascending(left: f64, right: f64) -> Ordering {
    left.is_nan().cmp(&right.is_nan()).then_with(|| left.partial_cmp(&right).unwrap_or(Ordering::Equal))
}

pub(super) fn quantiles(
    groups: &[Group],
    parameter: &[f64],
    vector: &StepVector,
    grid: &Grid,
    budget: &Budget,
) -> Result<StepVector, Error> {
    let mut result = Vec::with_capacity(groups.len());
    for group in groups {
        let mut column = budget.column(grid.count)?;
        for (index, quantile) in parameter.iter().enumerate().take(grid.count) {
            let mut values: Vec<f64> = group.members.iter().filter_map(|member| vector[*member].column.get(index)).collect();
            if !values.is_empty() {
                column.set(index, Some(quantile_of(*quantile, &mut values)));
            }
        }
        if !column.is_empty() {
            result.push(StepSeries { labels: Arc::clone(&group.labels), drops_name: group.drops_name, column });
        }
    }
    Ok(result)
}

/// The quantile of some values, interpolated between neighbours; changes their order. Outside 0 to 1 it is infinite, of nothing NaN.
pub(crate) fn quantile_of(quantile: f64, values: &mut [f64]) -> f64 {
    quantile_by(quantile, values.len(), |lower| {
        // The other values need no order.
        let (_, lower, above) = values.select_nth_unstable_by(lower, ascending_from_nan);
        let upper = above.iter().copied().min_by(ascending_from_nan);
        (*lower, upper.unwrap_or(*lower))
    })
}

/// [`quantile_of`] values that are in the order of [`ascending_from_nan`].
pub(crate) fn quantile_of_sorted(quantile: f64, values: &[f64]) -> f64 {
    quantile_by(quantile, values.len(), |lower| (values[lower], values[(lower + 1).min(values.len() - 1)]))
}

/// `neighbours` gives the value of a rank from 0 on and the one after it.
fn quantile_by(quantile: f64, count: usize, neighbours: impl FnOnce(usize) -> (f64, f64)) -> f64 {
    if count == 0 || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    let rank = quantile * (count - 1) as f64;
    let weight = rank - rank.floor();
    let (lower, upper) = neighbours(rank.floor() as usize);
    lower * (1.0 - weight) + upper * weight
}

/// Smallest first; NaN counts as the smallest.
pub(crate) fn ascending_from_nan(left: &f64, right: &f64) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (false, false) => left.total_cmp(right),
        (left, right) => right.cmp(&left),
    }
}
