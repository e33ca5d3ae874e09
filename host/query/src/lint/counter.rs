//! Functions of counters over what is no counter, and the other way round.

use cepmon_model::MetricKind;

use super::{Metrics, remark, selector_of};
use crate::Annotation;
use crate::ast::{Expr, ExprKind};

pub(super) fn wrong_function(expr: &Expr, metrics: &dyn Metrics) -> Option<Annotation> {
    let ExprKind::Call(call) = &expr.kind else { return None };
    let name = call.function.name;
    let is_of_counters = matches!(name, "rate" | "increase" | "irate" | "resets");
    // What `x` would be for the other kind of metric.
    let instead = match name {
        "increase" => "delta",
        "rate" => "deriv",
        "deriv" | "predict_linear" => "rate",
        "irate" => "idelta",
        "resets" => "changes",
        "delta" => "increase",
        "idelta" => "irate",
        _ => return None,
    };
    let arg = call.args.iter().find(|arg| selector_of(arg).is_some())?;
    let metric = selector_of(arg)?.name.as_deref()?;
    let kind = metrics.kind(metric);
    let message = match (is_of_counters, kind) {
        (true, Some(MetricKind::Gauge)) => format!(
            "{name} is for counters, and {metric:?} is a gauge: whenever it goes down, that counts as a start from zero; use {instead}"
        ),
        (false, Some(MetricKind::Counter)) => {
            format!("{name} is for gauges, and {metric:?} is a counter, which may start again at zero; use {instead}")
        }
        _ => return None,
    };
    Some(remark(arg.span, message))
}
