//! The syntax tree of an expression in the form of Prometheus 3's `/api/v1/parse_query` (`web/api/v1/translate_ast.go`), for editors.

use cepmon_model::{MatchOp, Matcher};
use cepmon_query::ast::{At, BinaryExpr, Cardinality, Expr, ExprKind, Extension, Grouping, Length, Matching, Selector, Shift};
use cepmon_query::{Function, ValueType, format_value};
use serde_json::{Value, json};

/// An expression and all below it. Its depth is bounded by the parser.
pub(super) fn tree(expr: &Expr) -> Value {
    match &expr.kind {
        ExprKind::Number(number) => json!({"type": "numberLiteral", "val": format_value(*number)}),
        ExprKind::String(text) => json!({"type": "stringLiteral", "val": text.value}),
        ExprKind::Paren(inner) => json!({"type": "parenExpr", "expr": tree(inner)}),
        ExprKind::Negate(inner) => json!({"type": "unaryExpr", "op": "-", "expr": tree(inner)}),
        ExprKind::Plus(inner) => json!({"type": "unaryExpr", "op": "+", "expr": tree(inner)}),
        ExprKind::Selector(selector) => with_shift(json!({"type": "vectorSelector"}), &selector.shift, Some(selector)),
        ExprKind::Range(range) => {
            let own = json!({"type": "matrixSelector", "range": milliseconds(Some(&range.range))});
            with_shift(own, &range.selector.shift, Some(&range.selector))
        }
        ExprKind::Subquery(subquery) => {
            let (range, step) = (milliseconds(Some(&subquery.range)), milliseconds(subquery.step.as_ref()));
            let own = json!({"type": "subquery", "expr": tree(&subquery.expr), "range": range, "step": step});
            with_shift(own, &subquery.shift, None)
        }
        ExprKind::Aggregate(aggregate) => {
            let (names, is_without) = names(&aggregate.grouping);
            json!({
                "type": "aggregation",
                "op": aggregate.op.name(),
                "expr": tree(&aggregate.expr),
                "param": aggregate.parameter.as_ref().map(tree),
                "grouping": names,
                "without": is_without,
            })
        }
        ExprKind::Call(call) => {
            let args: Vec<Value> = call.args.iter().map(tree).collect();
            json!({"type": "call", "func": function(call.function), "args": args})
        }
        ExprKind::Binary(binary) => json!({
            "type": "binaryExpr",
            "op": binary.op.text(),
            "lhs": tree(&binary.left),
            "rhs": tree(&binary.right),
            "matching": has_matching(binary).then(|| matching(&binary.matching, binary.op.is_set())),
            "bool": binary.returns_bool,
        }),
    }
}

/// Adds what selectors and subqueries have in common.
fn with_shift(mut node: Value, shift: &Shift, selector: Option<&Selector>) -> Value {
    if let Some(selector) = selector {
        node["name"] = json!(selector.name.as_deref().unwrap_or_default());
        node["matchers"] = selector.matchers.iter().map(matcher).collect();
        node["anchored"] = json!(selector.extension == Some(Extension::Anchored));
        node["smoothed"] = json!(selector.extension == Some(Extension::Smoothed));
    }
    node["offset"] = json!(milliseconds(shift.offset.as_ref()));
    let (timestamp, edge) = match shift.at {
        None => (None, None),
        Some(At::Time(at)) => (Some(at), None),
        Some(At::Start) => (None, Some("start")),
        Some(At::End) => (None, Some("end")),
    };
    node["timestamp"] = json!(timestamp);
    node["startOrEnd"] = json!(edge);
    node
}

/// 0 for what only the times of a query decide, as in Prometheus.
fn milliseconds(length: Option<&Length>) -> i64 {
    length.and_then(|length| length.resolve(None)?.ok()).unwrap_or_default()
}

fn matcher(matcher: &Matcher) -> Value {
    let op = match matcher.op() {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Regex => "=~",
        MatchOp::NotRegex => "!~",
    };
    json!({"name": matcher.name(), "value": matcher.value(), "type": op})
}

fn function(function: &Function) -> Value {
    let types: Vec<&str> = function.args.iter().map(|kind| type_name(*kind)).collect();
    // -1 = any number of the last one, otherwise how many may be left out.
    let variadic = if function.is_variadic { -1 } else { function.optional as i64 };
    json!({"name": function.name, "argTypes": types, "variadic": variadic, "returnType": type_name(function.returns)})
}

fn type_name(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::InstantVector => "vector",
        ValueType::RangeVector => "matrix",
    }
}

fn has_matching(binary: &BinaryExpr) -> bool {
    [&binary.left, &binary.right].iter().all(|side| side.value_type() == ValueType::InstantVector)
}

fn matching(matching: &Matching, is_set: bool) -> Value {
    let (names, is_ignoring) = matching.labels.as_ref().map_or((&[][..], true), names);
    let cardinality = match matching.cardinality {
        _ if is_set => "many-to-many",
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
    };
    let fill = json!({"lhs": matching.fill.left, "rhs": matching.fill.right});
    json!({"card": cardinality, "labels": names, "on": !is_ignoring, "include": matching.include, "fillValues": fill})
}

fn names(grouping: &Grouping) -> (&[String], bool) {
    match grouping {
        Grouping::By(names) => (names, false),
        Grouping::Without(names) => (names, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Value {
        tree(&cepmon_query::parse(text).unwrap())
    }

    #[test]
    fn selectors_name_their_matchers_and_times() {
        let selector = of("up{job=~\"a.*\"}[5m] offset 1m");
        assert_eq!(selector["type"], "matrixSelector");
        assert_eq!(
            (selector["name"].clone(), selector["range"].clone(), selector["offset"].clone()),
            (json!("up"), json!(300_000), json!(60_000))
        );
        let matchers = json!([{"name": "job", "value": "a.*", "type": "=~"}, {"name": "__name__", "value": "up", "type": "="}]);
        assert_eq!(selector["matchers"], matchers);
        assert_eq!((of("up @ 1.5")["timestamp"].clone(), of("up @ end()")["startOrEnd"].clone()), (json!(1_500), json!("end")));
        assert_eq!(of("up[1h:1m]")["step"], 60_000);
        assert_eq!((of("up[5m] anchored")["anchored"].clone(), of("up smoothed")["anchored"].clone()), (json!(true), json!(false)));
        assert_eq!(of("up smoothed")["smoothed"], true);
    }

    #[test]
    fn operators_name_their_matching() {
        let binary = of("a / on (job) group_left (zone) b");
        let fill = json!({"lhs": null, "rhs": null});
        let want = json!({"card": "many-to-one", "labels": ["job"], "on": true, "include": ["zone"], "fillValues": fill});
        assert_eq!((binary["op"].clone(), binary["matching"].clone()), (json!("/"), want));
        assert_eq!(of("a + fill_right(0) b")["matching"]["fillValues"], json!({"lhs": null, "rhs": 0.0}));
        assert_eq!(of("a and b")["matching"]["card"], "many-to-many");
        assert_eq!(of("a > bool 1")["matching"], Value::Null);
        assert_eq!(of("a > bool 1")["bool"], true);
    }

    #[test]
    fn calls_name_their_function() {
        let call = of("round(-up, 5)");
        let function = json!({"name": "round", "argTypes": ["vector", "scalar"], "variadic": 1, "returnType": "vector"});
        assert_eq!(call["func"], function);
        assert_eq!(call["args"][0]["op"], "-");
        let aggregation = of("topk without (job) (3, up)");
        assert_eq!((aggregation["without"].clone(), aggregation["param"]["val"].clone()), (json!(true), json!("3")));
    }
}
