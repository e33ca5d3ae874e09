//! What is wrong with a configuration file, with its place and a way out. It prints; it does not decide.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a file, counted from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// Line, from 1; 0 = the file as a whole.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it starts.
    pub position: Position,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Problem {
    /// A mistake at a place.
    pub fn new(position: Position, message: impl Into<String>) -> Self {
        Self { position, message: message.into() }
    }
}

/// All mistakes of one file, printed with file, line, column, the line itself and a caret.
#[derive(Debug, Clone)]
pub struct FileProblems {
    file: PathBuf,
    text: String,
    problems: Vec<Problem>,
}

impl FileProblems {
    /// The mistakes of a file in the order of their places.
    pub fn new(file: &Path, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.position);
        problems.dedup();
        Self { file: file.to_owned(), text: text.to_owned(), problems }
    }

    /// A file that cannot be read at all.
    pub fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let message = format!("cannot read the file: {error}");
        Self { file: file.to_owned(), text: String::new(), problems: vec![Problem::new(Position::default(), message)] }
    }
}

impl fmt::Display for FileProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let Position { line, column } = problem.position;
            write!(f, "{}", self.file.display())?;
            if line == 0 {
                write!(f, ": {}", problem.message)?;
                continue;
            }
            write!(f, ":{line}:{column}: {}", problem.message)?;
            if let Some(source) = self.text.lines().nth(line - 1) {
                let number = line.to_string();
                let blanks = " ".repeat(column.saturating_sub(1));
                write!(f, "\n  {number} | {source}\n  {} | {blanks}^", " ".repeat(number.len()))?;
            }
        }
        Ok(())
    }
}
