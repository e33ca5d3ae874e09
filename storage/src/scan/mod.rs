//! Reading over head and blocks together, with pushdown of matchers and time, for every query engine. It does not evaluate
//! expressions.

mod estimate;
mod request;
mod snapshot;
mod label;
pub(crate) mod samples;
pub(crate) mod logs;
mod histograms;
mod tables;
pub(crate) mod known;

pub use label::{Cardinality, LabelScan};
pub use request::{LogScan, SampleScan, SeriesInfo, SeriesSamples};
pub use snapshot::Snapshot;
