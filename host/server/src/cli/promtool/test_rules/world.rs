//! Where the rules under test live: series in memory, the engine over them, a clock that stands still.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cepmon_alert::{AlertTransition, BoxError, Evaluate, NotificationAttempt, Record, VectorSample};
use cepmon_model::{Clock, LabelSet, SampleValue, Sleep, TimestampMs};
use cepmon_query::{Engine, EngineOptions, MemorySource};

use crate::alerting::{check_rule_expression, rule_vector};

/// Samples and an engine. What rules give goes in with the rest.
#[derive(Debug)]
pub(super) struct World {
    source: Mutex<MemorySource>,
    engine: Engine,
}

impl World {
    pub(super) fn new(evaluation_interval: Duration) -> Self {
        let subquery_step_ms = i64::try_from(evaluation_interval.as_millis()).unwrap_or(i64::MAX);
        let engine = Engine::new(EngineOptions { subquery_step_ms, ..EngineOptions::default() });
        Self { source: Mutex::default(), engine }
    }

    pub(super) fn push(&self, labels: &LabelSet, timestamp: TimestampMs, value: SampleValue) {
        self.source().push_sample(labels, timestamp, value);
    }

    fn source(&self) -> MutexGuard<'_, MemorySource> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Evaluate for World {
    fn check(&self, expr: &str) -> Result<(), BoxError> {
        check_rule_expression(expr)
    }

    fn instant(&self, expr: &str, at: TimestampMs) -> Result<Vec<VectorSample>, BoxError> {
        rule_vector(&self.engine, &*self.source(), expr, at)
    }
}

/// State is not asked for again: each test begins anew.
impl Record for World {
    fn append_samples(&self, samples: &[(LabelSet, TimestampMs, SampleValue)]) -> Result<(), BoxError> {
        let mut source = self.source();
        samples.iter().for_each(|(labels, at, value)| source.push_sample(labels, *at, value.clone()));
        Ok(())
    }

    fn alert_transition(&self, _: &AlertTransition) -> Result<(), BoxError> {
        Ok(())
    }

    fn notification_attempt(&self, _: &NotificationAttempt) -> Result<(), BoxError> {
        Ok(())
    }

    fn state_put(&self, _: &str, _: &str, _: Option<&[u8]>) -> Result<(), BoxError> {
        Ok(())
    }

    fn state_list(&self, _: &str) -> Result<Vec<(String, Vec<u8>)>, BoxError> {
        Ok(Vec::new())
    }
}

/// Evaluations take no time here.
#[derive(Debug)]
pub(super) struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> TimestampMs {
        0
    }

    fn sleep_until(&self, _: TimestampMs) -> Sleep {
        Box::pin(std::future::ready(()))
    }
}
