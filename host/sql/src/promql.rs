//! PromQL within SQL, `SELECT … FROM promql('…', '6h', 'now', '1m')`, as seen from here: a question to whoever made the engine. This crate
//! reads no PromQL; `function::promql` makes a table of the answer.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cepmon_model::TimestampMs;
use cepmon_storage::SeriesSamples;

use crate::Error;

/// An expression, the times at which its value is wanted, and what it may cost.
#[derive(Debug, Clone)]
pub struct PromqlQuestion {
    /// The expression.
    pub expr: String,
    /// First time, Unix milliseconds.
    pub start: TimestampMs,
    /// Last time at most.
    pub end: TimestampMs,
    /// Milliseconds from one time to the next; with none there is one time, `end`.
    pub step_ms: Option<i64>,
    /// How many samples may be in memory at once.
    pub max_samples: usize,
    /// Becomes true when nobody waits for the answer any more.
    pub is_abandoned: Arc<AtomicBool>,
}

/// Answers PromQL.
pub trait Promql: Send + Sync + Debug {
    /// The names of all labels that an answer may have. Asked while a statement is planned, so it must be quick.
    ///
    /// # Errors
    /// [`Error::Plan`] for what is no expression, or none whose value is a series of numbers.
    fn labels(&self, expr: &str) -> Result<Vec<String>, Error>;

    /// The values, series by series. Blocks.
    fn answer(&self, question: &PromqlQuestion) -> Result<Vec<SeriesSamples>, Error>;
}
