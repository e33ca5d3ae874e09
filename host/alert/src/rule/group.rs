//! A rule group: its rules are evaluated one after the other at one time, and what they give is stored together.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use cepmon_model::{Clock, LabelSet, METRIC_NAME, SampleValue, TimestampMs, stale_nan};

use crate::rule::alerting::{ALERT_NAME, ActiveAlert, ActiveAlerts, AlertState, AlertingRule, milliseconds};
use crate::rule::memory;
use crate::rule::status::{GroupStatus, RuleHealth, RuleStatus};
use crate::rule::{GroupConfig, RuleConfig};
use crate::{Alert, AlertTransition, Error, Evaluate, Fingerprint, Record};

/// What rules are evaluated with.
#[derive(Debug, Clone)]
pub struct Context {
    /// Answers expressions.
    pub evaluate: Arc<dyn Evaluate>,
    /// Keeps results.
    pub record: Arc<dyn Record>,
    /// Tells how long an evaluation took.
    pub clock: Arc<dyn Clock>,
    /// `global.external_labels`: added to every alert that is sent.
    pub external_labels: LabelSet,
    /// The address under which people reach cepmon, without a slash at the end.
    pub external_url: String,
    /// How often a firing alert is reported again; Prometheus's `--rules.alert.resend-delay`, 1 m.
    pub resend_delay: Duration,
    /// The longest outage over which pending alerts keep their time; Prometheus's `--rules.alert.for-outage-tolerance`, 1 h.
    pub outage_tolerance: Duration,
    /// After an outage, the least time that an alert with a longer `for` stays pending; Prometheus's
    /// `--rules.alert.for-grace-period`, 10 m.
    pub grace_period: Duration,
}

/// A rule group with the state of its rules.
#[derive(Debug)]
pub struct RuleGroup {
    config: GroupConfig,
    key: String,
    rules: Vec<RuleState>,
    last_evaluation: Option<TimestampMs>,
    last_duration_seconds: f64,
    /// Whether the state of an earlier process was asked for.
    is_restored: bool,
    /// Whether alerts are held, so that the time of this group's evaluations must be kept.
    has_alerts: bool,
}

#[derive(Debug)]
struct RuleState {
    config: RuleConfig,
    active: ActiveAlerts,
    /// Series of the last good evaluation: those that go get a stale mark.
    series: HashSet<LabelSet>,
    health: RuleHealth,
    last_error: String,
    last_duration_seconds: f64,
}

/// Samples that wait to be stored as one batch.
type Batch = Vec<(LabelSet, TimestampMs, SampleValue)>;

impl RuleGroup {
    /// A group that has not been evaluated yet.
    pub fn new(config: GroupConfig) -> Self {
        let rules = config.rules.iter().cloned().map(RuleState::new).collect();
        Self { key: config.key(), config, rules, last_evaluation: None, last_duration_seconds: 0.0, is_restored: false, has_alerts: false }
    }

    /// The group after a reload: rules that are unchanged keep their alerts and series. Returned besides are stale marks' series of
    /// rules that are gone.
    pub(crate) fn replaced_by(mut self, config: GroupConfig) -> (Self, Vec<LabelSet>) {
        let mut next = Self::new(config);
        next.is_restored = self.is_restored;
        next.last_evaluation = self.last_evaluation;
        next.has_alerts = self.has_alerts;
        for rule in &mut next.rules {
            if let Some(position) = self.rules.iter().position(|old| old.config.is_same_rule(&rule.config)) {
                let old = self.rules.swap_remove(position);
                rule.active = old.active;
                rule.series = old.series;
            }
        }
        let kept: HashSet<&LabelSet> = next.rules.iter().flat_map(|rule| &rule.series).collect();
        let gone = self.rules.iter().flat_map(|rule| &rule.series).filter(|series| !kept.contains(series)).cloned().collect();
        (next, gone)
    }

    /// Its configuration.
    pub fn config(&self) -> &GroupConfig {
        &self.config
    }

    /// `file;name`.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// All its series, for stale marks when the whole group goes.
    pub(crate) fn series(&self) -> impl Iterator<Item = &LabelSet> {
        self.rules.iter().flat_map(|rule| &rule.series)
    }

    /// Evaluates all rules at a time and returns the alerts that the notifier must hear of. Results are stored as one batch when
    /// the last rule is done, or earlier where a later rule reads what an earlier one recorded. An alert is returned even if
    /// storing fails: the failure stands in [`RuleGroup::status`].
    pub fn evaluate(&mut self, at: TimestampMs, context: &Context) -> Vec<Alert> {
        let started = context.clock.now();
        self.restore(at, context);
        let query_at = at.saturating_sub(milliseconds(self.config.query_offset));
        let mut batch = Batch::new();
        let mut unstored = Vec::new();
        let mut alerts = Vec::new();
        for index in 0..self.rules.len() {
            if self.reads_unstored(index, &unstored) {
                self.store(&mut batch, &mut unstored, context);
            }
            let before = context.clock.now();
            let result = self.evaluate_rule(index, at, query_at, context, &mut batch);
            let rule = &mut self.rules[index];
            rule.last_duration_seconds = seconds_between(before, context.clock.now());
            match result {
                Ok(()) => rule.succeed(),
                Err(error) => rule.fail(&error),
            }
            alerts.extend(rule.alerts_to_send(at, &self.config, context));
            unstored.push(index);
        }
        self.store(&mut batch, &mut unstored, context);
        self.remember_time(at, context);
        self.last_evaluation = Some(at);
        self.last_duration_seconds = seconds_between(started, context.clock.now());
        alerts
    }

    /// What pages and APIs show.
    pub fn status(&self) -> GroupStatus {
        GroupStatus {
            file: self.config.file.clone(),
            name: self.config.name.clone(),
            interval: self.config.interval,
            limit: self.config.limit,
            last_evaluation: self.last_evaluation,
            last_duration_seconds: self.last_duration_seconds,
            rules: self
                .rules
                .iter()
                .map(|rule| RuleStatus {
                    rule: rule.config.clone(),
                    health: rule.health,
                    last_error: rule.last_error.clone(),
                    last_evaluation: self.last_evaluation,
                    last_duration_seconds: rule.last_duration_seconds,
                    alerts: rule.active.values().filter(|alert| alert.state != AlertState::Inactive).cloned().collect(),
                })
                .collect(),
        }
    }

    fn evaluate_rule(
        &mut self,
        index: usize,
        at: TimestampMs,
        query_at: TimestampMs,
        context: &Context,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        let rule = &mut self.rules[index];
        let samples: Vec<(LabelSet, SampleValue)> = match &rule.config {
            RuleConfig::Recording(recording) => recording.evaluate(query_at, self.config.limit, context)?,
            RuleConfig::Alerting(alerting) => {
                let changes = alerting.evaluate(at, query_at, self.config.limit, &mut rule.active, context)?;
                for change in changes {
                    let alert = rule.active.get(&Fingerprint::of(&change.labels));
                    let remembered = memory::put_alert(&*context.record, &self.key, &alerting.name, &change.labels, alert);
                    let transition = AlertTransition {
                        ts: at,
                        alertname: alerting.name.clone(),
                        labels: change.labels,
                        annotations: change.annotations,
                        from: change.from,
                        to: change.to,
                        value: change.value,
                        group: self.key.clone(),
                    };
                    let stored = context.record.alert_transition(&transition).and(remembered);
                    if let Err(source) = stored {
                        let error = chain(&Error::Record { group: self.key.clone(), source });
                        tracing::warn!(group = %self.key, alert = %transition.labels, error, "cannot record a change of state");
                    }
                }
                alert_series(alerting, &rule.active)
            }
        };
        let series: HashSet<LabelSet> = samples.iter().map(|(labels, _)| labels.clone()).collect();
        let gone = rule
            .series
            .iter()
            .filter(|labels| !series.contains(*labels))
            .map(|labels| (labels.clone(), query_at, SampleValue::Float(stale_nan())));
        batch.extend(gone);
        batch.extend(samples.into_iter().map(|(labels, value)| (labels, query_at, value)));
        rule.series = series;
        Ok(())
    }

    /// Whether a rule may read what earlier rules gave and is not stored yet: its expression holds the name, or selects by names.
    fn reads_unstored(&self, index: usize, unstored: &[usize]) -> bool {
        let expr = self.rules[index].config.expr();
        let is_read = |earlier: &usize| match &self.rules[*earlier].config {
            RuleConfig::Recording(rule) => expr.contains(&rule.name),
            RuleConfig::Alerting(_) => expr.contains("ALERTS"),
        };
        !unstored.is_empty() && (expr.contains(METRIC_NAME) || unstored.iter().any(is_read))
    }

    fn store(&mut self, batch: &mut Batch, rules: &mut Vec<usize>, context: &Context) {
        if !batch.is_empty()
            && let Err(source) = context.record.append_samples(batch)
        {
            let error = Error::Record { group: self.key.clone(), source };
            for index in rules.iter() {
                self.rules[*index].fail(&error);
            }
        }
        batch.clear();
        rules.clear();
    }

    /// Takes over the alerts that an earlier process left, once. Pending ones keep the time that they were pending, but not the
    /// time of the outage; firing ones go on firing, so that the next evaluation can resolve them with a notification. (Prometheus
    /// 2.48 forgets alerts with a `for` below the grace period, and never resolves what it forgot.)
    fn restore(&mut self, at: TimestampMs, context: &Context) {
        if std::mem::replace(&mut self.is_restored, true) {
            return;
        }
        let remembered = match memory::list_alerts(&*context.record, &self.key) {
            Ok(remembered) => remembered,
            Err(source) => {
                let error = Error::Record { group: self.key.clone(), source };
                tracing::warn!(group = %self.key, error = %chain(&error), "cannot read the alerts of the last run");
                return;
            }
        };
        let outage = remembered.down_at.map(|down_at| at - down_at);
        let Some((down_at, outage)) =
            remembered.down_at.zip(outage).filter(|(_, outage)| *outage <= milliseconds(context.outage_tolerance))
        else {
            return;
        };
        let mut by_rule: HashMap<String, Vec<ActiveAlert>> = HashMap::new();
        for (rule, alert) in remembered.alerts {
            by_rule.entry(rule).or_default().push(alert);
        }
        for rule in &mut self.rules {
            let RuleConfig::Alerting(alerting) = &rule.config else { continue };
            for mut alert in by_rule.remove(&alerting.name).unwrap_or_default() {
                let hold = milliseconds(alerting.hold_for);
                let grace = milliseconds(context.grace_period);
                let remaining = hold - (down_at - alert.active_at);
                if alert.state == AlertState::Pending {
                    let needs_grace = remaining < grace && hold >= grace;
                    alert.active_at = if needs_grace { at + grace - hold } else { alert.active_at + outage };
                }
                rule.series.extend(alert_samples(alerting, &alert).map(|(labels, _)| labels));
                rule.active.insert(Fingerprint::of(&alert.labels), alert);
            }
        }
    }

    /// Keeps the time of the last evaluation while there are alerts, to know the length of an outage.
    fn remember_time(&mut self, at: TimestampMs, context: &Context) {
        let has_alerts = self.rules.iter().any(|rule| rule.active.values().any(|alert| alert.state != AlertState::Inactive));
        if (has_alerts || self.has_alerts)
            && let Err(source) = memory::put_time(&*context.record, &self.key, has_alerts.then_some(at))
        {
            let error = Error::Record { group: self.key.clone(), source };
            tracing::warn!(group = %self.key, error = %chain(&error), "cannot record the time of an evaluation");
        }
        self.has_alerts = has_alerts;
    }
}

impl RuleConfig {
    /// The rule's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Recording(rule) => &rule.name,
            Self::Alerting(rule) => &rule.name,
        }
    }

    /// The rule's expression.
    pub fn expr(&self) -> &str {
        match self {
            Self::Recording(rule) => &rule.expr,
            Self::Alerting(rule) => &rule.expr,
        }
    }

    /// Whether state carries over a reload: as in Prometheus, name and labels decide.
    fn is_same_rule(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Recording(a), Self::Recording(b)) => a.name == b.name && a.labels == b.labels,
            (Self::Alerting(a), Self::Alerting(b)) => a.name == b.name && a.labels == b.labels,
            _ => false,
        }
    }
}

impl RuleState {
    fn new(config: RuleConfig) -> Self {
        let (active, series) = (ActiveAlerts::new(), HashSet::new());
        Self { config, active, series, health: RuleHealth::Unknown, last_error: String::new(), last_duration_seconds: 0.0 }
    }

    fn succeed(&mut self) {
        self.health = RuleHealth::Ok;
        self.last_error.clear();
    }

    fn fail(&mut self, error: &Error) {
        self.health = RuleHealth::Err;
        self.last_error = chain(error);
        tracing::warn!(rule = %self.config.name(), error = %self.last_error, "rule failed");
    }

    fn alerts_to_send(&mut self, at: TimestampMs, group: &GroupConfig, context: &Context) -> Vec<Alert> {
        let resend_delay_ms = milliseconds(context.resend_delay);
        // Four missed reports end an alert, as in Prometheus.
        let valid_for = 4 * milliseconds(group.interval).max(resend_delay_ms);
        let expr = self.config.expr();
        let mut alerts = Vec::new();
        for active in self.active.values_mut().filter(|active| active.needs_sending(at, resend_delay_ms)) {
            active.last_sent_at = Some(at);
            let mut labels = active.labels.to_builder();
            for (name, value) in context.external_labels.iter() {
                if labels.get(name).is_none() {
                    labels.set(name, value);
                }
            }
            alerts.push(Alert {
                labels: labels.build(),
                annotations: active.annotations.clone(),
                starts_at: active.fired_at.unwrap_or(at),
                ends_at: active.resolved_at.unwrap_or(at + valid_for),
                generator_url: format!("{}{}", context.external_url, cepmon_template::table_link(expr)),
                updated_at: at,
                is_timeout: active.resolved_at.is_none(),
            });
        }
        alerts
    }
}

/// The series `ALERTS` and `ALERTS_FOR_STATE` of a rule.
fn alert_series(rule: &AlertingRule, active: &ActiveAlerts) -> Vec<(LabelSet, SampleValue)> {
    active.values().filter(|alert| alert.state != AlertState::Inactive).flat_map(|alert| alert_samples(rule, alert)).collect()
}

fn alert_samples(rule: &AlertingRule, alert: &ActiveAlert) -> impl Iterator<Item = (LabelSet, SampleValue)> + use<> {
    let mut labels = alert.labels.to_builder();
    labels.set(METRIC_NAME, "ALERTS_FOR_STATE").set(ALERT_NAME, &rule.name);
    let for_state = labels.build();
    labels.set(METRIC_NAME, "ALERTS").set("alertstate", alert.state.as_str());
    // Prometheus writes whole seconds.
    let active_at_seconds = alert.active_at.div_euclid(1000) as f64;
    [(labels.build(), SampleValue::Float(1.0)), (for_state, SampleValue::Float(active_at_seconds))].into_iter()
}

/// An error and its causes on one line. Some libraries' messages hold their cause already; it is not said twice.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

fn seconds_between(from: TimestampMs, to: TimestampMs) -> f64 {
    (to - from).max(0) as f64 / 1000.0
}
