//! Recording rules: an expression's result becomes series.

use std::collections::HashSet;

use cepmon_model::{LabelSet, METRIC_NAME, SampleValue, TimestampMs};

use crate::Error;
use crate::rule::group::Context;

/// A recording rule, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordingRule {
    /// Name of the series that it records.
    pub name: String,
    /// The expression.
    pub expr: String,
    /// Labels to add or overwrite; an empty value removes a label.
    pub labels: Vec<(String, String)>,
}

impl RecordingRule {
    /// The labels that a series of the expression is recorded with.
    pub fn recorded(&self, labels: &LabelSet) -> LabelSet {
        let mut labels = labels.to_builder();
        labels.set(METRIC_NAME, &self.name);
        for (name, value) in &self.labels {
            labels.set(name, value);
        }
        labels.build()
    }

    /// The series that the rule gives at a time.
    pub(crate) fn evaluate(&self, at: TimestampMs, limit: Option<usize>, context: &Context) -> Result<Vec<(LabelSet, SampleValue)>, Error> {
        let samples = context.evaluate.instant(&self.expr, at).map_err(|source| Error::Evaluate { rule: self.name.clone(), source })?;
        let mut seen = HashSet::new();
        let mut results = Vec::with_capacity(samples.len());
        for sample in samples {
            let labels = self.recorded(&sample.labels);
            if !seen.insert(labels.clone()) {
                return Err(Error::Duplicate { rule: self.name.clone(), labels: labels.to_string() });
            }
            results.push((labels, sample.value));
        }
        match limit {
            Some(limit) if results.len() > limit => Err(Error::Limit { rule: self.name.clone(), got: results.len(), limit }),
            _ => Ok(results),
        }
    }
}
