//! Prometheus's own scripts, which are not part of this repository: `CEPMON_CONFORMANCE` names the folder that has them in `promql/`.

use std::path::PathBuf;

use cepmon_model::{LabelSet, MatchOp};

use super::run::Report;
use super::{run_file, scripts_of};
use crate::ast::{Expr, ExprKind, RangeSelector};
use crate::{Engine, MemorySource, parse};

/// Scripts that pass without an exception. May only grow.
const PASSING: &[&str] = &[
    "core/aggregators",
    "core/at_modifier",
    "core/collision",
    "core/functions",
    "core/histograms",
    "core/literals",
    "core/operators",
    "core/range_queries",
    "core/selectors",
    "core/staleness",
    "core/subquery",
    "core/trig_functions",
    "stretch/duration_expression",
    "stretch/extended_vectors",
    "stretch/fill-modifier",
    "stretch/info",
    "stretch/limit",
    "stretch/name_label_dropping",
    "stretch/native_histograms",
    "stretch/type_and_unit",
];

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("CEPMON_CONFORMANCE").map(|folder| PathBuf::from(folder).join("promql"));
    if folder.is_none() {
        eprintln!("skipped: CEPMON_CONFORMANCE names no folder");
    }
    folder
}

#[test]
fn scripts_of_prometheus_pass() {
    let Some(folder) = folder() else { return };
    let mut broken = Vec::new();
    for kind in ["core", "stretch"] {
        for path in scripts_of(&folder.join(kind)) {
            let name = format!("{kind}/{}", path.file_stem().unwrap().to_string_lossy());
            let report = match run_file(&path) {
                Ok(report) => report,
                Err(problem) => {
                    eprintln!("{name}: cannot be read: {problem}");
                    Report { failures: vec![problem], ..Report::default() }
                }
            };
            eprintln!("{name}: {} passed, {} failed", report.passed, report.failures.len());
            for failure in &report.failures {
                eprintln!("  {failure}");
            }
            if PASSING.contains(&name.as_str()) && (report.passed == 0 || !report.failures.is_empty()) {
                broken.push(name);
            }
        }
    }
    assert!(broken.is_empty(), "scripts that used to pass: {broken:?}");
}

#[test]
fn parse_cases_of_prometheus_pass() {
    let Some(folder) = folder() else { return };
    let text = std::fs::read_to_string(folder.join("parse.jsonl")).unwrap();
    let (mut total, mut failures) = (0, Vec::new());
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        total += 1;
        // An input given as bytes is no UTF-8, which the type of `parse` excludes.
        let Some(input) = case["input"].as_str() else { continue };
        let is_valid = case["valid"].as_bool().unwrap();
        let problem = match (parse(input), case["printed"].as_str()) {
            (Err(error), _) if is_valid => Some(error.to_string()),
            (Ok(expr), _) if !is_valid => Some(format!("is read as {expr}")),
            (Ok(expr), Some(printed)) if expr.to_string() != printed => Some(format!("prints as {expr}, expected {printed}")),
            (Ok(expr), _) if parse(&expr.to_string()).is_err() => Some(format!("cannot be read again: {expr}")),
            _ => None,
        };
        failures.extend(problem.map(|problem| format!("{input}\n    {problem}")));
    }
    assert!(failures.is_empty(), "{} of {total} parse cases:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_expression_of_the_dashboards_has_an_answer() {
    let Some(folder) = folder() else { return };
    let mut paths: Vec<_> = std::fs::read_dir(folder.with_file_name("dashboards")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".exprs.jsonl"));
    assert!(!paths.is_empty());
    let mut failures = Vec::new();
    for line in paths.iter().flat_map(|path| std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()) {
        let case: serde_json::Value = serde_json::from_str(&line).unwrap();
        let input = case["input"].as_str().unwrap();
        let answer = parse(input).map_err(|error| error.to_string()).and_then(|expr| {
            let mut source = MemorySource::default();
            push_what_matches(&mut source, &expr);
            let (start, end, step) = (0, 3_600_000, 300_000);
            Engine::default().range(&source, &expr, start, end, step).map_err(|error| error.to_string())
        });
        failures.extend(answer.err().map(|problem| format!("{input}\n    {problem}")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// For every selector a series that has the labels it asks for.
fn push_what_matches(source: &mut MemorySource, expr: &Expr) {
    if let ExprKind::Selector(selector) | ExprKind::Range(RangeSelector { selector, .. }) = &expr.kind {
        let equal = selector.matchers.iter().filter(|matcher| matcher.op() == MatchOp::Equal);
        let labels = LabelSet::from_pairs(equal.map(|matcher| (matcher.name(), matcher.value())));
        (0..60).for_each(|minute| source.push(&labels, minute * 60_000, minute as f64));
    }
    expr.children().into_iter().for_each(|child| push_what_matches(source, child));
}
