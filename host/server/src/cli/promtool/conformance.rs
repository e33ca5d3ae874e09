//! Prometheus's own rule files and unit tests of rules, which are kept outside of the repository: the variable `CEPMON_CONFORMANCE` names
//! their folder. Without it there is nothing to compare.

use std::path::PathBuf;

use regex::Regex;
use serde_json::Value;

use super::check_rules::check_text;
use super::test_rules::test_one;

/// The cases of a file in the folder `prometheus`, and the folder.
fn cases(file: &str) -> Option<(PathBuf, Vec<Value>)> {
    let Some(folder) = std::env::var_os("CEPMON_CONFORMANCE") else {
        eprintln!("skipped: CEPMON_CONFORMANCE names no folder");
        return None;
    };
    let folder = PathBuf::from(folder).join("prometheus");
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    Some((folder, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()))
}

#[test]
fn rule_files_are_taken_and_refused_as_in_prometheus() {
    let Some((folder, cases)) = cases("rules/cases.jsonl") else { return };
    for case in cases {
        let path = folder.join("rules").join(case["file"].as_str().unwrap());
        let checked = check_text(Some(&path), std::fs::read_to_string(&path).unwrap(), false);
        assert_eq!(checked.is_ok(), case["valid"].as_bool().unwrap(), "{case}: {checked:?}");
        if let (Err(problems), Some(message)) = (checked, case["message"].as_str()) {
            assert!(problems.join("\n").contains(message), "{case}: {problems:?}");
        }
    }
}

#[test]
fn rules_with_templates_are_taken_and_refused_as_in_prometheus() {
    let Some((_, cases)) = cases("rule_templates.jsonl") else { return };
    for case in cases {
        let checked = check_text(None, case["input"].as_str().unwrap().to_owned(), false);
        assert_eq!(checked.is_ok(), case["valid"].as_bool().unwrap(), "{case}: {checked:?}");
    }
}

#[test]
fn unit_tests_of_rules_end_as_in_prometheus() {
    let Some((folder, cases)) = cases("rule_tests/cases.jsonl") else { return };
    for case in cases {
        let file = case["file"].as_str().unwrap();
        let path = folder.join("rule_tests").join(file);
        let check = |names: &[Regex], want: &Value| {
            let problems = test_one(&path, names, file.contains("extrafields"));
            let is_expected = problems.is_empty() == want.as_bool().unwrap();
            assert!(is_expected, "{case}: {problems:?}");
        };
        match case["filtered"].as_array() {
            None => check(&[], &case["pass"]),
            Some(runs) => {
                for run in runs {
                    let names: Vec<Regex> =
                        run["run"].as_array().unwrap().iter().map(|name| Regex::new(name.as_str().unwrap()).unwrap()).collect();
                    check(&names, &run["pass"]);
                }
            }
        }
    }
}
