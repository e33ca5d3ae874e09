//! `/api/v1/rules` and `/api/v1/alerts`: rule groups with their state, and what fires or is about to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use cepmon_alert::rule::{ActiveAlert, AlertState, GroupStatus, RuleConfig, RuleStatus};
use serde::Serialize;

use super::super::App;
use super::super::error::WebError;
use super::ApiError;
use super::answer::success;
use super::moment::rfc3339;
use super::number::{plain, push_with_exponent};
use super::parameter::Parameters;
use super::targets::map;

#[derive(Debug, Serialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    file: String,
    rules: Vec<Rule>,
    #[serde(serialize_with = "plain")]
    interval: f64,
    limit: usize,
    #[serde(serialize_with = "plain")]
    evaluation_time: f64,
    last_evaluation: String,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
enum Rule {
    Alerting {
        state: &'static str,
        name: String,
        query: String,
        #[serde(serialize_with = "plain")]
        duration: f64,
        #[serde(serialize_with = "plain")]
        keep_firing_for: f64,
        labels: BTreeMap<String, String>,
        annotations: BTreeMap<String, String>,
        alerts: Vec<Alert>,
        #[serde(flatten)]
        outcome: Outcome,
    },
    Recording {
        name: String,
        query: String,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        labels: BTreeMap<String, String>,
        #[serde(flatten)]
        outcome: Outcome,
    },
}

/// How the last evaluation went.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    health: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    last_error: String,
    #[serde(serialize_with = "plain")]
    evaluation_time: f64,
    last_evaluation: String,
}

#[derive(Debug, Serialize)]
struct Alerts {
    alerts: Vec<Alert>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    state: &'static str,
    active_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_since: Option<String>,
    value: String,
}

/// Which rules are wanted.
struct Filter<'a> {
    wants_alerting: bool,
    wants_recording: bool,
    names: Vec<&'a str>,
    groups: Vec<&'a str>,
    files: Vec<&'a str>,
    with_alerts: bool,
}

/// `type` (alert, record), `rule_name[]`, `rule_group[]`, `file[]`, `exclude_alerts`.
pub(super) async fn rules(State(app): State<Arc<App>>, parameters: Parameters) -> Result<Response, ApiError> {
    let filter = filter(&parameters)?;
    let groups = sorted_groups(&app)?.into_iter().filter_map(|status| group(status, &filter)).collect();
    Ok(success(&Groups { groups }))
}

/// All pending and firing alerts.
pub(super) async fn alerts(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let rules = sorted_groups(&app)?.into_iter().flat_map(|group| group.rules);
    let alerts = rules.flat_map(|rule| active(rule.alerts)).collect();
    Ok(success(&Alerts { alerts }))
}

/// By file, then by name.
fn sorted_groups(app: &App) -> Result<Vec<GroupStatus>, WebError> {
    let mut groups = app.running()?.control.rules();
    groups.sort_by(|left, right| (&left.file, &left.name).cmp(&(&right.file, &right.name)));
    Ok(groups)
}

fn filter(parameters: &Parameters) -> Result<Filter<'_>, ApiError> {
    let (wants_alerting, wants_recording) = match parameters.get("type").map(str::to_lowercase).as_deref() {
        None => (true, true),
        Some("alert") => (true, false),
        Some("record") => (false, true),
        Some(other) => return Err(ApiError::parameter("type", format!("not supported value {other:?}"))),
    };
    let with_alerts = match parameters.get("exclude_alerts") {
        None | Some("false" | "0") => true,
        Some("true" | "1") => false,
        Some(other) => return Err(ApiError::parameter("exclude_alerts", format!("{other:?} is neither true nor false"))),
    };
    let all = |name| parameters.all(name).collect::<Vec<_>>();
    let (names, groups, files) = (all("rule_name[]"), all("rule_group[]"), all("file[]"));
    Ok(Filter { wants_alerting, wants_recording, names, groups, files, with_alerts })
}

/// None if the filter leaves no rule of the group; a group that has none is shown to those who filter nothing.
fn group(status: GroupStatus, filter: &Filter<'_>) -> Option<Group> {
    let is_in = |wanted: &[&str], name: &str| wanted.is_empty() || wanted.contains(&name);
    if !is_in(&filter.groups, &status.name) || !is_in(&filter.files, &status.file) {
        return None;
    }
    let was_empty = status.rules.is_empty();
    let rules: Vec<Rule> = status.rules.into_iter().filter_map(|rule| self::rule(rule, filter)).collect();
    let filters_rules = !filter.names.is_empty() || !filter.wants_alerting || !filter.wants_recording;
    if rules.is_empty() && (filters_rules || !was_empty) {
        return None;
    }
    Some(Group {
        name: status.name,
        file: status.file,
        rules,
        interval: status.interval.as_secs_f64(),
        limit: status.limit.unwrap_or_default(),
        evaluation_time: status.last_duration_seconds,
        last_evaluation: rfc3339(status.last_evaluation),
    })
}

fn rule(status: RuleStatus, filter: &Filter<'_>) -> Option<Rule> {
    let state = status.state();
    let outcome = Outcome {
        health: status.health.as_str(),
        last_error: status.last_error,
        evaluation_time: status.last_duration_seconds,
        last_evaluation: rfc3339(status.last_evaluation),
    };
    let is_wanted = |name: &str| filter.names.is_empty() || filter.names.contains(&name);
    let seconds = |duration: Duration| duration.as_secs_f64();
    match status.rule {
        RuleConfig::Alerting(rule) if filter.wants_alerting && is_wanted(&rule.name) => Some(Rule::Alerting {
            state: state.as_str(),
            query: canonical(rule.expr),
            duration: seconds(rule.hold_for),
            keep_firing_for: seconds(rule.keep_firing_for),
            labels: rule.labels.into_iter().collect(),
            annotations: rule.annotations.into_iter().collect(),
            alerts: if filter.with_alerts { active(status.alerts).collect() } else { Vec::new() },
            name: rule.name,
            outcome,
        }),
        RuleConfig::Recording(rule) if filter.wants_recording && is_wanted(&rule.name) => {
            Some(Rule::Recording { query: canonical(rule.expr), labels: rule.labels.into_iter().collect(), name: rule.name, outcome })
        }
        _ => None,
    }
}

/// An expression as Prometheus prints it, whatever its blanks are.
fn canonical(expr: String) -> String {
    cepmon_query::parse(&expr).map_or(expr, |parsed| parsed.to_string())
}

/// Those that have ended are kept for the notifier, not for readers.
fn active(alerts: Vec<ActiveAlert>) -> impl Iterator<Item = Alert> {
    alerts.into_iter().filter(|alert| alert.state != AlertState::Inactive).map(|alert| Alert {
        labels: map(&alert.labels),
        annotations: map(&alert.annotations),
        state: alert.state.as_str(),
        active_at: rfc3339(Some(alert.active_at)),
        keep_firing_since: alert.keep_firing_since.map(|since| rfc3339(Some(since))),
        value: value(alert.value),
    })
}

/// With an exponent whatever the size, as Prometheus shows the values of alerts: `1e+00`.
fn value(value: f64) -> String {
    if !value.is_finite() {
        return cepmon_query::format_value(value);
    }
    let mut text = Vec::new();
    push_with_exponent(&mut text, value);
    String::from_utf8_lossy(&text).into_owned()
}
