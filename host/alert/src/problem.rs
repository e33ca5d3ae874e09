//! A mistake in a configuration file that its types could not catch.

use std::fmt;

/// What is wrong and where. The host turns `path` into file, line and column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place in the document, such as `route.routes[1].group_wait`; empty for the document itself.
    pub path: String,
    /// What is wrong and, where there is one, the way out.
    pub message: String,
}

impl Problem {
    /// A problem at a path.
    pub fn new(path: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { path: path.into(), message: message.to_string() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}
