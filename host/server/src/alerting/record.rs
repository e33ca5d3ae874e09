//! Where rules and notifications leave their traces: samples as series, state changes and attempts as rows, state as keys.

use std::sync::Arc;

use cepmon_alert::{AlertTransition, BoxError, NotificationAttempt, Record};
use cepmon_model::{HistogramSample, LabelSet, MetricMetadata, SampleValue, TimestampMs};
use cepmon_storage::{ALERTS, Cell, NOTIFICATIONS, Storage};

use crate::web::ServerStats;

/// Records into storage; durable as an append is.
#[derive(Debug)]
pub(crate) struct StorageRecord {
    storage: Arc<Storage>,
    stats: Arc<ServerStats>,
}

impl StorageRecord {
    /// Over a storage.
    pub(crate) fn new(storage: Arc<Storage>, stats: Arc<ServerStats>) -> Self {
        Self { storage, stats }
    }
}

impl Record for StorageRecord {
    fn append_samples(&self, samples: &[(LabelSet, TimestampMs, SampleValue)]) -> Result<(), BoxError> {
        let (mut batch, mut histograms) = (Vec::with_capacity(samples.len()), Vec::new());
        for (labels, at, value) in samples {
            match value {
                SampleValue::Float(value) => batch.push((self.storage.series_ref(labels, &MetricMetadata::default())?, *at, *value)),
                SampleValue::Histogram(histogram) => {
                    histograms.push((labels.clone(), HistogramSample { timestamp: *at, histogram: Arc::clone(histogram) }));
                }
            }
        }
        let mut outcome = self.storage.append(&batch)?;
        outcome.add(&self.storage.append_histograms(&histograms)?);
        if outcome.conflicts + outcome.too_old > 0 {
            tracing::warn!(conflicts = outcome.conflicts, too_old = outcome.too_old, "samples of rules were refused");
        }
        Ok(())
    }

    fn alert_transition(&self, transition: &AlertTransition) -> Result<(), BoxError> {
        let (file, group) = transition.group.rsplit_once(';').unwrap_or(("", &transition.group));
        let row = vec![
            Cell::Time(transition.ts),
            Cell::Text(transition.alertname.clone()),
            Cell::Labels(Arc::new(transition.labels.clone())),
            Cell::Text(transition.from.as_str().to_owned()),
            Cell::Text(transition.to.as_str().to_owned()),
            Cell::Float(transition.value),
            Cell::Text(group.to_owned()),
            Cell::Text(file.to_owned()),
            Cell::Labels(Arc::new(transition.annotations.clone())),
        ];
        Ok(self.storage.append_rows(&ALERTS, &[row])?)
    }

    fn notification_attempt(&self, attempt: &NotificationAttempt) -> Result<(), BoxError> {
        let is_delivered = attempt.error.is_empty();
        if is_delivered {
            self.stats.notifications.inc()
        } else {
            self.stats.notification_failures.inc()
        }
        let row = vec![
            Cell::Time(attempt.ts),
            Cell::Text(attempt.receiver.clone()),
            Cell::Text(attempt.integration.clone()),
            Cell::Text(attempt.group_key.clone()),
            Cell::Text(attempt.status.as_str().to_owned()),
            Cell::Int(i64::from(attempt.attempt)),
            Cell::Int(attempt.alerts as i64),
            Cell::Text(attempt.state.as_str().to_owned()),
            Cell::Float(attempt.duration_seconds),
            if is_delivered { Cell::Null } else { Cell::Text(attempt.error.clone()) },
        ];
        Ok(self.storage.append_rows(&NOTIFICATIONS, &[row])?)
    }

    fn state_put(&self, space: &str, key: &str, value: Option<&[u8]>) -> Result<(), BoxError> {
        Ok(self.storage.kv_put(space, key, value)?)
    }

    fn state_list(&self, space: &str) -> Result<Vec<(String, Vec<u8>)>, BoxError> {
        Ok(self.storage.kv_list(space))
    }
}
