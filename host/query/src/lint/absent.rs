//! Why an answer is empty: metrics that nobody stored, and conditions on labels that a metric does not have.

use cepmon_model::{METRIC_NAME, MatchOp, Matcher, nearest_name};

use super::{Metrics, remark, selector_of, walk};
use crate::Annotation;
use crate::ast::{Expr, ExprKind, Selector, Span};

/// Remarks on the selectors of an expression that can find nothing.
pub fn explain_nothing(expr: &Expr, metrics: &dyn Metrics) -> Vec<Annotation> {
    let mut remarks = Vec::new();
    let mut names = None;
    walk(expr, &mut |expr| {
        // `(x)` is looked at inside of the parentheses.
        let Some(selector) = selector_of(expr).filter(|_| !matches!(expr.kind, ExprKind::Paren(_))) else { return };
        let Some(metric) = selector.name.as_deref() else { return };
        let labels = metrics.labels(metric);
        let names = names.get_or_insert_with(|| metrics.names());
        if names.iter().any(|name| name == metric) {
            remarks.extend(selector.matchers.iter().filter_map(|matcher| unknown_label(expr.span, metric, matcher, &labels)));
        } else if !names.is_empty() {
            remarks.push(unknown_metric(expr.span, selector, metric, names));
        }
    });
    remarks
}

fn unknown_metric(span: Span, selector: &Selector, metric: &str, names: &[String]) -> Annotation {
    let hint = match nearest_name(metric, names.iter().map(String::as_str)) {
        Some(near) => format!("; did you mean {near:?}?"),
        None if selector.shift.offset.is_some() => String::new(),
        None => "; is its target scraped?".to_owned(),
    };
    remark(span, format!("no metric {metric:?} is stored{hint}"))
}

/// A condition that a missing label cannot fulfil.
fn unknown_label(span: Span, metric: &str, matcher: &Matcher, labels: &[String]) -> Option<Annotation> {
    let is_positive = matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex) && !matcher.matches_empty();
    let is_known = matcher.name() == METRIC_NAME || labels.iter().any(|label| label == matcher.name());
    (is_positive && !is_known).then(|| {
        let near = nearest_name(matcher.name(), labels.iter().map(String::as_str));
        let hint = near.map_or_else(|| format!("it has {}", labels.join(", ")), |near| format!("did you mean {near:?}?"));
        remark(span, format!("no series of {metric:?} has a label {:?}; {hint}", matcher.name()))
    })
}
