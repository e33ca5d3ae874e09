//! absent and absent_over_time: 1 where there is nothing, with the labels that the selector asks for.

use std::sync::Arc;

use cepmon_model::{LabelSet, METRIC_NAME, MatchOp, Matcher};

use super::{Evaluated, Evaluation, Expr, Function, Grid, RANGE, VECTOR, whole};
use crate::Error;
use crate::promql::ast::ExprKind;
use crate::vector::StepSeries;

pub(super) const FUNCTIONS: &[Function] =
    &[whole("absent", &[VECTOR], VECTOR, absent), whole("absent_over_time", &[RANGE], VECTOR, absent_over_time)];

fn absent(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid) -> Result<Evaluated, Error> {
    let mut is_present = vec![false; grid.count];
    for series in evaluation.vector(&args[0], grid)? {
        for index in series.column.steps() {
            is_present[index] = true;
        }
    }
    absence(evaluation, &args[0], &is_present)
}

fn absent_over_time(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid) -> Result<Evaluated, Error> {
    let mut is_present = vec![false; grid.count];
    evaluation.each_range(&args[0], grid, &mut |shape, series| {
        series.windows(shape, grid, |index, _| is_present[index] = true);
        Ok(())
    })?;
    absence(evaluation, &args[0], &is_present)
}

fn absence(evaluation: &Evaluation<'_>, arg: &Expr, is_present: &[bool]) -> Result<Evaluated, Error> {
    let mut column = evaluation.budget.column(is_present.len())?;
    for (index, is_present) in is_present.iter().enumerate() {
        column.set(index, (!is_present).then_some(1.0));
    }
    if column.is_empty() {
        return Ok(Evaluated::Vector(Vec::new()));
    }
    Ok(Evaluated::Vector(vec![StepSeries { labels: Arc::new(expected_labels(arg)), drops_name: false, column }]))
}

/// Labels that a selector demands once and with `=`; a label that it names twice is ambiguous and left out.
fn expected_labels(arg: &Expr) -> LabelSet {
    let matchers: &[Matcher] = match &arg.without_parens().kind {
        ExprKind::Selector(selector) => &selector.matchers,
        ExprKind::Range(range) => &range.selector.matchers,
        _ => &[],
    };
    let mut labels = LabelSet::default().to_builder();
    for matcher in matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME) {
        let is_alone = matchers.iter().filter(|other| other.name() == matcher.name()).count() == 1;
        if matcher.op() == MatchOp::Equal && is_alone {
            labels.set(matcher.name(), matcher.value());
        }
    }
    labels.build()
}
