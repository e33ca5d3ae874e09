//! Prometheus's own cases of durations and regular expressions, where `CEPMON_CONFORMANCE` names the folder that has them.

use std::collections::BTreeSet;
use std::path::Path;

use cepmon_model::{MatchOp, Matcher, format_duration, parse_duration};
use serde_json::Value;

use crate::ast::{Expr, ExprKind};
use crate::parse;

fn cases(name: &str) -> Vec<Value> {
    let Some(folder) = std::env::var_os("CEPMON_CONFORMANCE") else {
        eprintln!("skipped: CEPMON_CONFORMANCE names no folder");
        return Vec::new();
    };
    let text = std::fs::read_to_string(Path::new(&folder).join("prometheus").join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The offset of a selector in milliseconds.
fn offset(expr: &Expr) -> i64 {
    let ExprKind::Selector(selector) = &expr.kind else { panic!("{expr} is no selector") };
    selector.shift.offset.as_ref().map_or(0, |offset| offset.resolve(None).unwrap().unwrap())
}

#[test]
fn durations_of_prometheus_are_read_and_printed() {
    for case in cases("durations.jsonl") {
        let input = case["input"].as_str().unwrap();
        let expr = parse(&format!("up offset {input}"));
        assert_eq!(expr.is_ok(), case["valid"].as_bool().unwrap(), "{case}");
        let Ok(expr) = expr else { continue };
        let (ms, printed) = (case["nanoseconds"].as_i64().unwrap() / 1_000_000, case["printed"].as_str().unwrap());
        assert_eq!(offset(&expr), ms, "{case}");
        assert_eq!(expr.to_string(), if ms == 0 { "up".to_owned() } else { format!("up offset {printed}") });
        if ms >= 0 {
            let duration = parse_duration(input).unwrap();
            assert_eq!((duration.as_millis() as i64, format_duration(duration).to_string().as_str()), (ms, printed));
        }
    }
}

#[test]
fn regular_expressions_with_a_finite_set_match_that_set() {
    for case in cases("regex_sets.jsonl") {
        let matcher = Matcher::new("l", MatchOp::Regex, case["input"].as_str().unwrap()).unwrap();
        let set: BTreeSet<&str> = case["set_matches"].as_array().unwrap().iter().map(|member| member.as_str().unwrap()).collect();
        for member in &set {
            assert!(matcher.matches(member), "{case}: {member}");
            for other in [format!("{member}x"), format!("x{member}"), String::new()] {
                assert!(set.contains(other.as_str()) || !matcher.matches(&other), "{case}: {other}");
            }
        }
    }
}
