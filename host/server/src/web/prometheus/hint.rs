//! Remarks beside an answer that only a server that has the data can make: functions that do not fit the type of a metric, and why an
//! answer is empty. Prometheus's own warnings come from the engine.

use cepmon_model::MetricKind;
use cepmon_query::lint::{Metrics, explain_nothing, lint};
use cepmon_query::{Annotation, Expr, Value};
use cepmon_storage::Snapshot;

/// What there is to say about a query and its answer.
pub(super) fn hints(expr: &Expr, value: &Value, snapshot: &Snapshot) -> Vec<Annotation> {
    let mut hints = lint(expr, &Stored(snapshot));
    let is_empty = match value {
        Value::Vector(samples) => samples.is_empty(),
        Value::Matrix(series) => series.is_empty(),
        Value::Scalar { .. } | Value::String { .. } => false,
    };
    if is_empty {
        hints.extend(explain_nothing(expr, &Stored(snapshot)));
    }
    hints
}

/// A hint is not worth an error: what cannot be read is not known.
struct Stored<'a>(&'a Snapshot);

impl Metrics for Stored<'_> {
    fn kind(&self, metric: &str) -> Option<MetricKind> {
        self.0.metric_kind(metric)
    }

    fn names(&self) -> Vec<String> {
        self.0.metric_names().unwrap_or_default()
    }

    fn labels(&self, metric: &str) -> Vec<String> {
        self.0.label_names(metric).unwrap_or_default()
    }
}
