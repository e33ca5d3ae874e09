//! The stages between a group's flush and its receiver: times, inhibition, deduplication.

use std::collections::BTreeMap;
use std::sync::Arc;

use cepmon_model::TimestampMs;

use crate::config::{AlertmanagerConfig, Integration};
use crate::mute::Sources;
use crate::notify::Notification;
use crate::notify::alert_group::AlertGroup;
use crate::notify::dedup::{GroupState, Reason, reason};
use crate::notify::delivery::Delivery;
use crate::notify::log::{NotificationLog, log_key};
use crate::route::Route;
use crate::{Alert, AlertStatus, Fingerprint};

/// What a flush leads to.
#[derive(Debug, Default)]
pub(crate) struct FlushOutcome {
    /// Notifications to send.
    pub(crate) deliveries: Vec<Delivery>,
    /// Log keys and states of integrations that need no message but must be noted: all alerts ended, and they do not want to know.
    pub(crate) noted: Vec<(String, GroupState)>,
}

/// What the stages look at.
pub(crate) struct Stages<'a> {
    pub(crate) config: &'a AlertmanagerConfig,
    pub(crate) log: &'a NotificationLog,
    /// What mutes other alerts now.
    pub(crate) sources: &'a Sources<'a>,
    pub(crate) external_url: &'a str,
    pub(crate) now: TimestampMs,
}

impl Stages<'_> {
    /// Runs a group's alerts through all stages, in the order of Alertmanager's `PipelineBuilder`.
    pub(crate) fn run(&self, group: &AlertGroup, alerts: Vec<Alert>) -> FlushOutcome {
        let mut outcome = FlushOutcome::default();
        let alerts: Vec<Alert> = alerts.into_iter().filter(|alert| !self.sources.mute(&alert.labels)).collect();
        if alerts.is_empty() || self.is_muted_by_time(&group.route) {
            return outcome;
        }
        let state = self.group_state(&alerts);
        let Some(receiver) = self.config.receivers.get(&group.route.receiver) else { return outcome };
        for (index, integration) in receiver.integrations.iter().enumerate() {
            let key = log_key(&group.key, &receiver.name, &integration.name);
            let told = self.log.get(&key);
            if reason(&state, told, integration.sends_resolved, group.route.repeat_interval_ms, self.now) == Reason::Known {
                continue;
            }
            let told_alerts = self.told_alerts(integration, &alerts);
            if told_alerts.is_empty() {
                outcome.noted.push((key, state.clone()));
                continue;
            }
            let notification = Notification {
                receiver: receiver.name.clone(),
                group_key: group.key.clone(),
                group_labels: group.labels.clone(),
                alerts: told_alerts,
                at: self.now,
                external_url: self.external_url.to_owned(),
            };
            outcome.deliveries.push(Delivery::new(index, Arc::new(notification), state.clone(), group.route.group_interval_ms, self.now));
        }
        outcome
    }

    fn is_muted_by_time(&self, route: &Route) -> bool {
        let is_in = |names: &[String]| {
            names.iter().any(|name| self.config.time_intervals.get(name).is_some_and(|interval| interval.contains(self.now)))
        };
        let is_active = route.active_time_intervals.is_empty() || is_in(&route.active_time_intervals);
        !is_active || is_in(&route.mute_time_intervals)
    }

    fn group_state(&self, alerts: &[Alert]) -> GroupState {
        let mut state = GroupState::default();
        for alert in alerts {
            match alert.status(self.now) {
                AlertStatus::Firing => state.firing.insert(alert.fingerprint()),
                AlertStatus::Resolved => state.resolved.insert(alert.fingerprint()),
            };
        }
        state
    }

    fn told_alerts(&self, integration: &Integration, alerts: &[Alert]) -> Vec<Alert> {
        let is_told = |alert: &&Alert| integration.sends_resolved || alert.status(self.now) == AlertStatus::Firing;
        alerts.iter().filter(is_told).cloned().collect()
    }
}

/// The alerts that mute others at a time.
pub(crate) fn muting_sources<'a>(
    config: &'a AlertmanagerConfig,
    alerts: &'a BTreeMap<Fingerprint, Alert>,
    now: TimestampMs,
) -> Sources<'a> {
    let firing = alerts.values().filter(move |alert| alert.status(now) == AlertStatus::Firing).map(|alert| &alert.labels);
    Sources::of(&config.inhibitions, firing)
}
