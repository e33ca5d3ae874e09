//! Routing: which receivers an alert goes to and with which others it is grouped. It sends nothing.

mod matcher_text;
mod tree;
mod check;
mod key;

pub(crate) use check::check_route;
pub(crate) use key::{group_labels, matchers_text};
pub use matcher_text::{MatcherTextError, parse_matchers};
pub use tree::{GroupBy, Route, RouteTree};

use std::collections::BTreeMap;

use cepmon_model::{MatchOp, Matcher};

use crate::Problem;

/// The three spellings of conditions: `match`, `match_re` and `matchers`, sorted as Alertmanager sorts them for keys.
pub(crate) fn check_matchers(
    equal: Option<&BTreeMap<String, String>>,
    regex: Option<&BTreeMap<String, String>>,
    texts: Option<&[String]>,
    path: &str,
    keys: [&str; 3],
    problems: &mut Vec<Problem>,
) -> Vec<Matcher> {
    let mut matchers: Vec<Matcher> = equal.into_iter().flatten().map(|(name, value)| Matcher::equal(name, value)).collect();
    for (name, value) in regex.into_iter().flatten() {
        // Alertmanager stores these anchored, and so they stand in keys.
        match Matcher::new(name, MatchOp::Regex, format!("^(?:{value})$")) {
            Ok(matcher) => matchers.push(matcher),
            Err(error) => problems.push(Problem::new(format!("{path}.{}.{name}", keys[1]), error)),
        }
    }
    for (index, text) in texts.into_iter().flatten().enumerate() {
        match parse_matchers(text) {
            Ok(parsed) => matchers.extend(parsed),
            Err(error) => problems.push(Problem::new(format!("{path}.{}[{index}]", keys[2]), error)),
        }
    }
    matchers.sort_by(|a, b| (a.name(), a.value()).cmp(&(b.name(), b.value())));
    matchers
}
