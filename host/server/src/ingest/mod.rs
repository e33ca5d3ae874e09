//! From a plugin's batch, or a remote-write body, to storage: which series each sample is, what the host adds, which series ended. It calls no plugin and
//! knows no schedule.

mod exemplar;
mod namespace;
mod native_histogram;
mod otlp;
mod remote_write;
mod series_budget;
mod series_cache;
mod target_series;
#[cfg(test)]
mod tests;

pub(crate) use exemplar::ExemplarCounts;
pub(crate) use otlp::{OtlpForm, Received, write_otlp};
pub(crate) use remote_write::{RemoteWrite, RemoteWriteError, Version, WriteBody, Written};
pub(crate) use series_budget::SeriesBudget;
pub(crate) use target_series::{Committed, IngestError, IngestOptions, Scraped, TargetSeries};
