//! One alert from end to end: a rule file, an `alertmanager.yml`, a mail when it fires, a mail when it is over, and everything of it
//! by SQL.

use cepmon_tests::{Answer, Host, HostSettings, Mailbox, PATIENCE, Reply, Target, wait_for, wait_until};
use serde_json::{Value, json};

const RULES: &str = "\
groups:
- name: shop
  rules:
  - alert: QueueTooLong
    expr: shop_queue_length > 10
    for: 2s
    labels: {severity: page}
    annotations: {summary: 'queue of {{ $labels.instance }} is {{ $value }}'}
";

fn host(target: &Target, mailbox: &Mailbox) -> Host {
    HostSettings::new()
        .config(&format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s}}\n\
             scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{}']}}]}}]\n\
             rule_files: [rules.yml]\n\
             alerting: {{config_file: alertmanager.yml}}\n",
            target.address()
        ))
        .file("rules.yml", RULES)
        .file(
            "alertmanager.yml",
            &format!(
                "global: {{smtp_smarthost: '{}', smtp_from: cepmon@shop.example, smtp_require_tls: false}}\n\
                 route: {{receiver: oncall, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}\n\
                 receivers: [{{name: oncall, email_configs: [{{to: oncall@shop.example, send_resolved: true}}]}}]\n",
                mailbox.address()
            ),
        )
        .start()
}

#[test]
fn a_mail_goes_out_when_an_alert_fires_and_when_it_is_over() {
    let (target, mailbox) = (Target::page("shop_queue_length 3\n"), Mailbox::start());
    // The server's first answer is "try again later".
    mailbox.refuse_next(1);
    let host = host(&target, &mailbox);
    host.wait_for_count("SELECT count(*) FROM metrics.shop_queue_length", 2, PATIENCE);
    assert_eq!(host.count("SELECT count(*) FROM alerts"), 0);

    target.answer(Answer::Page("shop_queue_length 12.5\n".to_owned()));
    let firing = mailbox.wait_for(1, PATIENCE).remove(0);
    assert_eq!((firing.from.as_str(), firing.to.as_slice()), ("cepmon@shop.example", ["oncall@shop.example".to_owned()].as_slice()));
    assert_eq!(firing.header("to").unwrap(), "oncall@shop.example");
    let subject = firing.header("subject").unwrap();
    assert!(subject.starts_with("[FIRING:1] QueueTooLong"), "{subject}");
    assert!(firing.text.contains(&format!("queue of {} is 12.5", target.address())), "{}", firing.text);

    target.answer(Answer::Page("shop_queue_length 9\n".to_owned()));
    let resolved = mailbox.wait_for(2, PATIENCE).remove(1);
    let subject = resolved.header("subject").unwrap();
    assert!(subject.starts_with("[RESOLVED] QueueTooLong"), "{subject}");

    // Both changes and every attempt can be read back.
    let told = "SELECT count(*) FROM notifications WHERE status = 'ok'";
    wait_until("the record of the second mail", PATIENCE, || host.count(told) == 2);
    let changes = host.sql("SELECT alertname, labels['severity'], state_from, state_to, rule_group FROM alerts ORDER BY ts");
    let change = |from: &str, to: &str| format!("QueueTooLong|page|{from}|{to}|shop");
    assert_eq!(changes.lines(), [change("inactive", "pending"), change("pending", "firing"), change("firing", "inactive")]);
    let summary = host.value("SELECT annotations['summary'] FROM alerts WHERE state_to = 'firing'").unwrap();
    assert_eq!(summary, format!("queue of {} is 12.5", target.address()));
    let waited = "SELECT CAST(max(ts) AS BIGINT) - CAST(min(ts) AS BIGINT) AS ms FROM alerts WHERE state_to <> 'inactive'";
    let waited: u64 = host.value(waited).unwrap().parse().unwrap();
    assert!(waited >= 2_000, "it fired {waited} ms after it was pending, `for` is 2 s");
    let attempts = host.sql("SELECT receiver, integration, status, attempt, alerts, state, error FROM notifications ORDER BY ts, attempt");
    let attempts = attempts.lines();
    assert_eq!(attempts.len(), 3, "{attempts:?}");
    assert!(attempts[0].starts_with("oncall|email[0]|retry|1|1|firing|") && attempts[0].contains("451"), "{attempts:?}");
    assert_eq!(attempts[1..], ["oncall|email[0]|ok|2|1|firing|", "oncall|email[0]|ok|1|1|resolved|"]);
    assert_eq!(mailbox.mails().len(), 2, "each state is told once");
    assert_eq!(host.own_metric("cepmon_notifications_total"), 2.0);
    assert_eq!(host.own_metric("cepmon_notification_failures_total"), 1.0);

    // What the alert looked like, as Prometheus keeps it.
    let states = host.sql("SELECT DISTINCT alertstate FROM metrics.ALERTS ORDER BY alertstate");
    assert_eq!(states.column("alertstate"), ["firing", "pending"]);
}

#[test]
fn a_restart_tells_nothing_twice_and_forgets_nothing() {
    let (target, mailbox) = (Target::page("shop_queue_length 30\n"), Mailbox::start());
    let mut host = host(&target, &mailbox);
    mailbox.wait_for(1, PATIENCE);
    wait_until("the record of the mail", PATIENCE, || host.count("SELECT count(*) FROM notifications WHERE status = 'ok'") == 1);

    host.kill();
    host.start_again();
    // Several evaluations and group intervals pass; the alert fires on, and that was told.
    let evaluations = || host.own_metric("cepmon_rule_evaluations_total");
    wait_until("ten evaluations", PATIENCE, || evaluations() >= 10.0);
    assert_eq!(mailbox.mails().len(), 1);

    target.answer(Answer::Page("shop_queue_length 0\n".to_owned()));
    let mails = mailbox.wait_for(2, PATIENCE);
    assert!(mails[1].header("subject").unwrap().starts_with("[RESOLVED] QueueTooLong"), "{mails:?}");
}

#[test]
fn other_alertmanagers_are_told_with_relabelled_alerts() {
    let (target, theirs) = (Target::page("shop_queue_length 12\n"), Target::replying(|_| Reply::new("", "")));
    let config = format!(
        "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s, rule_query_offset: 1s, external_labels: {{replica: a, site: eu}}}}\n\
         scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{}']}}]}}]\n\
         rule_files: [rules.yml]\n\
         alerting:\n  alert_relabel_configs: [{{action: labeldrop, regex: replica}}]\n\
         \u{20} alertmanagers: [{{path_prefix: /am/, basic_auth: {{username: ann, password: x}}, static_configs: [{{targets: ['{}']}}]}}]\n",
        target.address(),
        theirs.address(),
    );
    let host = HostSettings::new().config(&config).file("rules.yml", RULES).start();
    let alert = wait_for("an alert", PATIENCE, || {
        let alerts: Value = serde_json::from_slice(&theirs.last_body()).ok()?;
        alerts.get(0).cloned()
    });
    let head = theirs.last_head();
    assert!(head.starts_with("POST /am/api/v2/alerts ") && head.to_lowercase().contains("authorization: basic "), "{head}");
    let labels = json!({"alertname": "QueueTooLong", "instance": target.address(), "job": "shop", "severity": "page", "site": "eu"});
    assert_eq!(alert["labels"], labels);
    assert!(alert["annotations"]["summary"].as_str().unwrap().ends_with("is 12"), "{alert}");
    let url = format!("http://{}/am/api/v2/alerts", theirs.address());
    let told = host.get("/api/v1/alertmanagers").json();
    assert_eq!(told["data"]["activeAlertmanagers"], json!([{"url": url}]));
    let sent = format!("prometheus_notifications_sent_total{{alertmanager=\"{url}\"}}");
    assert!(host.get("/metrics").text().contains(&sent));
}
