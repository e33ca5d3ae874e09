//! The one thing that rules need from a query engine.

use std::fmt::Debug;

use cepmon_model::{LabelSet, SampleValue, TimestampMs};

/// The cause of a failure behind one of this crate's traits.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// Its labels, with `__name__` where the expression keeps it.
    pub labels: LabelSet,
    /// Its value.
    pub value: SampleValue,
}

/// Answers expressions. The host implements it over its PromQL engine, tests by hand.
pub trait Evaluate: Debug + Send + Sync + 'static {
    /// Whether the expression can be evaluated at all; asked once, when a file is loaded, so that a bad rule is refused then.
    fn check(&self, expr: &str) -> Result<(), BoxError>;

    /// The value of an expression at a time; a scalar is one sample without labels. May block on disk, so it is called from a
    /// thread that may.
    fn instant(&self, expr: &str, at: TimestampMs) -> Result<Vec<VectorSample>, BoxError>;
}
