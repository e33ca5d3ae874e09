//! Signs, binary operators and aggregations: evaluates the operands and hands them to [`vector`](crate::vector).

use cepmon_model::Histogram;

use super::{Evaluated, Evaluation};
use crate::promql::annotation::Severity;
use crate::promql::ast::{AggregateExpr, BinaryExpr, Expr, ExprKind, Span};
use crate::vector::aggregate::{AggregateOp, aggregate, count_values};
use crate::vector::binary::{Operation, scalars, vector_scalar, vectors};
use crate::vector::{Grid, StepVector};
use crate::{Error, SampleValue, format_value};

impl Evaluation<'_> {
    pub(super) fn negate(&self, expr: &Expr, grid: &Grid) -> Result<Evaluated, Error> {
        match self.evaluate(expr, grid)? {
            Evaluated::Scalar(values) => Ok(Evaluated::Scalar(values.into_iter().map(|value| -value).collect())),
            Evaluated::Vector(mut vector) => {
                for series in &mut vector {
                    series.drops_name = true;
                    series.column.map(|_, value| Some(-value));
                    series.column.map_histograms(|_, histogram| {
                        let mut negative = Histogram::clone(histogram);
                        negative.scale(-1.0);
                        Some(SampleValue::of(negative))
                    })?;
                }
                Ok(Evaluated::Vector(vector))
            }
            Evaluated::Text(_) => Err(Error::execution("a string has no sign")),
        }
    }

    /// `span` is where the whole expression stands.
    pub(super) fn binary(&self, binary: &BinaryExpr, span: Span, grid: &Grid) -> Result<Evaluated, Error> {
        let note = self.note(span);
        let operation = Operation { op: binary.op, returns_bool: binary.returns_bool };
        let left = self.evaluate(&binary.left, grid)?;
        let right = self.evaluate(&binary.right, grid)?;
        Ok(match (left, right) {
            (Evaluated::Scalar(mut left), Evaluated::Scalar(right)) => {
                scalars(binary.op, &mut left, &right);
                Evaluated::Scalar(left)
            }
            (Evaluated::Vector(vector), Evaluated::Scalar(scalar)) => {
                Evaluated::Vector(vector_scalar(operation, vector, &scalar, false, &note)?)
            }
            (Evaluated::Scalar(scalar), Evaluated::Vector(vector)) => {
                Evaluated::Vector(vector_scalar(operation, vector, &scalar, true, &note)?)
            }
            (Evaluated::Vector(left), Evaluated::Vector(right)) => {
                Evaluated::Vector(vectors(operation, &binary.matching, left, right, &self.budget, &note)?)
            }
            _ => return Err(Error::execution("a string cannot be an operand")),
        })
    }

    pub(super) fn aggregate(&self, expr: &AggregateExpr, grid: &Grid) -> Result<StepVector, Error> {
        if let (AggregateOp::CountValues, Some(parameter)) = (expr.op, &expr.parameter) {
            let label = label_of(parameter)?;
            let vector = self.vector(&expr.expr, grid)?;
            return count_values(label, &expr.grouping, &vector, grid, &self.budget);
        }
        let parameter = expr.parameter.as_ref().map(|parameter| self.scalar(parameter, grid)).transpose()?;
        match (expr.op, &expr.parameter, &parameter) {
            (AggregateOp::Quantile, Some(expr), Some(quantiles)) => self.check_quantiles(expr.span, &extremes(quantiles)),
            (AggregateOp::LimitRatio, Some(expr), Some(ratios)) => self.check_ratios(expr.span, ratios),
            _ => {}
        }
        let vector = self.vector(&expr.expr, grid)?;
        aggregate(expr.op, &expr.grouping, parameter.as_deref(), vector, grid, &self.budget, &self.note(expr.expr.span))
    }

    fn check_ratios(&self, span: Span, ratios: &[f64]) {
        for ratio in extremes(ratios).iter().filter(|ratio| ratio.abs() > 1.0) {
            let message = format!("ratio value should be between -1 and 1, got {}, capping to {}", format_value(*ratio), ratio.signum());
            self.annotate(Severity::Warning, span, message);
        }
    }
}

/// Prometheus warns of the largest and the smallest parameter of all steps only.
fn extremes(values: &[f64]) -> Vec<f64> {
    let numbers = || values.iter().copied().filter(|value| !value.is_nan());
    let not_a_number = values.iter().copied().find(|value| value.is_nan());
    not_a_number.into_iter().chain(numbers().max_by(f64::total_cmp)).chain(numbers().min_by(f64::total_cmp)).collect()
}

/// The label of `count_values`.
fn label_of(parameter: &Expr) -> Result<&str, Error> {
    match &parameter.without_parens().kind {
        ExprKind::String(text) => match &text.invalid {
            None if !text.value.is_empty() => Ok(&text.value),
            None => Err(Error::execution("invalid label name \"\"")),
            Some(written) => Err(Error::execution(format!("invalid label name \"{written}\""))),
        },
        _ => Err(Error::execution("expected a string")),
    }
}
