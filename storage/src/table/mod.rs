//! Typed append-only tables for every fact that is neither a sample nor a log line, and a small durable key-value store. They know
//! their columns, nothing of what the rows mean; only exemplars and histograms have types of their own, since they belong to series.

mod def;
mod catalog;
pub(crate) mod exemplar;
pub(crate) mod histogram;
pub(crate) mod buffer;
pub(crate) mod key_value;

pub use catalog::{ALERTS, AUDIT, EXEMPLARS, HISTOGRAMS, NOTIFICATIONS, PROBES, SCRAPES, TABLES};
pub use def::{Cell, Column, ColumnKind, TableDef};
pub use exemplar::SeriesExemplar;
