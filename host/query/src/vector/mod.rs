//! Step vectors: series with one column of values over all steps of a query, and what can be done to them whatever the language.
//!
//! Labels are looked at once per series, values step by step. Nothing here reads samples or knows syntax beyond operator names.

pub(crate) mod grid;
pub(crate) mod column;
pub(crate) mod budget;
pub(crate) mod grouping;
pub(crate) mod unify;
pub(crate) mod binary;
pub(crate) mod aggregate;
pub(crate) mod kahan;
pub(crate) mod histogram_sum;

use std::sync::Arc;

use cepmon_model::LabelSet;

use crate::Severity;

pub(crate) use budget::Budget;
pub(crate) use column::Column;
pub(crate) use grid::Grid;

/// One series of a step vector.
#[derive(Debug)]
pub(crate) struct StepSeries {
    pub(crate) labels: Arc<LabelSet>,
    /// Whether the metric's name no longer fits the values (see [`unify::without_names`]).
    pub(crate) drops_name: bool,
    pub(crate) column: Column,
}

/// Takes down what there is to say about a piece of the query: see [`Annotation`](crate::Annotation).
pub(crate) type Note<'n> = &'n dyn Fn(Severity, String);

/// An instant vector at every step. The order counts for instant queries only.
pub(crate) type StepVector = Vec<StepSeries>;
