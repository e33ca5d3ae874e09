//! Alerts on their way out: relabelled, then to the Alertmanager in this process, and to those of `alerting.alertmanagers` as Prometheus does
//! it (2.48): one queue, batches, no second try, since a firing alert is reported again soon.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cepmon_alert::rule::AlertSink;
use cepmon_alert::{Alert, Notifier};
use cepmon_model::{RelabelRule, relabel};
use cepmon_plugin::{HttpRequest, PluginHost};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::config::OtherAlertmanagers;

/// Alerts that wait; the oldest ones go when there are more. Prometheus's default for `--alertmanager.notification-queue-capacity`.
pub(crate) const QUEUE_CAPACITY: usize = 10_000;
/// Alerts of one post.
const BATCH: usize = 64;

/// Who is told, and how alerts look by then.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// `alerting.alert_relabel_configs`
    pub(crate) rules: Vec<RelabelRule>,
    /// `alerting.alertmanagers`
    pub(crate) others: Vec<OtherAlertmanagers>,
}

/// What an Alertmanager was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SentCounts {
    /// Alerts, whether they arrived or not.
    pub(crate) sent: u64,
    /// Those that did not arrive.
    pub(crate) errors: u64,
}

/// Takes alerts of rules in.
#[derive(Debug)]
pub(crate) struct Forward {
    notifier: Arc<Notifier>,
    plugins: Arc<PluginHost>,
    told: Mutex<Arc<Told>>,
    queue: Mutex<Queue>,
    filled: Notify,
    counts: Mutex<BTreeMap<String, SentCounts>>,
}

#[derive(Debug, Default)]
struct Queue {
    alerts: VecDeque<Alert>,
    dropped: u64,
}

impl Forward {
    /// Tells nobody but the notifier until [`Self::apply`].
    pub(crate) fn new(notifier: Arc<Notifier>, plugins: Arc<PluginHost>) -> Self {
        Self { notifier, plugins, told: Mutex::default(), queue: Mutex::default(), filled: Notify::new(), counts: Mutex::default() }
    }

    /// Tells these from now on.
    pub(crate) fn apply(&self, told: Told) {
        let urls = told.others.iter().flat_map(|others| &others.urls);
        let counts = urls.map(|url| (url.clone(), lock(&self.counts).get(url).copied().unwrap_or_default())).collect();
        *lock(&self.counts) = counts;
        *lock(&self.told) = Arc::new(told);
    }

    /// The other Alertmanagers by URL.
    pub(crate) fn counts(&self) -> BTreeMap<String, SentCounts> {
        lock(&self.counts).clone()
    }

    /// Alerts that wait, and those that found no room.
    pub(crate) fn queue(&self) -> (usize, u64) {
        let queue = lock(&self.queue);
        (queue.alerts.len(), queue.dropped)
    }

    /// Sends what waits until `shutdown` is ready.
    pub(crate) async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()>) {
        let send = async {
            loop {
                self.filled.notified().await;
                loop {
                    let batch = lock(&self.queue).take();
                    if batch.is_empty() {
                        break;
                    }
                    self.send(&batch).await;
                }
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = send => {}
        }
    }

    async fn send(&self, batch: &[Alert]) {
        let told = Arc::clone(&lock(&self.told));
        let posts = told.others.iter().flat_map(|others| {
            let alerts: Vec<Alert> = batch.iter().filter_map(|alert| relabelled(alert.clone(), &others.alert_rules)).collect();
            let body = Arc::new(body(&alerts));
            let count = alerts.len() as u64;
            let urls = others.urls.iter().filter(move |_| count > 0);
            urls.map(move |url| self.post(url, others, Arc::clone(&body), count))
        });
        join_all(posts).await;
    }

    async fn post(&self, url: &str, others: &OtherAlertmanagers, body: Arc<Vec<u8>>, count: u64) {
        let headers = [("content-type", "application/json"), ("user-agent", concat!("cepmon/", env!("CARGO_PKG_VERSION")))];
        let request = HttpRequest { method: "POST", body: body.to_vec(), timeout: others.timeout, ..HttpRequest::get(url, &headers) };
        let problem = match self.plugins.fetch(&request, &others.http).await {
            Ok(answer) if (200..300).contains(&answer.status) => None,
            Ok(answer) => Some(format!("it answered with status {}", answer.status)),
            Err(error) => Some(error.to_string()),
        };
        if let Some(counts) = lock(&self.counts).get_mut(url) {
            counts.sent += count;
            counts.errors += if problem.is_some() { count } else { 0 };
        }
        if let Some(problem) = problem {
            tracing::warn!(alertmanager = url, alerts = count, problem, "cannot send alerts");
        }
    }
}

impl AlertSink for Forward {
    fn put_alerts(&self, alerts: Vec<Alert>) {
        let told = Arc::clone(&lock(&self.told));
        let alerts: Vec<Alert> = alerts.into_iter().filter_map(|alert| relabelled(alert, &told.rules)).collect();
        if !told.others.is_empty() && !alerts.is_empty() {
            let dropped = lock(&self.queue).put(&alerts);
            if dropped > 0 {
                tracing::warn!(dropped, "alerts for other Alertmanagers come faster than they can be sent; the oldest are dropped");
            }
            self.filled.notify_one();
        }
        self.notifier.put_alerts(alerts);
    }
}

impl Queue {
    /// Gives the number of those that had to go.
    fn put(&mut self, alerts: &[Alert]) -> usize {
        self.alerts.extend(alerts.iter().cloned());
        let surplus = self.alerts.len().saturating_sub(QUEUE_CAPACITY);
        self.alerts.drain(..surplus);
        self.dropped += surplus as u64;
        surplus
    }

    fn take(&mut self) -> Vec<Alert> {
        let count = self.alerts.len().min(BATCH);
        self.alerts.drain(..count).collect()
    }
}

/// The alert with the labels that rules leave; nothing if they drop it.
fn relabelled(mut alert: Alert, rules: &[RelabelRule]) -> Option<Alert> {
    if rules.is_empty() {
        return Some(alert);
    }
    let mut labels = alert.labels.to_builder();
    relabel(rules, &mut labels).then(|| {
        alert.labels = labels.build();
        alert
    })
}

/// `postableAlerts` of Alertmanager's API v2.
fn body(alerts: &[Alert]) -> Vec<u8> {
    let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).map_or(Value::Null, |time| Value::from(time.to_string()));
    let labels = |labels: &cepmon_model::LabelSet| labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    let alert = |alert: &Alert| {
        json!({
            "labels": Value::Object(labels(&alert.labels)),
            "annotations": Value::Object(labels(&alert.annotations)),
            "startsAt": time(alert.starts_at),
            "endsAt": time(alert.ends_at),
            "generatorURL": alert.generator_url,
        })
    };
    Value::from_iter(alerts.iter().map(alert)).to_string().into_bytes()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use cepmon_model::{LabelSet, NameScheme, RelabelEntry};

    use super::*;

    fn alert(name: &str) -> Alert {
        Alert {
            labels: LabelSet::from_pairs([("alertname", name), ("replica", "a")]),
            annotations: LabelSet::from_pairs([("summary", "Look.")]),
            starts_at: 1_700_000_000_000,
            ends_at: 1_700_000_240_500,
            generator_url: "http://c/graph".to_owned(),
            updated_at: 0,
            is_timeout: true,
        }
    }

    #[test]
    fn rules_change_and_drop_alerts() {
        let rule = |text: &str| {
            let entry: RelabelEntry = serde_json::from_str(text).unwrap();
            entry.check(NameScheme::Utf8).unwrap()
        };
        let rules = [
            rule(r#"{"action": "labeldrop", "regex": "replica"}"#),
            rule(r#"{"action": "drop", "source_labels": ["alertname"], "regex": "Quiet"}"#),
        ];
        assert_eq!(relabelled(alert("Loud"), &rules).unwrap().labels.to_string(), r#"{alertname="Loud"}"#);
        assert_eq!(relabelled(alert("Quiet"), &rules), None);
    }

    #[test]
    fn the_body_is_alertmanagers() {
        let want = json!([{
            "labels": {"alertname": "Loud", "replica": "a"},
            "annotations": {"summary": "Look."},
            "startsAt": "2023-11-14T22:13:20Z",
            "endsAt": "2023-11-14T22:17:20.5Z",
            "generatorURL": "http://c/graph",
        }]);
        assert_eq!(serde_json::from_slice::<Value>(&body(&[alert("Loud")])).unwrap(), want);
    }

    #[test]
    fn the_oldest_give_way() {
        let mut queue = Queue::default();
        assert_eq!(queue.put(&vec![alert("Old"); QUEUE_CAPACITY]), 0);
        assert_eq!(queue.put(&[alert("New"), alert("New")]), 2);
        let all: Vec<Alert> = std::iter::from_fn(|| Some(queue.take()).filter(|batch| !batch.is_empty())).flatten().collect();
        assert_eq!((all.len(), queue.dropped), (QUEUE_CAPACITY, 2));
        assert_eq!(all[QUEUE_CAPACITY - 1].labels.get("alertname"), Some("New"));
    }
}
