//! Types and other rules that the grammar alone does not hold, with Prometheus's messages.

use crate::ValueType;
use crate::promql::ast::{BinaryExpr, Cardinality, Expr, ExprKind, Grouping, Span};
use crate::promql::function::Function;
use crate::vector::aggregate::AggregateOp;

/// Where, and what is wrong.
type Problem = (Span, String);

pub(crate) fn binary(binary: &BinaryExpr) -> Result<(), Problem> {
    let (left, right) = (binary.left.value_type(), binary.right.value_type());
    let all = Span { start: binary.left.span.start, end: binary.right.span.end };
    for side in [&binary.left, &binary.right] {
        if !matches!(side.value_type(), ValueType::Scalar | ValueType::InstantVector) {
            return Err((side.span, "binary expression must contain only scalar and instant vector types".to_owned()));
        }
    }
    if binary.returns_bool && !binary.op.is_comparison() {
        return Err((all, "bool modifier can only be used on comparison operators".to_owned()));
    }
    let are_scalars = left == ValueType::Scalar && right == ValueType::Scalar;
    if are_scalars && binary.op.is_comparison() && !binary.returns_bool {
        return Err((all, "comparisons between scalars must use BOOL modifier".to_owned()));
    }
    if are_scalars && binary.op.is_trim() {
        return Err((all, format!("operator {:?} not allowed for Scalar operations", binary.op.text())));
    }
    let has_scalar = left == ValueType::Scalar || right == ValueType::Scalar;
    if has_scalar && binary.op.is_set() {
        return Err((all, format!("set operator {:?} not allowed in binary scalar expression", binary.op.text())));
    }
    let matching = &binary.matching;
    if has_scalar && matching.labels.is_some() {
        return Err((all, "vector matching only allowed between instant vectors".to_owned()));
    }
    let has_fill = matching.fill.left.is_some() || matching.fill.right.is_some();
    if has_fill && has_scalar {
        return Err((all, "filling in missing series only allowed between instant vectors".to_owned()));
    }
    if has_fill && binary.op.is_set() {
        return Err((all, "filling in missing series not allowed for set operators".to_owned()));
    }
    if binary.op.is_set() && matching.cardinality != Cardinality::OneToOne {
        return Err((all, format!("no grouping allowed for {:?} operation", binary.op.text())));
    }
    if let Some(Grouping::By(on)) = &matching.labels
        && let Some(twice) = matching.include.iter().find(|label| on.contains(label))
    {
        return Err((all, format!("label {twice:?} must not occur in ON and GROUP clause at once")));
    }
    Ok(())
}

pub(crate) fn sign(operand: &Expr) -> Result<(), String> {
    match operand.value_type() {
        ValueType::Scalar | ValueType::InstantVector => Ok(()),
        other => Err(format!("unary expression only allowed on expressions of type scalar or instant vector, got \"{other}\"")),
    }
}

pub(crate) fn subquery(expr: &Expr) -> Result<(), String> {
    match expr.value_type() {
        ValueType::InstantVector => Ok(()),
        other => Err(format!("subquery is only allowed on instant vector, got {other} instead")),
    }
}

pub(crate) fn aggregation(op: AggregateOp, parameter: Option<&Expr>, expr: &Expr) -> Result<(), Problem> {
    if let Some(parameter) = parameter {
        let wanted = if op == AggregateOp::CountValues { ValueType::String } else { ValueType::Scalar };
        expect_type(parameter, wanted, "aggregation parameter")?;
    }
    expect_type(expr, ValueType::InstantVector, "aggregation expression")
}

pub(crate) fn call(function: &Function, args: &[Expr]) -> Result<(), (Option<Span>, String)> {
    let name = function.name;
    let (most, least) = (function.args.len(), function.args.len() - function.optional);
    let got = args.len();
    let problem = match () {
        () if function.is_variadic && got < least => format!("expected at least {least} argument(s) in call to {name:?}, got {got}"),
        () if function.is_variadic => String::new(),
        () if most == least && got != most => format!("expected {most} argument(s) in call to {name:?}, got {got}"),
        () if got < least => format!("expected at least {least} argument(s) in call to {name:?}, got {got}"),
        () if got > most => format!("expected at most {most} argument(s) in call to {name:?}, got {got}"),
        () => String::new(),
    };
    if !problem.is_empty() {
        return Err((None, problem));
    }
    if let ("info", Some(arg)) = (name, args.get(1))
        && !matches!(arg.without_parens().kind, ExprKind::Selector(_))
    {
        return Err((Some(arg.span), "expected label selectors as the second argument to \"info\" function".to_owned()));
    }
    for (index, arg) in args.iter().enumerate() {
        let Some(wanted) = function.args.get(index).or(function.args.last()) else { break };
        expect_type(arg, *wanted, &format!("call to function {name:?}")).map_err(|(span, problem)| (Some(span), problem))?;
    }
    Ok(())
}

fn expect_type(expr: &Expr, wanted: ValueType, place: &str) -> Result<(), Problem> {
    let found = expr.value_type();
    if found == wanted { Ok(()) } else { Err((expr.span, format!("expected type {wanted} in {place}, got {found}"))) }
}
