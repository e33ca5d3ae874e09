//! Orders of the answer to an instant query: by value or by labels. A range query is always in the order of labels.

use std::cmp::Ordering;

use cepmon_model::LabelSet;

use super::label::text;
use super::{Evaluated, Evaluation, Expr, Function, Grid, TEXT, VECTOR, whole};
use crate::Error;
use crate::vector::StepSeries;

pub(super) const FUNCTIONS: &[Function] = &[
    whole("sort", &[VECTOR], VECTOR, |evaluation, args, grid| by_value(evaluation, args, grid, |left, right| left.partial_cmp(&right))),
    whole("sort_desc", &[VECTOR], VECTOR, |evaluation, args, grid| {
        by_value(evaluation, args, grid, |left, right| right.partial_cmp(&left))
    }),
    Function {
        optional: 1,
        is_variadic: true,
        ..whole("sort_by_label", &[VECTOR, TEXT], VECTOR, |evaluation, args, grid| by_label(evaluation, args, grid, false))
    },
    Function {
        optional: 1,
        is_variadic: true,
        ..whole("sort_by_label_desc", &[VECTOR, TEXT], VECTOR, |evaluation, args, grid| by_label(evaluation, args, grid, true))
    },
];

/// NaN comes last, whatever the order. Histograms have none and are left out.
fn by_value(
    evaluation: &Evaluation<'_>,
    args: &[Expr],
    grid: &Grid,
    compare: fn(f64, f64) -> Option<Ordering>,
) -> Result<Evaluated, Error> {
    let mut vector = evaluation.vector(&args[0], grid)?;
    vector.iter_mut().for_each(|series| series.column.drop_histograms());
    vector.retain(|series| !series.column.is_empty());
    if grid.count == 1 {
        let value = |series: &StepSeries| series.column.get(0).unwrap_or(f64::NAN);
        vector.sort_by(|left, right| {
            let (left, right) = (value(left), value(right));
            left.is_nan().cmp(&right.is_nan()).then_with(|| compare(left, right).unwrap_or(Ordering::Equal))
        });
    }
    Ok(Evaluated::Vector(vector))
}

fn by_label(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid, is_descending: bool) -> Result<Evaluated, Error> {
    let names = args[1..].iter().map(|arg| text(evaluation, arg, grid)).collect::<Result<Vec<_>, _>>()?;
    let mut vector = evaluation.vector(&args[0], grid)?;
    if grid.count == 1 {
        let by_names = |left: &LabelSet, right: &LabelSet| {
            let differing = names.iter().map(|name| natural(left.get(name).unwrap_or_default(), right.get(name).unwrap_or_default()));
            differing.into_iter().find(|order| order.is_ne()).unwrap_or_else(|| left.cmp(right))
        };
        vector.sort_by(|left, right| by_names(&left.labels, &right.labels));
        if is_descending {
            vector.reverse();
        }
    }
    Ok(Evaluated::Vector(vector))
}

/// Runs of digits compare as numbers: `cpu2` before `cpu10`.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left, right);
    loop {
        let (left_run, left_rest) = split_run(left);
        let (right_run, right_rest) = split_run(right);
        if left_run.is_empty() || right_run.is_empty() {
            return left_run.len().cmp(&right_run.len());
        }
        let digits = |run: &str| run.starts_with(|c: char| c.is_ascii_digit());
        let order = if digits(left_run) && digits(right_run) {
            let (left, right) = (left_run.trim_start_matches('0'), right_run.trim_start_matches('0'));
            left.len().cmp(&right.len()).then_with(|| left.cmp(right)).then_with(|| left_run.len().cmp(&right_run.len()))
        } else {
            left_run.cmp(right_run)
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
}

/// The digits, or the other characters, that a text starts with.
fn split_run(text: &str) -> (&str, &str) {
    let starts_with_digit = text.starts_with(|c: char| c.is_ascii_digit());
    text.split_at(text.find(|c: char| c.is_ascii_digit() != starts_with_digit).unwrap_or(text.len()))
}
