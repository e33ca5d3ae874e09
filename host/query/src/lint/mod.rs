//! What is valid PromQL, has an answer, and is most likely not what was meant. Remarks never change an answer.
//!
//! [`lint`] looks at the expression, and at the types of its metrics where [`Metrics`] knows them. [`explain_nothing`] says why an answer
//! may be empty, and is worth asking only then. [`lint_hold`] is about rules. None of them reads a sample.

mod shape;
mod counter;
mod absent;

use cepmon_model::MetricKind;

use crate::ast::{Expr, ExprKind, RangeSelector, Selector, Span};
use crate::{Annotation, Severity};

pub use absent::explain_nothing;

/// What is known of the metrics that are stored.
pub trait Metrics {
    /// The type of a metric, if it is stored and has one.
    fn kind(&self, metric: &str) -> Option<MetricKind>;
    /// All names; none if they are not known.
    fn names(&self) -> Vec<String>;
    /// The label names of a metric; none if there is no such metric.
    fn labels(&self, metric: &str) -> Vec<String>;
}

/// For expressions in files, which are looked at where nothing is stored.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMetrics;

impl Metrics for NoMetrics {
    /// By the name: nothing but a counter is called `_total`.
    fn kind(&self, metric: &str) -> Option<MetricKind> {
        metric.ends_with("_total").then_some(MetricKind::Counter)
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn labels(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// Remarks on an expression and everything in it, from left to right.
pub fn lint(expr: &Expr, metrics: &dyn Metrics) -> Vec<Annotation> {
    let mut remarks = Vec::new();
    walk(expr, &mut |expr| {
        remarks.extend(shape::divides_by_itself(expr));
        remarks.extend(shape::quantile_without_le(expr));
        remarks.extend(shape::rate_of_a_sum(expr));
        remarks.extend(counter::wrong_function(expr, metrics));
    });
    remarks
}

/// A remark on an alert that cannot hold for less than the time between two evaluations. Milliseconds.
pub fn lint_hold(hold_for_ms: i64, interval_ms: i64) -> Option<String> {
    (0 < hold_for_ms && hold_for_ms < interval_ms).then(|| {
        let text = |ms: i64| cepmon_model::format_duration(std::time::Duration::from_millis(ms.unsigned_abs()));
        let (hold, interval) = (text(hold_for_ms), text(interval_ms));
        format!("\"for: {hold}\" is shorter than the interval of {interval}, so the alert fires at its second evaluation; write {interval}")
    })
}

fn walk<'e>(expr: &'e Expr, look: &mut dyn FnMut(&'e Expr)) {
    look(expr);
    expr.children().into_iter().for_each(|child| walk(child, look));
}

/// The selector that an expression is, with a range or without.
fn selector_of(expr: &Expr) -> Option<&Selector> {
    match &expr.without_parens().kind {
        ExprKind::Selector(selector) | ExprKind::Range(RangeSelector { selector, .. }) => Some(selector),
        _ => None,
    }
}

fn remark(span: Span, message: String) -> Annotation {
    Annotation { severity: Severity::Info, message, span }
}

#[cfg(test)]
mod tests;
