//! Webhooks: Alertmanager's payload, version 4.

use cepmon_template::Time;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

use cepmon_model::LabelSet;

use crate::config::{GlobalEntry, WebhookEntry};
use crate::notify::Notification;
use crate::receiver::http::HttpClient;
use crate::receiver::secret_source::SecretSource;
use crate::receiver::{Receiver, SendError};
use crate::{Alert, AlertStatus, Problem};

/// Posts to one address.
#[derive(Debug, Clone)]
pub struct WebhookReceiver {
    client: HttpClient,
    url: SecretSource,
    /// 0 = all.
    max_alerts: usize,
}

/// The receiver behind an entry of `webhook_configs`.
pub(crate) fn check_webhook(
    entry: &WebhookEntry,
    global: &GlobalEntry,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<WebhookReceiver> {
    let url = SecretSource::check(entry.url.as_ref(), entry.url_file.as_ref(), ["url", "url_file"], path, problems);
    if url.is_none() && entry.url.is_none() {
        problems.push(Problem::new(path, "there is no address; set url or url_file"));
    }
    let client = HttpClient::check(entry.http_config.as_ref(), global.http_config.as_ref(), path, problems);
    Some(WebhookReceiver { client: client?, url: url?, max_alerts: entry.max_alerts })
}

impl Receiver for WebhookReceiver {
    fn send<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Result<(), SendError>> {
        self.deliver(notification).boxed()
    }
}

impl WebhookReceiver {
    async fn deliver(&self, notification: &Notification) -> Result<(), SendError> {
        let url = self.url.read().await?;
        let answer = self.client.post("the webhook", &url, self.payload(notification).to_string()).await?;
        answer.map_or(Ok(()), |answer| {
            let is_busy = answer.is_busy();
            Err(answer.into_error("the webhook", is_busy))
        })
    }

    fn payload(&self, notification: &Notification) -> Value {
        let kept = if self.max_alerts == 0 { notification.alerts.len() } else { self.max_alerts.min(notification.alerts.len()) };
        let alerts: Vec<Value> = notification.alerts[..kept].iter().map(|alert| alert_json(alert, notification.at)).collect();
        json!({
            "receiver": notification.receiver,
            "status": notification.status().as_str(),
            "alerts": alerts,
            "groupLabels": labels_json(&notification.group_labels),
            "commonLabels": labels_json(&notification.common_labels()),
            "commonAnnotations": labels_json(&notification.common_annotations()),
            "externalURL": notification.external_url,
            "version": "4",
            "groupKey": notification.group_key,
            "truncatedAlerts": notification.alerts.len() - kept,
        })
    }
}

fn alert_json(alert: &Alert, at: i64) -> Value {
    let ends_at = if alert.status(at) == AlertStatus::Resolved { Time::from_unix_ms(alert.ends_at) } else { Time::zero() };
    json!({
        "status": alert.status(at).as_str(),
        "labels": labels_json(&alert.labels),
        "annotations": labels_json(&alert.annotations),
        "startsAt": Time::from_unix_ms(alert.starts_at).rfc3339(),
        "endsAt": ends_at.rfc3339(),
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint().to_string(),
    })
}

fn labels_json(labels: &LabelSet) -> Value {
    Value::Object(labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<Map<_, _>>())
}
