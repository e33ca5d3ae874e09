//! Licences of all third-party crates. cargo-deny knows the same list (`.cargo/deny.toml`) and more; this test needs nothing
//! installed. Crates that only tests use are held to it as well.

use crate::border::METADATA;
use crate::tree::assert_none;

/// Permissive licences only: cepmon is linked with all of them and goes out under Apache-2.0.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

#[test]
fn every_dependency_has_a_licence_that_allows_what_we_do() {
    let mut problems = Vec::new();
    for package in METADATA["packages"].as_array().unwrap() {
        let licence = package["license"].as_str().unwrap_or_default();
        if !is_allowed(licence) {
            problems.push(format!("{} {}: {licence:?}", package["name"], package["version"]));
        }
    }
    assert_none("dependencies with licences that nobody has allowed", &problems);
}

#[test]
fn an_expression_is_allowed_when_one_choice_of_it_is() {
    assert!(is_allowed("MIT"));
    assert!(is_allowed("GPL-3.0 OR MIT"));
    assert!(is_allowed("(MIT OR GPL-2.0) AND Unicode-3.0"));
    assert!(is_allowed("GPL-3.0/Apache-2.0 WITH LLVM-exception"));
    assert!(!is_allowed("MIT AND GPL-3.0"));
    assert!(!is_allowed("MIT AND (AGPL-3.0 OR SSPL-1.0)"));
    assert!(!is_allowed("Apache-2.0 WITH Some-exception"));
    assert!(!is_allowed(""));
}

/// An SPDX expression: `OR` binds weakest, then `AND`, then `WITH`. The old spelling of `OR` is a slash.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest) && rest.is_empty()
}

fn any_of(rest: &mut &[&str]) -> bool {
    let mut is_allowed = all_of(rest);
    while take(rest, "OR") {
        is_allowed |= all_of(rest);
    }
    is_allowed
}

fn all_of(rest: &mut &[&str]) -> bool {
    let mut is_allowed = one(rest);
    while take(rest, "AND") {
        is_allowed &= one(rest);
    }
    is_allowed
}

fn one(rest: &mut &[&str]) -> bool {
    if take(rest, "(") {
        let is_allowed = any_of(rest);
        return take(rest, ")") && is_allowed;
    }
    let [name, after @ ..] = *rest else { return false };
    *rest = after;
    if !take(rest, "WITH") {
        return ALLOWED.contains(name);
    }
    let [exception, after @ ..] = *rest else { return false };
    *rest = after;
    ALLOWED.contains(&format!("{name} WITH {exception}").as_str())
}

fn take(rest: &mut &[&str], word: &str) -> bool {
    let [first, after @ ..] = *rest else { return false };
    let is_next = *first == word;
    if is_next {
        *rest = after;
    }
    is_next
}
