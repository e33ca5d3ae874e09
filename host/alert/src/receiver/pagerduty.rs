//! PagerDuty: Events API v2 with a routing key, v1 with a service key (Alertmanager 0.26). Images and links are not here yet.

use cepmon_template::{Escape, Template};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::config::{GlobalEntry, PagerdutyEntry};
use crate::notify::Notification;
use crate::receiver::http::HttpClient;
use crate::receiver::secret_source::SecretSource;
use crate::receiver::{Receiver, SendError};
use crate::{AlertStatus, Problem};

const V2_URL: &str = "https://events.pagerduty.com/v2/enqueue";
const V1_URL: &str = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";
/// PagerDuty's limit of a summary.
const MAX_DESCRIPTION_CHARS: usize = 1024;

/// Triggers and resolves incidents of one service.
#[derive(Debug, Clone)]
pub struct PagerdutyReceiver {
    client: HttpClient,
    url: String,
    key: Key,
    description: Template,
    client_name: Template,
    client_url: Template,
    severity: Template,
    source: Option<Template>,
    class: Template,
    component: Template,
    group: Template,
    details: Vec<(String, Template)>,
}

#[derive(Debug, Clone)]
enum Key {
    /// Events API v1.
    Service(SecretSource),
    /// Events API v2.
    Routing(SecretSource),
}

/// The receiver behind an entry of `pagerduty_configs`.
pub(crate) fn check_pagerduty(
    entry: &PagerdutyEntry,
    global: &GlobalEntry,
    definitions: &Template,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<PagerdutyReceiver> {
    let mut key = |value, file, keys| SecretSource::check(value, file, keys, path, problems);
    let service = key(entry.service_key.as_ref(), entry.service_key_file.as_ref(), ["service_key", "service_key_file"]);
    let routing = key(entry.routing_key.as_ref(), entry.routing_key_file.as_ref(), ["routing_key", "routing_key_file"]);
    let key = match (service, routing) {
        (Some(_), Some(_)) => {
            problems.push(Problem::new(path, "service_key and routing_key exclude each other"));
            None
        }
        (Some(key), None) => Some(Key::Service(key)),
        (None, Some(key)) => Some(Key::Routing(key)),
        (None, None) => {
            problems.push(Problem::new(path, "there is no key; set routing_key (Events API v2) or service_key (v1)"));
            None
        }
    };
    for (name, is_set) in [("images", entry.images.is_some()), ("links", entry.links.is_some())] {
        if is_set {
            problems.push(Problem::new(format!("{path}.{name}"), format!("{name} are not served yet; remove them")));
        }
    }
    let client = HttpClient::check(entry.http_config.as_ref(), global.http_config.as_ref(), path, problems);
    let mut template = |name: &str, text: Option<&str>, default: &str| {
        let parsed = definitions.parse_with(name, text.unwrap_or(default));
        parsed.map_err(|error| problems.push(Problem::new(format!("{path}.{name}"), error))).ok()
    };
    let description = template("description", entry.description.as_deref(), "{{ template \"pagerduty.default.description\" . }}");
    let client_name = template("client", entry.client.as_deref(), "{{ template \"pagerduty.default.client\" . }}");
    let client_url = template("client_url", entry.client_url.as_deref(), "{{ template \"pagerduty.default.clientURL\" . }}");
    let severity = template("severity", entry.severity.as_deref(), "error");
    let source = entry.source.as_deref().map(|source| template("source", Some(source), ""));
    let class = template("class", entry.class.as_deref(), "");
    let component = template("component", entry.component.as_deref(), "");
    let group = template("group", entry.group.as_deref(), "");
    let mut texts = entry.details.clone();
    for (name, text) in [
        ("firing", "{{ template \"pagerduty.default.instances\" .Alerts.Firing }}"),
        ("resolved", "{{ template \"pagerduty.default.instances\" .Alerts.Resolved }}"),
        ("num_firing", "{{ .Alerts.Firing | len }}"),
        ("num_resolved", "{{ .Alerts.Resolved | len }}"),
    ] {
        texts.entry(name.to_owned()).or_insert_with(|| text.to_owned());
    }
    let mut details = Vec::new();
    for (name, text) in texts {
        details.extend(template("details", Some(&text), "").map(|template| (name, template)));
    }
    let configured = entry.url.clone().or_else(|| global.pagerduty_url.clone()).unwrap_or_else(|| V2_URL.to_owned());
    let key = key?;
    // Alertmanager, too, takes the default address of v2 as "none given" for a service key.
    let url = if matches!(key, Key::Service(_)) && configured == V2_URL { V1_URL.to_owned() } else { configured };
    Some(PagerdutyReceiver {
        client: client?,
        url,
        key,
        description: description?,
        client_name: client_name?,
        client_url: client_url?,
        severity: severity?,
        source: match source {
            None => None,
            Some(source) => Some(source?),
        },
        class: class?,
        component: component?,
        group: group?,
        details,
    })
}

impl Receiver for PagerdutyReceiver {
    fn send<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Result<(), SendError>> {
        self.deliver(notification).boxed()
    }
}

impl PagerdutyReceiver {
    async fn deliver(&self, notification: &Notification) -> Result<(), SendError> {
        let (secret, is_v1) = match &self.key {
            Key::Service(key) => (key.read().await?, true),
            Key::Routing(key) => (key.read().await?, false),
        };
        let event = self.event(notification, &secret, is_v1).map_err(|error| SendError::Unwritable { source: error.into() })?;
        let answer = self.client.post("PagerDuty", &self.url, event.to_string()).await?;
        answer.map_or(Ok(()), |answer| {
            // API v1 says 403 for "too many", v2 says 429.
            let is_busy = answer.is_busy() || (is_v1 && answer.status == 403);
            Err(answer.into_error("PagerDuty", is_busy))
        })
    }

    fn event(&self, notification: &Notification, secret: &str, is_v1: bool) -> Result<Value, cepmon_template::Error> {
        let expand = |template: &Template| notification.expand(template, Escape::None);
        let action = match notification.status() {
            AlertStatus::Firing => "trigger",
            AlertStatus::Resolved => "resolve",
        };
        let description: String = expand(&self.description)?.chars().take(MAX_DESCRIPTION_CHARS).collect();
        let mut details = Map::new();
        for (name, template) in &self.details {
            details.insert(name.clone(), Value::String(expand(template)?));
        }
        let incident = incident_key(&notification.group_key);
        let (client, client_url) = (expand(&self.client_name)?, expand(&self.client_url)?);
        if is_v1 {
            return Ok(json!({
                "service_key": secret, "event_type": action, "incident_key": incident, "description": description,
                "client": client, "client_url": client_url, "details": details,
            }));
        }
        let source = self.source.as_ref().map_or_else(|| Ok(client.clone()), expand)?;
        let mut payload = Map::new();
        payload.insert("summary".to_owned(), Value::String(description));
        payload.insert("source".to_owned(), Value::String(source));
        payload.insert("severity".to_owned(), Value::String(expand(&self.severity)?));
        for (name, template) in [("class", &self.class), ("component", &self.component), ("group", &self.group)] {
            let text = expand(template)?;
            if !text.is_empty() {
                payload.insert(name.to_owned(), Value::String(text));
            }
        }
        payload.insert("custom_details".to_owned(), Value::Object(details));
        Ok(json!({
            "routing_key": secret, "event_action": action, "dedup_key": incident,
            "client": client, "client_url": client_url, "payload": payload,
        }))
    }
}

/// One incident per alert group: SHA-256 of its key in hex, as Alertmanager makes it.
fn incident_key(group_key: &str) -> String {
    Sha256::digest(group_key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
