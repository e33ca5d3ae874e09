//! Mails as they go out, and what becomes of those that cannot.

use cepmon_model::LabelSet;
use serde_json::json;

use crate::Alert;
use crate::config::AlertmanagerFile;
use crate::notify::Notification;
use crate::receiver::{Receiver, SendError};
use crate::testing::MailServer;

fn notification() -> Notification {
    let alert = Alert {
        labels: LabelSet::from_pairs([("alertname", "Disk"), ("mail", "ops@example.org")]),
        annotations: LabelSet::from_pairs([("summary", "ünder 10 %")]),
        starts_at: 1_700_000_000_000,
        ends_at: 1_800_000_000_000,
        generator_url: String::new(),
        updated_at: 0,
        is_timeout: true,
    };
    Notification {
        receiver: "r".to_owned(),
        group_key: "{}:{}".to_owned(),
        group_labels: LabelSet::from_pairs([("alertname", "Disk")]),
        alerts: vec![alert],
        at: 1_700_000_060_000,
        external_url: "http://cepmon".to_owned(),
    }
}

async fn send(address: &str, change: serde_json::Value) -> Result<(), SendError> {
    let mut email = json!({"smarthost": address, "from": "cepmon@example.org", "to": "ops@example.org", "require_tls": false});
    email.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let file = json!({"route": {"receiver": "r"}, "receivers": [{"name": "r", "email_configs": [email]}]});
    let config = serde_json::from_value::<AlertmanagerFile>(file).unwrap().check(&[]).unwrap();
    let integration = &config.receivers["r"].integrations[0];
    let receiver: &dyn Receiver = &*integration.receiver;
    receiver.send(&notification()).await
}

#[tokio::test]
async fn templates_fill_addresses_headers_and_bodies() {
    let mut server = MailServer::start().await;
    let change = json!({
        "to": "{{ (index .Alerts 0).Labels.mail }}",
        "headers": {"To": "shown@example.org", "reply-to": "team@example.org", "Subject": "{{ .CommonAnnotations.summary }}"},
        "html": "",
        "text": "{{ range .Alerts }}{{ .Labels.alertname }} since {{ .StartsAt.Format \"15:04\" }}{{ end }}",
    });
    send(&server.address, change).await.unwrap();
    let mail = server.mails.recv().await.unwrap();
    for part in [
        "MAIL FROM:<cepmon@example.org>",
        "RCPT TO:<ops@example.org>",
        "To: shown@example.org",
        "Reply-To: team@example.org",
        "Subject: =?utf-8?b?w7xuZGVy?= 10 %",
        "Date: Tue, 14 Nov 2023 22:14:20 +0000",
        "Content-Type: text/plain; charset=utf-8",
        "Disk since 22:13",
    ] {
        assert!(mail.contains(part), "no {part:?} in\n{mail}");
    }
    assert!(!mail.contains("text/html"));
}

#[tokio::test]
async fn a_label_cannot_add_headers() {
    let mut server = MailServer::start().await;
    send(&server.address, json!({"headers": {"Subject": "a\r\nBcc: evil@example.org"}})).await.unwrap();
    let mail = server.mails.recv().await.unwrap();
    assert!(!mail.lines().any(|line| line.starts_with("Bcc:")), "{mail}");
}

#[tokio::test]
async fn an_address_that_is_none_is_not_tried_again() {
    let server = MailServer::start().await;
    let error = send(&server.address, json!({"to": "{{ .CommonLabels.nobody }}"})).await.unwrap_err();
    assert!(!error.is_retryable());
    assert!(error.to_string().starts_with("cannot write the message: missing destination address"), "{error}");
}

#[tokio::test]
async fn tls_that_is_required_and_not_offered_keeps_the_mail_back() {
    let mut server = MailServer::start().await;
    let error = send(&server.address, json!({"require_tls": true})).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("STARTTLS"), "{error}");
    assert!(server.mails.try_recv().is_err());
}

#[tokio::test]
async fn a_password_comes_from_its_file_at_the_time_of_sending() {
    let mut server = MailServer::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret\n").unwrap();
    send(&server.address, json!({"auth_username": "u", "auth_password_file": file.path()})).await.unwrap();
    // AUTH PLAIN of \0u\0secret.
    assert!(server.mails.recv().await.unwrap().contains("AHUAc2VjcmV0"));
    let missing = json!({"auth_username": "u", "auth_password_file": "/nowhere/password"});
    let error = send(&server.address, missing).await.unwrap_err();
    assert!(error.to_string().contains("cannot read \"/nowhere/password\""), "{error}");
}

#[tokio::test]
async fn a_server_that_is_down_may_come_back() {
    let error = send("127.0.0.1:1", json!({})).await.unwrap_err();
    assert!(error.is_retryable());
    let text = error.to_string();
    assert!(text.starts_with("cannot reach the mail server 127.0.0.1:1: ") && text.matches("refused").count() == 1, "{text}");
}
