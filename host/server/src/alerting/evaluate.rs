//! Rules' expressions over this process's PromQL engine.

use std::sync::Arc;

use cepmon_alert::{BoxError, Evaluate, VectorSample};
use cepmon_model::{LabelSet, TimestampMs};
use cepmon_query::{Engine, EngineOptions, SampleValue, SeriesSource, Value, ValueType};
use cepmon_storage::Storage;

use crate::web::ServerStats;

/// PromQL over what is stored at the moment of the question.
#[derive(Debug)]
pub(crate) struct PromqlEvaluate {
    storage: Arc<Storage>,
    stats: Arc<ServerStats>,
    engine: Engine,
}

impl PromqlEvaluate {
    /// Over a storage; evaluations are counted.
    pub(crate) fn new(storage: Arc<Storage>, stats: Arc<ServerStats>, options: EngineOptions) -> Self {
        Self { storage, stats, engine: Engine::new(options) }
    }
}

impl Evaluate for PromqlEvaluate {
    fn check(&self, expr: &str) -> Result<(), BoxError> {
        check_rule_expression(expr)
    }

    fn instant(&self, expr: &str, at: TimestampMs) -> Result<Vec<VectorSample>, BoxError> {
        self.stats.rule_evaluations.inc();
        rule_vector(&self.engine, &self.storage.snapshot(), expr, at).inspect_err(|_| self.stats.rule_failures.inc())
    }
}

/// The value of a rule's expression; a scalar is one sample without labels.
pub(crate) fn rule_vector(engine: &Engine, source: &dyn SeriesSource, expr: &str, at: TimestampMs) -> Result<Vec<VectorSample>, BoxError> {
    let expr = cepmon_query::parse(expr)?;
    match engine.instant(source, &expr, at)? {
        Value::Scalar { value, .. } => Ok(vec![VectorSample { labels: LabelSet::default(), value: SampleValue::Float(value) }]),
        Value::Vector(samples) => {
            let sample = |sample: cepmon_query::VectorSample| VectorSample { labels: LabelSet::clone(&sample.labels), value: sample.value };
            Ok(samples.into_iter().map(sample).collect())
        }
        Value::String { .. } | Value::Matrix(_) => Err("rule result is not a vector or scalar".into()),
    }
}

/// Whether an expression can be a rule's: it parses, and gives an instant vector or a scalar.
pub(crate) fn check_rule_expression(expr: &str) -> Result<(), BoxError> {
    match cepmon_query::parse(expr)?.value_type() {
        ValueType::InstantVector | ValueType::Scalar => Ok(()),
        other => Err(format!("a rule needs an instant vector or a scalar; this is a {other}").into()),
    }
}
