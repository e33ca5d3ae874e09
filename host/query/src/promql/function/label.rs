//! Functions that change labels: label_replace and label_join.

use std::sync::Arc;

use cepmon_model::{METRIC_NAME, is_label_name};
use regex::Regex;

use super::{Evaluated, Evaluation, Expr, Function, Grid, TEXT, VECTOR, whole};
use crate::Error;
use crate::vector::StepSeries;
use crate::vector::unify::unify_results;

pub(super) const FUNCTIONS: &[Function] = &[
    whole("label_replace", &[VECTOR, TEXT, TEXT, TEXT, TEXT], VECTOR, label_replace),
    Function { optional: 1, is_variadic: true, ..whole("label_join", &[VECTOR, TEXT, TEXT, TEXT], VECTOR, label_join) },
];

fn label_replace(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid) -> Result<Evaluated, Error> {
    let target = text(evaluation, &args[1], grid)?;
    let replacement = text(evaluation, &args[2], grid)?;
    let source = text(evaluation, &args[3], grid)?;
    let pattern = text(evaluation, &args[4], grid)?;
    let regex = Regex::new(&format!("^(?s:{pattern})$"))
        .map_err(|error| Error::execution(format!("invalid regular expression in label_replace(): {pattern}: {error}")))?;
    check_label(&target, "destination label name in label_replace()")?;
    let mut vector = evaluation.vector(&args[0], grid)?;
    for series in &mut vector {
        let value = series.labels.get(&source).unwrap_or_default();
        let Some(captures) = regex.captures(value) else { continue };
        let mut replaced = String::new();
        captures.expand(&replacement, &mut replaced);
        set_label(series, &target, &replaced);
    }
    Ok(Evaluated::Vector(unify_results(vector)?))
}

fn label_join(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid) -> Result<Evaluated, Error> {
    let target = text(evaluation, &args[1], grid)?;
    let separator = text(evaluation, &args[2], grid)?;
    let sources = args[3..].iter().map(|arg| text(evaluation, arg, grid)).collect::<Result<Vec<_>, _>>()?;
    check_label(&target, "destination label name in label_join()")?;
    for source in &sources {
        check_label(source, "source label name in label_join()")?;
    }
    let mut vector = evaluation.vector(&args[0], grid)?;
    for series in &mut vector {
        let values: Vec<&str> = sources.iter().map(|source| series.labels.get(source).unwrap_or_default()).collect();
        let joined = values.join(&separator);
        set_label(series, &target, &joined);
    }
    Ok(Evaluated::Vector(unify_results(vector)?))
}

fn set_label(series: &mut StepSeries, name: &str, value: &str) {
    series.labels = Arc::new(series.labels.to_builder().set(name, value).build());
    // A name that is given here is meant to stay.
    series.drops_name &= name != METRIC_NAME;
}

fn check_label(name: &str, what: &str) -> Result<(), Error> {
    let is_valid = is_label_name(name);
    if is_valid { Ok(()) } else { Err(Error::execution(format!("invalid {what}: {name}"))) }
}

/// A string argument.
pub(super) fn text(evaluation: &Evaluation<'_>, arg: &Expr, grid: &Grid) -> Result<String, Error> {
    match evaluation.evaluate(arg, grid)? {
        Evaluated::Text(text) => Ok(text),
        _ => Err(Error::execution("expected a string")),
    }
}
