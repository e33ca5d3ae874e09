//! Times, and what goes between scalars and vectors: time, timestamp, start, end, step, range, scalar, vector.

use std::sync::Arc;

use super::{Evaluated, Evaluation, Expr, Function, Grid, SCALAR, VECTOR, whole};
use crate::promql::ast::ExprKind;
use crate::promql::evaluate::Pick;
use crate::vector::StepSeries;
use crate::{Error, SampleValue};

pub(super) const FUNCTIONS: &[Function] = &[
    whole("time", &[], SCALAR, |_, _, grid| Ok(Evaluated::Scalar((0..grid.count).map(|index| seconds(grid.time(index))).collect()))),
    whole("start", &[], SCALAR, |evaluation, _, grid| constant(grid, seconds(evaluation.query.start))),
    whole("end", &[], SCALAR, |evaluation, _, grid| constant(grid, seconds(evaluation.query.end()))),
    whole("step", &[], SCALAR, |evaluation, _, grid| constant(grid, seconds(evaluation.query_step_ms))),
    whole("range", &[], SCALAR, |evaluation, _, grid| constant(grid, seconds(evaluation.query.end() - evaluation.query.start))),
    whole("timestamp", &[VECTOR], VECTOR, timestamp),
    whole("scalar", &[VECTOR], SCALAR, scalar),
    whole("vector", &[SCALAR], VECTOR, |evaluation, args, grid| {
        let mut column = evaluation.budget.column(grid.count)?;
        for (index, value) in evaluation.scalar(&args[0], grid)?.into_iter().enumerate() {
            column.set(index, Some(value));
        }
        Ok(Evaluated::Vector(vec![StepSeries { labels: Arc::default(), drops_name: false, column }]))
    }),
];

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

fn constant(grid: &Grid, value: f64) -> Result<Evaluated, Error> {
    Ok(Evaluated::Scalar(vec![value; grid.count]))
}

/// Of a selector the samples' own times, of everything else the step's.
fn timestamp(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid) -> Result<Evaluated, Error> {
    let mut vector = match &args[0].without_parens().kind {
        ExprKind::Selector(selector) => evaluation.select(selector, args[0].span, grid, Pick::Time)?,
        _ => {
            let mut vector = evaluation.vector(&args[0], grid)?;
            for series in &mut vector {
                let time = |index: usize| seconds(grid.time(index));
                series.column.map(|index, _| Some(time(index)));
                series.column.map_histograms(|index, _| Some(SampleValue::Float(time(index))))?;
            }
            vector
        }
    };
    for series in &mut vector {
        series.drops_name = true;
    }
    Ok(Evaluated::Vector(vector))
}

/// The number where there is exactly one, else NaN.
fn scalar(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid) -> Result<Evaluated, Error> {
    let vector = evaluation.vector(&args[0], grid)?;
    let mut counts = vec![0_usize; grid.count];
    let mut values = vec![f64::NAN; grid.count];
    for series in &vector {
        for (index, value) in series.column.points() {
            counts[index] += 1;
            values[index] = if counts[index] == 1 { value } else { f64::NAN };
        }
    }
    Ok(Evaluated::Scalar(values))
}
