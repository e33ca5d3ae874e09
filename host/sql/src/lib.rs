//! SQL over metrics, logs and facts: the only crate that knows DataFusion.
//!
//! [`SqlEngine::query`] takes one read-only statement and gives Arrow batches; [`mod@format`] turns them into JSON, CSV, a text table,
//! Parquet or an Arrow stream. The catalogue (`metrics.<name>`, `samples`, `logs`, `series`, typed and [`LiveTable`] tables) is made anew
//! for every statement over one storage snapshot, so a statement sees one moment.
//!
//! It writes nothing but spill files, opens no file or address that a statement names, and knows no HTTP: who maps [`Error`] to a status
//! asks [`Error::is_user_error`].
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]
#![deny(missing_docs)]

mod engine;
mod error;
mod live;
mod promql;
mod guard;
mod session;
mod cooperation;
mod catalog;
mod table;
mod scan;
mod pushdown;
mod condition;
mod parameter;
mod label_column;
mod function;
mod diagnosis;
pub mod format;
#[cfg(test)]
mod fixture;

pub use engine::{QueryOptions, QueryResult, SqlEngine, SqlOptions};
pub use error::{Error, Position};
pub use live::LiveTable;
pub use parameter::Parameter;
pub use promql::{Promql, PromqlQuestion};
