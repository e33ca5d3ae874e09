//! Receivers of `alertmanager.yml`: which integrations each has, with `global`'s defaults filled in.

use std::sync::Arc;

use cepmon_template::Template;

use crate::Problem;
use crate::config::{GlobalEntry, ReceiverEntry};
use crate::receiver::Receiver;
use crate::receiver::email::check_email;
use crate::receiver::pagerduty::check_pagerduty;
use crate::receiver::slack::check_slack;
use crate::receiver::webhook::check_webhook;

/// A receiver, checked.
#[derive(Debug, Clone)]
pub struct ReceiverConfig {
    /// Its name.
    pub name: String,
    /// How it is told, in order: all kinds one after the other.
    pub integrations: Vec<Integration>,
}

/// One way to tell a receiver.
#[derive(Debug, Clone)]
pub struct Integration {
    /// Its name within the receiver, such as `email[0]`.
    pub name: String,
    /// Whether the end of alerts is told too.
    pub sends_resolved: bool,
    /// Who carries the message.
    pub receiver: Arc<dyn Receiver>,
}

/// Checks one receiver. Problems of all its integrations are reported.
pub(crate) fn check_receiver(
    entry: &ReceiverEntry,
    global: &GlobalEntry,
    definitions: &Template,
    path: &str,
    problems: &mut Vec<Problem>,
) -> ReceiverConfig {
    for (key, is_set) in [
        ("discord_configs", entry.discord_configs.is_some()),
        ("msteams_configs", entry.msteams_configs.is_some()),
        ("opsgenie_configs", entry.opsgenie_configs.is_some()),
        ("pushover_configs", entry.pushover_configs.is_some()),
        ("sns_configs", entry.sns_configs.is_some()),
        ("telegram_configs", entry.telegram_configs.is_some()),
        ("victorops_configs", entry.victorops_configs.is_some()),
        ("webex_configs", entry.webex_configs.is_some()),
        ("wechat_configs", entry.wechat_configs.is_some()),
    ] {
        if is_set {
            let message =
                format!("{key} is not served yet; e-mail, webhook, Slack and PagerDuty are; remove it, or let a webhook carry it");
            problems.push(Problem::new(format!("{path}.{key}"), message));
        }
    }
    let mut integrations = Vec::new();
    for (index, email) in entry.email_configs.iter().enumerate() {
        let receiver = check_email(email, global, definitions, &format!("{path}.email_configs[{index}]"), problems);
        add(&mut integrations, "email", index, email.send_resolved.unwrap_or(false), receiver);
    }
    for (index, webhook) in entry.webhook_configs.iter().enumerate() {
        let receiver = check_webhook(webhook, global, &format!("{path}.webhook_configs[{index}]"), problems);
        add(&mut integrations, "webhook", index, webhook.send_resolved.unwrap_or(true), receiver);
    }
    for (index, slack) in entry.slack_configs.iter().enumerate() {
        let receiver = check_slack(slack, global, definitions, &format!("{path}.slack_configs[{index}]"), problems);
        add(&mut integrations, "slack", index, slack.send_resolved.unwrap_or(false), receiver);
    }
    for (index, pagerduty) in entry.pagerduty_configs.iter().enumerate() {
        let receiver = check_pagerduty(pagerduty, global, definitions, &format!("{path}.pagerduty_configs[{index}]"), problems);
        add(&mut integrations, "pagerduty", index, pagerduty.send_resolved.unwrap_or(true), receiver);
    }
    ReceiverConfig { name: entry.name.clone(), integrations }
}

fn add(integrations: &mut Vec<Integration>, kind: &str, index: usize, sends_resolved: bool, receiver: Option<impl Receiver>) {
    if let Some(receiver) = receiver {
        integrations.push(Integration { name: format!("{kind}[{index}]"), sends_resolved, receiver: Arc::new(receiver) });
    }
}
