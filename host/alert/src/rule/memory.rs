//! What rules keep over a restart: the active alerts of each group and when the group was evaluated last. It decides nothing.

use std::collections::HashMap;

use cepmon_model::{LabelSet, METRIC_NAME, TimestampMs, parse_series_text};

use crate::rule::{ActiveAlert, AlertState};
use crate::{BoxError, Fingerprint, Record};

/// Keys `group\nrule\nfingerprint`, values `active_at fired_at labels\nannotations`, both as series text, which has no line ends.
const ALERT_SPACE: &str = "rule-alerts";
/// Keys `group`, values the time of the last evaluation that had alerts.
const TIME_SPACE: &str = "rule-groups";

/// What an earlier process left.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// When the group was evaluated last, if it had alerts then.
    pub(crate) down_at: Option<TimestampMs>,
    /// Rule names and their alerts.
    pub(crate) alerts: Vec<(String, ActiveAlert)>,
}

/// Keeps an alert, or forgets it when there is none or it has resolved.
pub(crate) fn put_alert(
    record: &dyn Record,
    group: &str,
    rule: &str,
    labels: &LabelSet,
    alert: Option<&ActiveAlert>,
) -> Result<(), BoxError> {
    let key = format!("{group}\n{rule}\n{}", Fingerprint::of(labels));
    let value = alert.filter(|alert| alert.state != AlertState::Inactive).map(|alert| {
        let fired_at = alert.fired_at.map_or_else(|| "-".to_owned(), |fired_at| fired_at.to_string());
        let (labels, annotations) = (named(&alert.labels, "ALERTS"), named(&alert.annotations, "ANNOTATIONS"));
        format!("{} {fired_at} {labels}\n{annotations}", alert.active_at)
    });
    record.state_put(ALERT_SPACE, &key, value.as_deref().map(str::as_bytes))
}

/// Keeps the time of an evaluation, or forgets it.
pub(crate) fn put_time(record: &dyn Record, group: &str, at: Option<TimestampMs>) -> Result<(), BoxError> {
    let value = at.map(|at| at.to_string());
    record.state_put(TIME_SPACE, group, value.as_deref().map(str::as_bytes))
}

/// What is kept of a group. A value that cannot be read is left out: the alert then starts anew.
pub(crate) fn list_alerts(record: &dyn Record, group: &str) -> Result<Remembered, BoxError> {
    let times: HashMap<String, Vec<u8>> = record.state_list(TIME_SPACE)?.into_iter().collect();
    let down_at = times.get(group).and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    let mut alerts = Vec::new();
    for (key, value) in record.state_list(ALERT_SPACE)? {
        let mut parts = key.split('\n');
        if parts.next() != Some(group) {
            continue;
        }
        if let (Some(rule), Some(alert)) = (parts.next(), read_alert(&value)) {
            alerts.push((rule.to_owned(), alert));
        }
    }
    Ok(Remembered { down_at, alerts })
}

/// Forgets alerts and times of groups and rules that are not there any more, so that renames do not pile up.
pub(crate) fn forget_others(record: &dyn Record, is_known: impl Fn(&str, Option<&str>) -> bool) -> Result<(), BoxError> {
    for (key, _) in record.state_list(ALERT_SPACE)? {
        let mut parts = key.split('\n');
        let group = parts.next().unwrap_or_default();
        if !is_known(group, parts.next()) {
            record.state_put(ALERT_SPACE, &key, None)?;
        }
    }
    for (group, _) in record.state_list(TIME_SPACE)? {
        if !is_known(&group, None) {
            record.state_put(TIME_SPACE, &group, None)?;
        }
    }
    Ok(())
}

fn read_alert(value: &[u8]) -> Option<ActiveAlert> {
    let text = std::str::from_utf8(value).ok()?;
    let (active_at, rest) = text.split_once(' ')?;
    let (fired_at, rest) = rest.split_once(' ')?;
    let (labels, annotations) = rest.split_once('\n')?;
    let fired_at: Option<TimestampMs> = fired_at.parse().ok();
    Some(ActiveAlert {
        state: if fired_at.is_some() { AlertState::Firing } else { AlertState::Pending },
        labels: unnamed(labels)?,
        annotations: unnamed(annotations)?,
        value: f64::NAN,
        active_at: active_at.parse().ok()?,
        fired_at,
        resolved_at: None,
        keep_firing_since: None,
        last_sent_at: None,
    })
}

/// Series text needs a name, and neither labels nor annotations have one.
fn named(labels: &LabelSet, name: &str) -> LabelSet {
    labels.to_builder().set(METRIC_NAME, name).build()
}

fn unnamed(series: &str) -> Option<LabelSet> {
    let mut labels = parse_series_text(series.as_bytes()).ok()?;
    labels.take(METRIC_NAME);
    Some(labels.build())
}
