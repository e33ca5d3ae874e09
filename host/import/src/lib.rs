//! Reads the data of other systems, so that nobody loses history on the day of the switch: a Prometheus data directory ([`Tsdb`]) and
//! OpenMetrics text with times ([`read_openmetrics`]).
//!
//! Samples are handed out series by series to whoever stores them. The crate writes nothing, changes nothing of what it reads, and knows
//! no storage, no server and no query language. Damage is no error: what can be read is read, [`Findings`] name the rest.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]
#![deny(missing_docs)]

mod selection;
mod findings;
mod files;
mod bytes;
mod tsdb;
mod openmetrics;
mod error;

pub use error::{BoxError, Error};
pub use findings::Findings;
pub use openmetrics::read_openmetrics;
pub use selection::Selection;
pub use tsdb::{BlockInfo, Tsdb};

use cepmon_model::{LabelSet, Sample};

/// Takes the samples of one series, ascending within one call. An error ends the reading with [`Error::Sink`].
pub type Sink<'a> = dyn FnMut(&LabelSet, &[Sample]) -> Result<(), BoxError> + 'a;
