//! Query languages over samples: PromQL, with Prometheus's answers.
//!
//! [`parse`] reads an expression into a checked [`Expr`], [`Engine`] evaluates it over a [`SeriesSource`] (a
//! [`Snapshot`](cepmon_storage::Snapshot), or [`MemorySource`] in tests) at one time or over a range of times, and gives a [`Value`].
//! Evaluation is columnar: one column of values per series over all steps, labels worked on once per series.
//! [`lint`] says what is valid PromQL and hardly meant; it changes no answer.
//! The crate knows no SQL, no HTTP and no alerts. The start times of counters are not stored, so that they are not here.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]
#![deny(missing_docs)]

mod promql;
mod vector;
pub mod lint;
mod source;
mod memory;
mod value;
mod error;
pub mod notation;
#[cfg(test)]
mod promqltest;

pub use cepmon_model::SampleValue;
pub use error::{Error, ParseError};
pub use memory::MemorySource;
pub use promql::annotation::{Annotation, Severity};
pub use promql::ast;
pub use promql::ast::Expr;
pub use promql::engine::{Answer, Engine, EngineOptions, Interrupt, Ranges};
pub use promql::function::{Function, functions};
pub use promql::parse;
pub use source::{BoxError, SeriesIter, SeriesSource};
use value::histogram_text;
pub use value::{MatrixSeries, Value, ValueType, VectorSample, format_value};
