//! Rules' expressions over this process's PromQL engine.

use std::sync::Arc;

use cepmon_alert::{BoxError, Evaluate, VectorSample};
use cepmon_model::{LabelSet, TimestampMs};
use cepmon_query::{Engine, EngineOptions, Value};
use cepmon_storage::Storage;

/// PromQL over what is stored at the moment of the question.
#[derive(Debug)]
pub(crate) struct PromqlEvaluate {
    storage: Arc<Storage>,
    engine: Engine,
}

impl PromqlEvaluate {
    /// Over a storage.
    pub(crate) fn new(storage: Arc<Storage>) -> Self {
        Self { storage, engine: Engine::new(EngineOptions::default()) }
    }
}

impl Evaluate for PromqlEvaluate {
    fn check(&self, expr: &str) -> Result<(), BoxError> {
        cepmon_query::parse(expr)?;
        Ok(())
    }

    fn instant(&self, expr: &str, at: TimestampMs) -> Result<Vec<VectorSample>, BoxError> {
        let expr = cepmon_query::parse(expr)?;
        match self.engine.instant(&self.storage.snapshot(), &expr, at)? {
            Value::Scalar { value, .. } => Ok(vec![VectorSample { labels: LabelSet::default(), value }]),
            Value::Vector(samples) => Ok(samples
                .into_iter()
                .map(|sample| VectorSample { labels: LabelSet::clone(&sample.labels), value: sample.value })
                .collect()),
            Value::String { .. } | Value::Matrix(_) => Err("a rule needs an instant vector or a scalar".into()),
        }
    }
}
