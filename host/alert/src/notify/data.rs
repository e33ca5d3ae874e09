//! What a notification holds and how templates see it (Alertmanager 0.26, `template.Data`).

use std::collections::BTreeMap;
use std::sync::Arc;

use cepmon_model::{LabelSet, TimestampMs};
use cepmon_template::{Dialect, Environment, Escape, Object, QuerySample, Template, Time, Value};

use crate::{Alert, AlertStatus};

/// One message to one receiver about one alert group.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// The receiver's name.
    pub receiver: String,
    /// The key of the alert group.
    pub group_key: String,
    /// The labels that make the group.
    pub group_labels: LabelSet,
    /// Its alerts, firing ones first.
    pub alerts: Vec<Alert>,
    /// The time of the message: it decides which alerts are resolved.
    pub at: TimestampMs,
    /// The address under which people reach cepmon.
    pub external_url: String,
}

impl Notification {
    /// Firing if any alert is.
    pub fn status(&self) -> AlertStatus {
        let is_firing = self.alerts.iter().any(|alert| alert.status(self.at) == AlertStatus::Firing);
        if is_firing { AlertStatus::Firing } else { AlertStatus::Resolved }
    }

    /// The labels that all its alerts have.
    pub fn common_labels(&self) -> LabelSet {
        common(self.alerts.iter().map(|alert| &alert.labels))
    }

    /// The annotations that all its alerts have.
    pub fn common_annotations(&self) -> LabelSet {
        common(self.alerts.iter().map(|alert| &alert.annotations))
    }

    /// The dot of templates.
    pub fn data(&self) -> Value {
        Value::map([
            ("Receiver", Value::from(self.receiver.as_str())),
            ("Status", Value::from(self.status().as_str())),
            ("Alerts", Value::Object(Arc::new(AlertList(self.alerts.iter().map(|alert| AlertRecord::of(alert, self.at)).collect())))),
            ("GroupLabels", Value::labels(self.group_labels.iter())),
            ("CommonLabels", Value::labels(self.common_labels().iter())),
            ("CommonAnnotations", Value::labels(self.common_annotations().iter())),
            ("ExternalURL", Value::from(self.external_url.as_str())),
        ])
    }

    /// A template's text for this message.
    pub fn expand(&self, template: &Template, escape: Escape) -> Result<String, cepmon_template::Error> {
        template.execute(&self.data(), &NotificationEnvironment { external_url: &self.external_url, at: self.at }, escape)
    }
}

/// What all sets have in common.
fn common<'a>(mut sets: impl Iterator<Item = &'a LabelSet>) -> LabelSet {
    let mut shared: BTreeMap<&str, &str> = sets.next().into_iter().flat_map(LabelSet::iter).collect();
    for set in sets {
        shared.retain(|name, value| set.get(name) == Some(*value));
    }
    LabelSet::from_pairs(shared)
}

/// `.Alerts` with `.Firing` and `.Resolved`.
#[derive(Debug, Clone)]
struct AlertList(Vec<AlertRecord>);

impl AlertList {
    fn only(&self, status: AlertStatus) -> Value {
        Value::Object(Arc::new(Self(self.0.iter().filter(|alert| alert.status == status).cloned().collect())))
    }
}

impl Object for AlertList {
    fn field(&self, _: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str) -> Option<Value> {
        match name {
            "Firing" => Some(self.only(AlertStatus::Firing)),
            "Resolved" => Some(self.only(AlertStatus::Resolved)),
            _ => None,
        }
    }

    fn items(&self) -> Option<Vec<Value>> {
        Some(self.0.iter().map(|alert| Value::Object(Arc::new(alert.clone()))).collect())
    }
}

/// One alert in a template.
#[derive(Debug, Clone)]
struct AlertRecord {
    status: AlertStatus,
    fields: Vec<(&'static str, &'static str, Value)>,
}

impl AlertRecord {
    fn of(alert: &Alert, at: TimestampMs) -> Self {
        let status = alert.status(at);
        let ends_at = match status {
            AlertStatus::Firing => Time::zero(),
            AlertStatus::Resolved => Time::from_unix_ms(alert.ends_at),
        };
        let fields = vec![
            ("Status", "status", Value::from(status.as_str())),
            ("Labels", "labels", Value::labels(alert.labels.iter())),
            ("Annotations", "annotations", Value::labels(alert.annotations.iter())),
            ("StartsAt", "startsAt", Value::Time(Time::from_unix_ms(alert.starts_at))),
            ("EndsAt", "endsAt", Value::Time(ends_at)),
            ("GeneratorURL", "generatorURL", Value::from(alert.generator_url.as_str())),
            ("Fingerprint", "fingerprint", Value::from(alert.fingerprint().to_string())),
        ];
        Self { status, fields }
    }
}

impl Object for AlertRecord {
    fn field(&self, name: &str) -> Option<Value> {
        self.fields.iter().find(|(field, ..)| *field == name).map(|(.., value)| value.clone())
    }

    fn method(&self, _: &str) -> Option<Value> {
        None
    }

    fn items(&self) -> Option<Vec<Value>> {
        None
    }

    fn json_fields(&self) -> Vec<(&'static str, Value)> {
        self.fields.iter().map(|(_, json, value)| (*json, value.clone())).collect()
    }
}

#[derive(Debug)]
struct NotificationEnvironment<'a> {
    external_url: &'a str,
    at: TimestampMs,
}

impl Environment for NotificationEnvironment<'_> {
    fn query(&self, _: &str) -> Result<Vec<QuerySample>, String> {
        Err("notifications have no query function".to_owned())
    }

    fn external_url(&self) -> &str {
        self.external_url
    }

    fn now_ms(&self) -> i64 {
        self.at
    }
}

/// The names that templates of Alertmanager's users call, with texts of cepmon's own.
pub(crate) fn default_templates() -> Template {
    Template::parse("default", include_str!("default.tmpl"), Dialect::Alertmanager).expect("BUG: the built-in templates do not parse")
}
