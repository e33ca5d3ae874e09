//! The README's promises: each names the tests that hold it, and this looks that they exist. What they say is said there, by their names.

use std::collections::BTreeSet;
use std::path::Path;

use crate::tree::{assert_none, files, text};

/// The section of the README, and what each of its points starts with.
const SECTION: &str = "## Promises\n";
const PROMISE: &str = "- **";
const TEST: &str = "  - `";

#[test]
fn every_promise_of_the_readme_names_the_tests_that_hold_it_and_they_exist() {
    let readme = text(Path::new("README.md"));
    let section = readme.split_once(SECTION).expect("the README has no section of promises").1;
    let section = section.split("\n## ").next().unwrap();
    let known = tests();
    let mut problems = Vec::new();
    let promises = promises_of(section);
    for promise in &promises {
        let title = promise.lines().next().unwrap_or_default();
        let named: Vec<&str> = promise.lines().filter_map(|line| line.strip_prefix(TEST)?.strip_suffix('`')).collect();
        if named.is_empty() {
            problems.push(format!("no test holds: {title}"));
        }
        problems.extend(named.iter().filter(|name| !known.contains(**name)).map(|name| format!("there is no test {name:?}")));
    }
    assert!(promises.len() > 5, "only {} promises were found; does this test still read the section?", promises.len());
    assert_none("promises that nothing holds", &problems);
}

/// The points of the section, each with the lines below it.
fn promises_of(section: &str) -> Vec<&str> {
    let starts: Vec<usize> = section.match_indices(PROMISE).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([section.len()]);
    starts.iter().zip(ends).map(|(start, end)| &section[*start..end]).collect()
}

/// Names of all test functions.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in files(".rs") {
        let mut is_test = false;
        for line in text(&path).lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                names.extend(rest.split('(').next().map(str::to_owned));
                is_test = false;
            }
        }
    }
    names
}
