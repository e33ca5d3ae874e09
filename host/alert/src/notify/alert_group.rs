//! An alert group: alerts that one route tells of together, and when it does (Alertmanager 0.26, `dispatch.aggrGroup`).

use std::collections::BTreeMap;

use cepmon_model::{LabelSet, TimestampMs};

use crate::notify::delivery::Delivery;
use crate::route::Route;
use crate::{Alert, AlertStatus, Fingerprint};

/// A group with its timer.
#[derive(Debug)]
pub(crate) struct AlertGroup {
    /// `route key:{labels}`.
    pub(crate) key: String,
    pub(crate) route: Route,
    pub(crate) labels: LabelSet,
    pub(crate) alerts: BTreeMap<Fingerprint, Alert>,
    pub(crate) next_flush_at: TimestampMs,
    has_flushed: bool,
    /// What the last flush set off and has not ended. The next flush waits for it.
    pub(crate) deliveries: Vec<Delivery>,
    /// Resolved alerts of the last flush: they go when everybody has been told.
    pub(crate) told_resolved: Vec<Alert>,
    /// Whether a delivery of the last flush was given up.
    pub(crate) has_failed: bool,
}

impl AlertGroup {
    /// An empty group that waits for `group_wait`.
    pub(crate) fn new(key: String, route: Route, labels: LabelSet, now: TimestampMs) -> Self {
        let next_flush_at = now + route.group_wait_ms;
        Self {
            key,
            route,
            labels,
            alerts: BTreeMap::new(),
            next_flush_at,
            has_flushed: false,
            deliveries: Vec::new(),
            told_resolved: Vec::new(),
            has_failed: false,
        }
    }

    /// Takes an alert in. An alert that is older than `group_wait` has waited enough, as after a restart.
    pub(crate) fn insert(&mut self, alert: Alert, now: TimestampMs) {
        if !self.has_flushed && alert.starts_at + self.route.group_wait_ms < now {
            self.next_flush_at = self.next_flush_at.min(now);
        }
        self.alerts.insert(alert.fingerprint(), alert);
    }

    /// Starts a flush: the alerts in the order of their labels, firing ones first. The timer is set for the next one.
    pub(crate) fn begin_flush(&mut self, now: TimestampMs) -> Vec<Alert> {
        self.has_flushed = true;
        self.has_failed = false;
        self.next_flush_at = now + self.route.group_interval_ms;
        let mut alerts: Vec<Alert> = self.alerts.values().cloned().collect();
        self.told_resolved = alerts.iter().filter(|alert| alert.status(now) == AlertStatus::Resolved).cloned().collect();
        alerts
            .sort_by(|a, b| (a.status(now) == AlertStatus::Resolved, &a.labels).cmp(&(b.status(now) == AlertStatus::Resolved, &b.labels)));
        alerts
    }

    /// Ends a flush when nothing is on its way any more: resolved alerts that everybody knows of go, if nothing new came.
    pub(crate) fn end_flush(&mut self) {
        if !self.deliveries.is_empty() {
            return;
        }
        let told = std::mem::take(&mut self.told_resolved);
        if !self.has_failed {
            for alert in told {
                let fingerprint = alert.fingerprint();
                if self
                    .alerts
                    .get(&fingerprint)
                    .is_some_and(|current| current.starts_at == alert.starts_at && current.ends_at == alert.ends_at)
                {
                    self.alerts.remove(&fingerprint);
                }
            }
        }
    }

    /// Keeps waits within their intervals when the clock was set back.
    pub(crate) fn bound_waits(&mut self, now: TimestampMs) {
        let longest = self.route.group_wait_ms.max(self.route.group_interval_ms);
        self.next_flush_at = self.next_flush_at.min(now + longest);
        for delivery in &mut self.deliveries {
            delivery.bound_wait(now);
        }
    }

    /// When something must be done for this group; `None` while attempts are under way.
    pub(crate) fn next_due(&self) -> Option<TimestampMs> {
        if self.deliveries.is_empty() {
            return Some(self.next_flush_at);
        }
        self.deliveries.iter().filter(|delivery| !delivery.is_in_flight).map(|delivery| delivery.next_attempt_at).min()
    }
}

/// The name of a group, as Alertmanager spells it: `{}/{team="a"}:{alertname="Down", job="node"}`.
pub(crate) fn group_key(route: &Route, labels: &LabelSet) -> String {
    let parts: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{}:{{{}}}", route.key, parts.join(", "))
}
