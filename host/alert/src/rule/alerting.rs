//! Alerting rules: the state machine inactive → pending → firing → inactive of each label set that an expression gives.

use std::collections::BTreeMap;
use std::time::Duration;

use cepmon_model::{LabelSet, METRIC_NAME, TimestampMs};

use crate::rule::expand::RuleEnvironment;
use crate::rule::group::Context;
use crate::{Error, Fingerprint};

/// How long a resolved alert is still reported, in case the first report was lost (Prometheus, `resolvedRetention`).
const RESOLVED_RETENTION_MS: i64 = 15 * 60 * 1000;

/// The label that names an alert.
pub(crate) const ALERT_NAME: &str = "alertname";

/// An alerting rule, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertingRule {
    /// The alert's name.
    pub name: String,
    /// The expression.
    pub expr: String,
    /// How long it must hold before the alert fires.
    pub hold_for: Duration,
    /// How long the alert goes on firing when it holds no more.
    pub keep_firing_for: Duration,
    /// Templates of labels to add or overwrite, by name.
    pub labels: Vec<(String, String)>,
    /// Templates of texts, by name.
    pub annotations: Vec<(String, String)>,
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertState {
    /// The expression does not hold.
    Inactive,
    /// It holds, not yet for long enough.
    Pending,
    /// It has held for long enough.
    Firing,
}

impl AlertState {
    /// The value of the label `alertstate`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// One label set of an alerting rule, from its first result until it is forgotten.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveAlert {
    /// Where it stands; `Inactive` = resolved and still kept.
    pub state: AlertState,
    /// Its labels.
    pub labels: LabelSet,
    /// Its annotations at the last evaluation that gave it.
    pub annotations: LabelSet,
    /// The expression's last value.
    pub value: f64,
    /// Since when the expression holds.
    pub active_at: TimestampMs,
    /// When it began to fire.
    pub fired_at: Option<TimestampMs>,
    /// When it stopped firing.
    pub resolved_at: Option<TimestampMs>,
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since: Option<TimestampMs>,
    /// When it was last handed to the notifier.
    pub(crate) last_sent_at: Option<TimestampMs>,
}

/// A change of state, before it is known which group it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StateChange {
    pub(crate) labels: LabelSet,
    pub(crate) annotations: LabelSet,
    pub(crate) from: AlertState,
    pub(crate) to: AlertState,
    pub(crate) value: f64,
}

/// The alerts of one rule, by identity.
pub(crate) type ActiveAlerts = BTreeMap<Fingerprint, ActiveAlert>;

impl AlertingRule {
    /// Moves the rule's alerts on to the time `at` of an evaluation and returns what changed. On an error nothing changes, but a
    /// broken limit clears all alerts, as in Prometheus 2.48.
    pub(crate) fn evaluate(
        &self,
        at: TimestampMs,
        query_at: TimestampMs,
        limit: Option<usize>,
        active: &mut ActiveAlerts,
        context: &Context,
    ) -> Result<Vec<StateChange>, Error> {
        let results = self.results(query_at, context)?;
        let mut changes = Vec::new();
        for (fingerprint, result) in &results {
            match active.get_mut(fingerprint) {
                Some(alert) if alert.state != AlertState::Inactive => {
                    alert.value = result.value;
                    alert.annotations = result.annotations.clone();
                }
                _ => {
                    let alert = ActiveAlert { active_at: at, ..result.clone() };
                    changes.push(alert.change(AlertState::Inactive, AlertState::Pending));
                    active.insert(*fingerprint, alert);
                }
            }
        }
        active.retain(|fingerprint, alert| self.advance(alert, results.contains_key(fingerprint), at, &mut changes));
        let held = active.values().filter(|alert| alert.state != AlertState::Inactive).count();
        match limit {
            Some(limit) if held > limit => {
                active.clear();
                Err(Error::Limit { rule: self.name.clone(), got: held, limit })
            }
            _ => Ok(changes),
        }
    }

    /// Moves one alert on; false when it can be forgotten.
    fn advance(&self, alert: &mut ActiveAlert, holds: bool, at: TimestampMs, changes: &mut Vec<StateChange>) -> bool {
        if holds {
            alert.keep_firing_since = None;
            if alert.state == AlertState::Pending && at - alert.active_at >= milliseconds(self.hold_for) {
                changes.push(alert.change(AlertState::Pending, AlertState::Firing));
                alert.state = AlertState::Firing;
                alert.fired_at = Some(at);
            }
            return true;
        }
        match alert.state {
            AlertState::Pending => {
                changes.push(alert.change(AlertState::Pending, AlertState::Inactive));
                false
            }
            AlertState::Firing => {
                let since = *alert.keep_firing_since.get_or_insert(at);
                if at - since >= milliseconds(self.keep_firing_for) {
                    changes.push(alert.change(AlertState::Firing, AlertState::Inactive));
                    alert.state = AlertState::Inactive;
                    alert.resolved_at = Some(at);
                }
                true
            }
            AlertState::Inactive => alert.resolved_at.is_some_and(|resolved_at| at - resolved_at <= RESOLVED_RETENTION_MS),
        }
    }

    /// What the expression gives, with the rule's labels and annotations.
    fn results(&self, at: TimestampMs, context: &Context) -> Result<ActiveAlerts, Error> {
        let samples = context.evaluate.instant(&self.expr, at).map_err(|source| Error::Evaluate { rule: self.name.clone(), source })?;
        let environment = RuleEnvironment {
            rule: &self.name,
            evaluate: &*context.evaluate,
            external_labels: &context.external_labels,
            external_url: &context.external_url,
            at,
        };
        let mut results = ActiveAlerts::new();
        for sample in samples {
            let mut labels = sample.labels.to_builder();
            labels.take(METRIC_NAME);
            for (name, template) in &self.labels {
                labels.set(name, &environment.expand(template, &sample.labels, sample.value.number()));
            }
            labels.set(ALERT_NAME, &self.name);
            let labels = labels.build();
            let annotations = self
                .annotations
                .iter()
                .map(|(name, template)| (name.as_str(), environment.expand(template, &sample.labels, sample.value.number())));
            let alert = ActiveAlert {
                state: AlertState::Pending,
                annotations: LabelSet::from_pairs(annotations),
                value: sample.value.number(),
                active_at: at,
                fired_at: None,
                resolved_at: None,
                keep_firing_since: None,
                last_sent_at: None,
                labels,
            };
            if let Some(twice) = results.insert(Fingerprint::of(&alert.labels), alert) {
                return Err(Error::Duplicate { rule: self.name.clone(), labels: twice.labels.to_string() });
            }
        }
        Ok(results)
    }
}

impl ActiveAlert {
    /// Whether the notifier should hear of it now: when it resolved since the last time, or `resend_delay` after that.
    pub(crate) fn needs_sending(&self, at: TimestampMs, resend_delay_ms: i64) -> bool {
        let is_resolved_since = match (self.resolved_at, self.last_sent_at) {
            (Some(resolved_at), Some(last_sent_at)) => resolved_at > last_sent_at,
            (resolved_at, None) => resolved_at.is_some(),
            (None, _) => false,
        };
        let is_due = self.last_sent_at.is_none_or(|last_sent_at| last_sent_at + resend_delay_ms < at);
        self.state != AlertState::Pending && (is_resolved_since || is_due)
    }

    fn change(&self, from: AlertState, to: AlertState) -> StateChange {
        StateChange { labels: self.labels.clone(), annotations: self.annotations.clone(), from, to, value: self.value }
    }
}

/// A duration in the unit of timestamps.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
