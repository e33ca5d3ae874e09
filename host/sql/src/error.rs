//! What can go wrong with a statement, by what the caller can do about it. Making sense of DataFusion's errors is `diagnosis`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A place in a statement, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line of the statement.
    pub line: u64,
    /// Column in characters.
    pub column: u64,
}

/// Why a statement gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not SQL.
    #[error("cannot parse SQL: {}{message}", At(*position))]
    Syntax {
        /// Where, if the parser says.
        position: Option<Position>,
        /// What was expected and found.
        message: String,
    },
    /// The statement names what does not exist or combines what does not fit.
    #[error("cannot plan SQL: {}{message}", At(*position))]
    Plan {
        /// Where, if the planner says.
        position: Option<Position>,
        /// What is wrong, near names included.
        message: String,
    },
    /// The statement would change something.
    #[error("cannot run {statement}: SQL is read-only here; use SELECT, EXPLAIN, SHOW or DESCRIBE")]
    ReadOnly {
        /// The kind of statement, in SQL's words.
        statement: String,
    },
    /// The statement is longer than any statement needs to be.
    #[error("cannot plan SQL of {got} {unit}: at most {limit} are allowed; split the statement")]
    TooLong {
        /// Size of the statement.
        got: usize,
        /// The limit.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// The time limit passed first.
    #[error("cannot finish SQL within {} s; narrow the time range or the labels", limit.as_secs_f64())]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// The memory limit of all statements together was reached.
    #[error("cannot keep SQL within {limit_bytes} bytes of memory: {detail}; add LIMIT, narrow the time range or select fewer columns")]
    Memory {
        /// The limit.
        limit_bytes: usize,
        /// Who asked for how much.
        detail: String,
    },
    /// The data do not allow the computation (a cast, a division by zero).
    #[error("cannot compute the answer: {message}")]
    Execution {
        /// What is wrong.
        message: String,
    },
    /// Storage could not read.
    #[error("cannot read storage")]
    Storage(#[source] Box<cepmon_storage::Error>),
    /// A live table could not be made.
    #[error("cannot read table \"{table}\"")]
    Live {
        /// The table.
        table: String,
        /// Its own words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine's own place for spill files or its threads cannot be made.
    #[error("cannot start the SQL engine with spill directory \"{}\"", spill_dir.display())]
    Start {
        /// The directory of the options.
        spill_dir: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An answer cannot be written in the format asked for.
    #[error("cannot write the answer as {format}")]
    Encode {
        /// The format.
        format: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine failed where it should not; worth a report.
    #[error("cannot run SQL: the engine failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Whether another statement would do: the fault lies in the text or in what it asks for, not in this process or its disk.
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::Syntax { .. } | Self::Plan { .. } | Self::ReadOnly { .. } | Self::TooLong { .. } => true,
            Self::Timeout { .. } | Self::Memory { .. } | Self::Execution { .. } | Self::Encode { .. } => true,
            Self::Storage(_) | Self::Live { .. } | Self::Start { .. } | Self::Engine(_) => false,
        }
    }

    /// Where in the statement, if that is known.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Syntax { position, .. } | Self::Plan { position, .. } => *position,
            _ => None,
        }
    }
}

struct At(Option<Position>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Position { line, column }) => write!(f, "line {line}, column {column}: "),
            None => Ok(()),
        }
    }
}
