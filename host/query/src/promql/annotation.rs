//! What a query wants to tell beside its value: warnings and remarks, with Prometheus's texts (`util/annotations`).

use crate::ParseError;
use crate::promql::ast::Span;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The answer may be worth less than it looks.
    Warning,
    /// Something to know.
    Info,
}

/// A warning or a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// How bad it is.
    pub severity: Severity,
    /// What it says, without prefix and place.
    pub message: String,
    /// The piece of the query that it is about.
    pub span: Span,
}

/// How many annotations one query may have; more would be repetitions for other series.
pub(crate) const MAX_ANNOTATIONS: usize = 20;

impl Annotation {
    /// The text for clients: `PromQL warning: … (1:25)`. `query` is the text that the expression was read from.
    pub fn text(&self, query: &str) -> String {
        let prefix = match self.severity {
            Severity::Warning => "PromQL warning",
            Severity::Info => "PromQL info",
        };
        format!("{prefix}: {} ({})", self.message, self.place(query))
    }

    /// Line and column of its piece of the query: `1:25`.
    pub fn place(&self, query: &str) -> String {
        let place = ParseError::at(query, self.span.start, "");
        format!("{}:{}", place.line, place.column)
    }
}
