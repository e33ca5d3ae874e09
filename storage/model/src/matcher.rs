//! Matchers: one condition on one label, with Prometheus's rules. Parsing a selector is the query crates' work.

use std::fmt;

use regex::Regex;

use crate::anchored_regex;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

/// A condition on one label. A missing label has the value "".
#[derive(Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    /// Anchored at both ends, as in Prometheus.
    regex: Option<Regex>,
}

/// A regular expression that does not compile.
#[derive(Debug, thiserror::Error)]
#[error("cannot compile the matcher {name}=~\"{value}\"")]
pub struct MatcherError {
    name: String,
    value: String,
    #[source]
    source: Box<regex::Error>,
}

impl Matcher {
    /// A matcher; regular expressions are anchored at both ends and `.` matches newlines (as in Prometheus 3).
    pub fn new(name: impl Into<String>, op: MatchOp, value: impl Into<String>) -> Result<Self, MatcherError> {
        let (name, value) = (name.into(), value.into());
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => match anchored_regex(&value) {
                Ok(regex) => Some(regex),
                Err(source) => return Err(MatcherError { name, value, source: Box::new(source) }),
            },
        };
        Ok(Self { name, op, value, regex })
    }

    /// `name="value"`
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), regex: None }
    }

    /// The label that it looks at.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it compares with, as written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label's value (or "" if it is missing) satisfies it.
    pub fn matches(&self, value: &str) -> bool {
        match (self.op, &self.regex) {
            (MatchOp::NotEqual, _) => value != self.value,
            (MatchOp::Regex, Some(regex)) => regex.is_match(value),
            (MatchOp::NotRegex, Some(regex)) => !regex.is_match(value),
            _ => value == self.value,
        }
    }

    /// Whether a series without the label satisfies it; then postings of the label alone cannot answer it.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match self.op {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        };
        write!(f, "{}{op}{:?}", self.name, self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_expressions_are_anchored_and_missing_labels_are_empty() {
        let check = |op, pattern, value, want| {
            assert_eq!(Matcher::new("l", op, pattern).unwrap().matches(value), want, "{op:?} {pattern} {value}");
        };
        check(MatchOp::Equal, "a", "a", true);
        check(MatchOp::NotEqual, "a", "", true);
        check(MatchOp::Regex, "a|b", "b", true);
        check(MatchOp::Regex, "a|b", "ab", false);
        check(MatchOp::Regex, ".*", "x\ny", true);
        check(MatchOp::NotRegex, ".+", "", true);
    }

    #[test]
    fn a_broken_expression_names_its_matcher() {
        let message = Matcher::new("job", MatchOp::Regex, "(").unwrap_err().to_string();
        assert_eq!(message, "cannot compile the matcher job=~\"(\"");
    }
}
