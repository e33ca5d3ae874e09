//! Webhook, Slack and PagerDuty against a server on loopback.

use cepmon_model::LabelSet;
use serde_json::{Value, json};

use crate::Alert;
use crate::config::AlertmanagerFile;
use crate::notify::Notification;
use crate::receiver::SendError;
use crate::testing::HttpServer;

fn notification(is_resolved: bool) -> Notification {
    let alert = |instance: &str| Alert {
        labels: LabelSet::from_pairs([("alertname", "Disk"), ("instance", instance)]),
        annotations: LabelSet::from_pairs([("summary", "full")]),
        starts_at: 1_700_000_000_000,
        ends_at: if is_resolved { 1_700_000_030_000 } else { 1_800_000_000_000 },
        generator_url: "http://cepmon/graph".to_owned(),
        updated_at: 0,
        is_timeout: true,
    };
    Notification {
        receiver: "r".to_owned(),
        group_key: "{}:{alertname=\"Disk\"}".to_owned(),
        group_labels: LabelSet::from_pairs([("alertname", "Disk")]),
        alerts: vec![alert("a"), alert("b")],
        at: 1_700_000_060_000,
        external_url: "http://cepmon".to_owned(),
    }
}

/// Sends one message through a receiver with one integration.
async fn send(integrations: Value, is_resolved: bool) -> Result<(), SendError> {
    let mut receiver = json!({"name": "r"});
    receiver.as_object_mut().unwrap().extend(integrations.as_object().unwrap().clone());
    let file = json!({"route": {"receiver": "r"}, "receivers": [receiver]});
    let config = serde_json::from_value::<AlertmanagerFile>(file).unwrap().check(&[]).unwrap();
    config.receivers["r"].integrations[0].receiver.send(&notification(is_resolved)).await
}

async fn request(server: &mut HttpServer) -> (String, Value) {
    let (head, body) = server.requests.recv().await.unwrap();
    (head, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn a_webhook_gets_alertmanagers_payload() {
    let mut server = HttpServer::start().await;
    let url = format!("http://{}/hook?a=b", server.address);
    let http_config = json!({"basic_auth": {"username": "Aladdin", "password": "open sesame"}});
    send(json!({"webhook_configs": [{"url": url, "max_alerts": 1, "http_config": http_config}]}), false).await.unwrap();
    let (head, body) = request(&mut server).await;
    assert!(head.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{head}");
    // The example of RFC 7617.
    assert!(head.contains("authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "{head}");
    let fingerprint = notification(false).alerts[0].fingerprint().to_string();
    let want = json!({
        "receiver": "r", "status": "firing", "version": "4", "groupKey": "{}:{alertname=\"Disk\"}", "truncatedAlerts": 1,
        "groupLabels": {"alertname": "Disk"}, "commonLabels": {"alertname": "Disk"}, "commonAnnotations": {"summary": "full"},
        "externalURL": "http://cepmon",
        "alerts": [{
            "status": "firing", "labels": {"alertname": "Disk", "instance": "a"}, "annotations": {"summary": "full"},
            "startsAt": "2023-11-14T22:13:20Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://cepmon/graph",
            "fingerprint": fingerprint,
        }],
    });
    assert_eq!(body, want);
}

#[tokio::test]
async fn the_status_decides_whether_to_try_again() {
    let server = HttpServer::start().await;
    let url = format!("http://{}/secret-path", server.address);
    for (answer, is_retryable) in [("503 busy", true), ("429 later", true), ("404 gone", false), ("301 moved", false)] {
        answer.clone_into(&mut server.answer.lock().unwrap());
        let error = send(json!({"webhook_configs": [{"url": url}]}), false).await.unwrap_err();
        assert_eq!(error.is_retryable(), is_retryable, "{error}");
        assert!(error.to_string().contains(answer) && !error.to_string().contains("secret-path"), "{error}");
    }
    let error = send(json!({"webhook_configs": [{"url": "ftp://example.org"}]}), false).await.unwrap_err();
    assert!(!error.is_retryable(), "{error}");
    let error = send(json!({"webhook_configs": [{"url": "http://127.0.0.1:1"}]}), false).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
}

#[tokio::test]
async fn slack_gets_one_attachment() {
    let mut server = HttpServer::start().await;
    let slack = json!({
        "api_url": format!("http://{}/services/T/B", server.address),
        "channel": "#{{ .GroupLabels.alertname }}",
        "text": "{{ range .Alerts }}{{ .Labels.instance }} {{ end }}",
        "fields": [{"title": "severity", "value": "{{ .Status }}", "short": true}],
    });
    send(json!({"slack_configs": [slack]}), false).await.unwrap();
    let (_, body) = request(&mut server).await;
    assert_eq!((&body["channel"], &body["username"]), (&json!("#Disk"), &json!("cepmon")));
    let attachment = &body["attachments"][0];
    assert_eq!(attachment["title"], "[FIRING:2] Disk ");
    assert_eq!((&attachment["color"], &attachment["text"]), (&json!("danger"), &json!("a b ")));
    assert_eq!(attachment["fields"], json!([{"title": "severity", "value": "firing", "short": true}]));
    assert_eq!(attachment.get("pretext"), None, "empty parts are left out");
    send(json!({"slack_configs": [slack]}), true).await.unwrap();
    assert_eq!(request(&mut server).await.1["attachments"][0]["color"], "good");
}

#[tokio::test]
async fn pagerduty_gets_an_event_for_each_kind_of_key() {
    let mut server = HttpServer::start().await;
    let url = format!("http://{}/", server.address);
    send(json!({"pagerduty_configs": [{"routing_key": "R", "url": url, "severity": "critical", "details": {"who": "ops"}}]}), false)
        .await
        .unwrap();
    let (_, event) = request(&mut server).await;
    assert_eq!((&event["routing_key"], &event["event_action"]), (&json!("R"), &json!("trigger")));
    let payload = &event["payload"];
    assert_eq!((&payload["severity"], &payload["source"]), (&json!("critical"), &json!("cepmon")));
    assert_eq!((&payload["custom_details"]["who"], &payload["custom_details"]["num_firing"]), (&json!("ops"), &json!("2")));
    let key = event["dedup_key"].as_str().unwrap().to_owned();
    assert!(key.len() == 64, "a SHA-256 in hex");
    send(json!({"pagerduty_configs": [{"service_key": "S", "url": url}]}), true).await.unwrap();
    let (_, event) = request(&mut server).await;
    assert_eq!((&event["service_key"], &event["event_type"]), (&json!("S"), &json!("resolve")));
    assert_eq!(event["incident_key"], key, "the same group is the same incident");
}
