//! Remarks that need the expression only.

use cepmon_model::Matcher;

use super::{remark, selector_of};
use crate::Annotation;
use crate::ast::{AggregateOp, BinaryOp, Call, Cardinality, Expr, ExprKind, Grouping, Selector, Subquery};

/// `rate(x{status=~"5.."}[5m]) / rate(x[5m])`: by default series match on all labels, so that each one meets only itself.
pub(super) fn divides_by_itself(expr: &Expr) -> Option<Annotation> {
    let ExprKind::Binary(binary) = &expr.kind else { return None };
    let matches_on_all_labels = match &binary.matching.labels {
        None => true,
        Some(Grouping::Without(names)) => names.is_empty(),
        Some(Grouping::By(_)) => false,
    };
    if binary.op != BinaryOp::Div || !matches_on_all_labels || binary.matching.cardinality != Cardinality::OneToOne {
        return None;
    }
    let (left, right) = (of_single_series(&binary.left)?, of_single_series(&binary.right)?);
    let is_same = |one: &Matcher, other: &Matcher| (one.name(), one.op(), one.value()) == (other.name(), other.op(), other.value());
    let is_part = |part: &[Matcher], whole: &[Matcher]| whole.iter().all(|matcher| part.iter().any(|other| is_same(matcher, other)));
    let (more, less) = (&left.matchers, &right.matchers);
    let is_itself = left.name == right.name && left.name.is_some() && (is_part(more, less) || is_part(less, more));
    // What was done to the two sides must be the same too: `rate(x[5m]) / rate(x[1h])` compares a series with its past.
    (is_itself && has_same_shape(&binary.left, &binary.right)).then(|| {
        let (left, right) = (binary.left.without_parens(), binary.right.without_parens());
        remark(expr.span, format!("each series is divided by itself, which always gives 1; a share of all is sum({left}) / sum({right})"))
    })
}

/// The selector of an expression that gives one series for each one selected.
fn of_single_series(expr: &Expr) -> Option<&Selector> {
    match &expr.without_parens().kind {
        ExprKind::Call(Call { args, .. }) => args.iter().find_map(of_single_series),
        _ => selector_of(expr),
    }
}

/// Whether two expressions differ by matchers at most.
fn has_same_shape(left: &Expr, right: &Expr) -> bool {
    let is_same_time = |left: &Selector, right: &Selector| left.shift == right.shift && left.extension == right.extension;
    match (&left.without_parens().kind, &right.without_parens().kind) {
        (ExprKind::Selector(left), ExprKind::Selector(right)) => is_same_time(left, right),
        (ExprKind::Range(left), ExprKind::Range(right)) => left.range == right.range && is_same_time(&left.selector, &right.selector),
        (ExprKind::Call(left), ExprKind::Call(right)) => {
            left.function.name == right.function.name && left.args.iter().zip(&right.args).all(|(left, right)| has_same_shape(left, right))
        }
        _ => left.to_string() == right.to_string(),
    }
}

/// `histogram_quantile(0.9, sum by (path) (rate(x_bucket[5m])))`: without `le` there are no buckets left.
pub(super) fn quantile_without_le(expr: &Expr) -> Option<Annotation> {
    let ExprKind::Call(call) = &expr.kind else { return None };
    let buckets = match call.function.name {
        "histogram_quantile" => call.args.get(1),
        "histogram_fraction" => call.args.get(2),
        _ => None,
    }?;
    let ExprKind::Aggregate(aggregate) = &buckets.without_parens().kind else { return None };
    let keeps_series = matches!(aggregate.op, AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio);
    let (is_lost, repaired) = match &aggregate.grouping {
        Grouping::By(names) => {
            let with_le: Vec<&str> = ["le"].into_iter().chain(names.iter().map(String::as_str)).collect();
            (!names.iter().any(|name| name == "le"), format!("by ({})", with_le.join(", ")))
        }
        Grouping::Without(names) => {
            let others: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "le").collect();
            (names.iter().any(|name| name == "le"), format!("without ({})", others.join(", ")))
        }
    };
    (is_lost && !keeps_series).then(|| {
        let (function, op) = (call.function.name, aggregate.op.name());
        remark(buckets.span, format!("{function} needs the label le, which this {op} drops; write {op} {repaired} (…)"))
    })
}

/// `rate(sum(x)[5m:])`: when one of the series starts again, the sum goes down by a little and the whole sum counts as increase.
pub(super) fn rate_of_a_sum(expr: &Expr) -> Option<Annotation> {
    let ExprKind::Call(call) = &expr.kind else { return None };
    let name = call.function.name;
    let is_of_counters = matches!(name, "rate" | "increase" | "irate");
    let ExprKind::Subquery(Subquery { expr: inner, range, .. }) = &call.args.first()?.without_parens().kind else { return None };
    let ExprKind::Aggregate(aggregate) = &inner.without_parens().kind else { return None };
    let metric = selector_of(&aggregate.expr).filter(|_| is_of_counters && aggregate.op == AggregateOp::Sum)?;
    let metric = Expr::new(inner.span, ExprKind::Selector(metric.clone()));
    let grouping = match &aggregate.grouping {
        Grouping::By(names) if names.is_empty() => String::new(),
        Grouping::By(names) => format!(" by ({}) ", names.join(", ")),
        Grouping::Without(names) => format!(" without ({}) ", names.join(", ")),
    };
    let message = format!(
        "{name} of a sum takes every counter that starts again for a restart of all; sum the rates: sum{grouping}({name}({metric}[{range}]))"
    );
    Some(remark(expr.span, message))
}
