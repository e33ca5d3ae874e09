//! Why a template cannot be parsed or run.

/// A mistake in a template, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a template, or calls a function that does not exist.
    #[error("cannot parse template \"{name}\" at {line}:{column}: {problem}")]
    Parse {
        /// The template's name.
        name: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// It failed on the data that it was given.
    #[error("cannot execute template \"{name}\" at {line}:{column}: {problem}")]
    Execute {
        /// The template's name.
        name: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong.
        problem: String,
    },
}

/// Where a node stands, so that execution can name the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    /// The place of a byte offset after a preamble.
    pub(crate) fn of(text: &str, preamble: usize, offset: usize) -> Self {
        let before = text.get(preamble..offset.max(preamble)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line, column }
    }
}
