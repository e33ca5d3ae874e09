//! What can go wrong, by what the caller can do about it. The texts of evaluation errors are Prometheus's, since clients show them.

use std::time::Duration;

use crate::BoxError;

/// An expression that cannot be read. Prints as Prometheus prints it: `1:6: parse error: …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: parse error: {message}")]
pub struct ParseError {
    /// Byte offset in the text.
    pub offset: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

impl ParseError {
    /// A problem at a byte offset of a text.
    pub(crate) fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Self { offset, line, column, message: message.into() }
    }
}

/// A query that was read but has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data does not fit the expression (labels that do not match one to one, a bad parameter): change the expression.
    #[error("{0}")]
    Execution(String),
    /// The expression has a type that cannot be asked for this way: change the expression or ask an instant query.
    #[error("invalid expression type {found:?} for range query, must be Scalar or instant Vector", found = found.to_string())]
    NotForRange {
        /// The type it has.
        found: crate::ValueType,
    },
    /// The times or the step make no sense.
    #[error("cannot evaluate at these times: {problem}")]
    BadRange {
        /// What is wrong.
        problem: &'static str,
    },
    /// The query would hold too much in memory: narrow it, or raise the limit.
    #[error("query processing would load too many samples into memory in query execution; limit is {limit}")]
    TooManySamples {
        /// The limit, in samples.
        limit: usize,
    },
    /// It took too long: narrow it, or raise the timeout.
    #[error("query timed out in expression evaluation after {timeout:?}")]
    Timeout {
        /// How long it may take.
        timeout: Duration,
    },
    /// The caller gave up.
    #[error("query was canceled in expression evaluation")]
    Cancelled,
    /// Samples could not be read.
    #[error("cannot read samples")]
    Source(#[source] BoxError),
}

impl Error {
    pub(crate) fn execution(problem: impl Into<String>) -> Self {
        Self::Execution(problem.into())
    }

    /// Two results of one step have the same labels.
    pub(crate) fn same_labels() -> Self {
        Self::execution("vector cannot contain metrics with the same labelset")
    }
}
