//! The notifier: an Alertmanager in the process. It holds alerts and groups, decides what is due, and records every attempt.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cepmon_model::{Clock, LabelSet, TimestampMs};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::Notify;

use crate::config::AlertmanagerConfig;
use crate::notify::alert_group::{AlertGroup, group_key};
use crate::notify::dedup::GroupState;
use crate::notify::delivery::Delivery;
use crate::notify::log::{NotificationLog, log_key};
use crate::notify::pipeline::{Stages, muting_sources};
use crate::notify::{AlertGroupView, AlertView, Notification};
use crate::receiver::{Receiver, SendError};
use crate::route::group_labels;
use crate::rule::AlertSink;
use crate::{Alert, AlertStatus, AttemptStatus, BoxError, Fingerprint, NotificationAttempt, Record};

/// How many attempts may be under way at once.
const MAX_IN_FLIGHT: usize = 32;
/// How long a resolved alert stays in memory after its end, so that late reports of it find it.
const RESOLVED_RETENTION_MS: i64 = 30 * 60_000;
/// How often expired alerts and log entries are looked for.
const CLEAN_INTERVAL_MS: i64 = 60_000;
/// How long the loop sleeps when there is no group.
const IDLE_MS: i64 = 60_000;

/// Settings of a notifier.
#[derive(Debug, Clone)]
pub struct NotifierOptions {
    /// The address under which people reach cepmon, without a slash at the end.
    pub external_url: String,
    /// How many alerts are held at most; new ones beyond are refused and counted.
    pub max_alerts: usize,
}

/// Routes, groups and sends alerts. Make one, spawn `run`, give alerts to `put_alerts`.
#[derive(Debug)]
pub struct Notifier {
    options: NotifierOptions,
    clock: Arc<dyn Clock>,
    record: Arc<dyn Record>,
    state: Mutex<State>,
    woken: Notify,
    refused: AtomicU64,
}

#[derive(Debug)]
struct State {
    config: Arc<AlertmanagerConfig>,
    alerts: BTreeMap<Fingerprint, Alert>,
    groups: BTreeMap<String, AlertGroup>,
    log: NotificationLog,
    cleaned_at: TimestampMs,
}

/// An attempt that is due: send it and report the result.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) notification: Arc<Notification>,
    pub(crate) receiver: Arc<dyn Receiver>,
    integration: usize,
    integration_name: String,
    /// What the log will say if it arrives.
    state: GroupState,
    repeat_interval_ms: i64,
    number: u32,
    started_at: TimestampMs,
}

impl Notifier {
    /// A notifier that remembers what an earlier process told.
    pub fn new(
        config: AlertmanagerConfig,
        options: NotifierOptions,
        clock: Arc<dyn Clock>,
        record: Arc<dyn Record>,
    ) -> Result<Arc<Self>, BoxError> {
        let log = NotificationLog::load(&*record)?;
        let cleaned_at = clock.now();
        let state = State { config: Arc::new(config), alerts: BTreeMap::new(), groups: BTreeMap::new(), log, cleaned_at };
        Ok(Arc::new(Self { options, clock, record, state: Mutex::new(state), woken: Notify::new(), refused: AtomicU64::new(0) }))
    }

    /// Changes the configuration. Alerts are routed anew; what receivers know of groups that stay is not told again.
    pub fn apply(&self, config: AlertmanagerConfig) {
        let now = self.clock.now();
        let mut state = self.lock();
        state.config = Arc::new(config);
        state.groups.clear();
        for alert in state.alerts.values().cloned().collect::<Vec<_>>() {
            state.route(&alert, now);
        }
        drop(state);
        self.woken.notify_one();
    }

    /// All alerts that fire.
    pub fn alerts(&self) -> Vec<AlertView> {
        let now = self.clock.now();
        let state = self.lock();
        let sources = muting_sources(&state.config, &state.alerts, now);
        let firing = state.alerts.iter().filter(|(_, alert)| alert.status(now) == AlertStatus::Firing);
        firing
            .map(|(fingerprint, alert)| AlertView {
                alert: alert.clone(),
                fingerprint: *fingerprint,
                receivers: state.config.routes.matching(&alert.labels).iter().map(|route| route.receiver.clone()).collect(),
                is_inhibited: sources.mute(&alert.labels),
            })
            .collect()
    }

    /// All groups that hold alerts.
    pub fn groups(&self) -> Vec<AlertGroupView> {
        let state = self.lock();
        let groups = state.groups.values().filter(|group| !group.alerts.is_empty());
        groups
            .map(|group| AlertGroupView {
                key: group.key.clone(),
                labels: group.labels.clone(),
                receiver: group.route.receiver.clone(),
                next_flush_at: group.next_flush_at,
                pending_deliveries: group.deliveries.len(),
                alerts: group.alerts.values().cloned().collect(),
            })
            .collect()
    }

    /// How many alerts were refused because `max_alerts` were held.
    pub fn refused_alerts(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Tells receivers until `shutdown` is ready. Attempts under way are dropped then: what they told may be told again.
    pub async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) {
        tokio::pin!(shutdown);
        let mut in_flight = FuturesUnordered::new();
        loop {
            // Decisions read and write the log on disk, so they run where blocking is allowed.
            let notifier = Arc::clone(&self);
            let room = MAX_IN_FLIGHT.saturating_sub(in_flight.len());
            let Ok((attempts, next_due)) = tokio::task::spawn_blocking(move || notifier.take_due(room)).await else { return };
            for attempt in attempts {
                in_flight.push(send(attempt));
            }
            let has_room = in_flight.len() < MAX_IN_FLIGHT;
            tokio::select! {
                () = &mut shutdown => return,
                () = self.woken.notified() => {}
                () = self.clock.sleep_until(next_due), if has_room => {}
                Some((attempt, result)) = in_flight.next(), if !in_flight.is_empty() => {
                    let notifier = Arc::clone(&self);
                    if tokio::task::spawn_blocking(move || notifier.finish(&attempt, &result)).await.is_err() {
                        tracing::error!("recording an attempt to notify crashed");
                    }
                }
            }
        }
    }

    /// Starts what is due, at most `room` attempts, and says when to look again.
    pub(crate) fn take_due(&self, room: usize) -> (Vec<Attempt>, TimestampMs) {
        let now = self.clock.now();
        let mut state = self.lock();
        self.clean(&mut state, now);
        state.groups.values_mut().for_each(|group| group.bound_waits(now));
        self.flush_groups(&mut state, now);
        let config = Arc::clone(&state.config);
        let mut attempts = Vec::new();
        for group in state.groups.values_mut() {
            let Some(receiver) = config.receivers.get(&group.route.receiver) else { continue };
            for delivery in group.deliveries.iter_mut().filter(|delivery| !delivery.is_in_flight && delivery.next_attempt_at <= now) {
                if attempts.len() == room {
                    break;
                }
                let integration = &receiver.integrations[delivery.integration];
                delivery.begin();
                attempts.push(Attempt {
                    notification: Arc::clone(&delivery.notification),
                    receiver: Arc::clone(&integration.receiver),
                    integration: delivery.integration,
                    integration_name: integration.name.clone(),
                    state: delivery.state.clone(),
                    repeat_interval_ms: group.route.repeat_interval_ms,
                    number: delivery.attempt,
                    started_at: now,
                });
            }
        }
        let next_due = state.groups.values().filter_map(AlertGroup::next_due).min().unwrap_or(now + IDLE_MS);
        (attempts, next_due)
    }

    /// Notes how an attempt ended: in the log, in the table of attempts, in its group.
    pub(crate) fn finish(&self, attempt: &Attempt, result: &Result<(), SendError>) {
        let now = self.clock.now();
        let notification = &attempt.notification;
        let mut state = self.lock();
        let State { groups, log, .. } = &mut *state;
        let mut group = groups.get_mut(&notification.group_key);
        let position = group.as_ref().and_then(|group| {
            let is_same =
                |delivery: &Delivery| delivery.integration == attempt.integration && Arc::ptr_eq(&delivery.notification, notification);
            group.deliveries.iter().position(is_same)
        });
        let known = group.as_mut().zip(position).map(|(group, position)| (group.deliveries[position].end(result, now), position));
        // After a reload the group is new and knows nothing of this attempt; its result counts all the same.
        let status = match known {
            Some((status, _)) => status,
            None if result.is_ok() => AttemptStatus::Ok,
            None => AttemptStatus::Failed,
        };
        let mut recorded = Ok(());
        if status == AttemptStatus::Ok {
            let key = log_key(&notification.group_key, &notification.receiver, &attempt.integration_name);
            recorded = log.put(&key, attempt.state.clone(), attempt.repeat_interval_ms, now, &*self.record);
        }
        if let (Some(group), Some((status, position))) = (group, known)
            && status != AttemptStatus::Retry
        {
            group.deliveries.swap_remove(position);
            group.has_failed |= status == AttemptStatus::Failed;
            group.end_flush();
        }
        drop(state);
        let row = NotificationAttempt {
            ts: attempt.started_at,
            receiver: notification.receiver.clone(),
            integration: attempt.integration_name.clone(),
            group_key: notification.group_key.clone(),
            status,
            attempt: attempt.number,
            alerts: notification.alerts.len(),
            state: notification.status(),
            duration_seconds: (now - attempt.started_at).max(0) as f64 / 1000.0,
            error: result.as_ref().err().map(ToString::to_string).unwrap_or_default(),
        };
        if status != AttemptStatus::Ok {
            tracing::warn!(receiver = %row.receiver, integration = %row.integration, group = %row.group_key, attempt = row.attempt,
                status = status.as_str(), error = %row.error, "cannot notify");
        }
        if let Err(error) = recorded.and(self.record.notification_attempt(&row)) {
            tracing::warn!(receiver = %row.receiver, %error, "cannot record an attempt to notify");
        }
    }

    /// Flushes every group whose time has come and that waits for nothing.
    fn flush_groups(&self, state: &mut State, now: TimestampMs) {
        let is_due = |group: &&AlertGroup| group.deliveries.is_empty() && group.next_flush_at <= now;
        let due: Vec<String> = state.groups.values().filter(is_due).map(|group| group.key.clone()).collect();
        if due.is_empty() {
            return;
        }
        let State { config, alerts, groups, log, .. } = state;
        let sources = muting_sources(config, alerts, now);
        for key in due {
            let Some(mut group) = groups.remove(&key) else { continue };
            if group.alerts.is_empty() {
                continue;
            }
            let alerts = group.begin_flush(now);
            let stages = Stages { config, log, sources: &sources, external_url: &self.options.external_url, now };
            let outcome = stages.run(&group, alerts);
            for (log_key, told) in outcome.noted {
                if let Err(error) = log.put(&log_key, told, group.route.repeat_interval_ms, now, &*self.record) {
                    tracing::warn!(group = %key, %error, "cannot keep what a receiver knows");
                }
            }
            group.deliveries = outcome.deliveries;
            group.end_flush();
            groups.insert(key, group);
        }
    }

    fn clean(&self, state: &mut State, now: TimestampMs) {
        if now - state.cleaned_at < CLEAN_INTERVAL_MS {
            return;
        }
        state.cleaned_at = now;
        state.alerts.retain(|_, alert| alert.ends_at > now - RESOLVED_RETENTION_MS);
        if let Err(error) = state.log.expire(now, &*self.record) {
            tracing::warn!(%error, "cannot forget old notifications");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends one attempt and gives it back with its result.
pub(crate) async fn send(attempt: Attempt) -> (Attempt, Result<(), SendError>) {
    let result = attempt.receiver.send(&attempt.notification).await;
    (attempt, result)
}

impl AlertSink for Notifier {
    /// Takes a report of alerts. They are in memory only: who reports them reports them again after a restart.
    fn put_alerts(&self, alerts: Vec<Alert>) {
        if alerts.is_empty() {
            return;
        }
        let now = self.clock.now();
        let mut state = self.lock();
        for mut alert in alerts {
            alert.updated_at = now;
            let fingerprint = alert.fingerprint();
            let alert = match state.alerts.get(&fingerprint) {
                Some(known) => known.merged_with(alert, now),
                None if state.alerts.len() >= self.options.max_alerts => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(alert = %alert.labels, limit = self.options.max_alerts, "too many alerts, one is refused");
                    continue;
                }
                None => alert,
            };
            state.route(&alert, now);
            state.alerts.insert(fingerprint, alert);
        }
        drop(state);
        self.woken.notify_one();
    }
}

impl State {
    /// Puts an alert into the group of each route that it reaches.
    fn route(&mut self, alert: &Alert, now: TimestampMs) {
        let config = Arc::clone(&self.config);
        for route in config.routes.matching(&alert.labels) {
            let labels: LabelSet = group_labels(route, &alert.labels);
            let key = group_key(route, &labels);
            let group = self.groups.entry(key).or_insert_with_key(|key| AlertGroup::new(key.clone(), route.clone(), labels, now));
            group.insert(alert.clone(), now);
        }
    }
}
