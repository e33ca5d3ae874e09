//! Receivers of `alertmanager.yml`: which integrations each has, with `global`'s defaults filled in.

use std::sync::Arc;

use cepmon_template::Template;

use crate::Problem;
use crate::config::{EmailEntry, GlobalEntry, ReceiverEntry};
use crate::receiver::Receiver;
use crate::receiver::email::check_email;

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
        ("webhook_configs", entry.webhook_configs.is_some()),
        ("slack_configs", entry.slack_configs.is_some()),
        ("pagerduty_configs", entry.pagerduty_configs.is_some()),
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
                format!("{key} is not served yet; this version notifies by email_configs only, so remove it or keep Alertmanager for it");
            problems.push(Problem::new(format!("{path}.{key}"), message));
        }
    }
    let integration = |(index, email): (usize, &EmailEntry)| {
        let path = format!("{path}.email_configs[{index}]");
        let receiver = check_email(email, global, definitions, &path, problems)?;
        let sends_resolved = email.send_resolved.unwrap_or(false);
        Some(Integration { name: format!("email[{index}]"), sends_resolved, receiver: Arc::new(receiver) })
    };
    let integrations = entry.email_configs.iter().enumerate().filter_map(integration).collect();
    ReceiverConfig { name: entry.name.clone(), integrations }
}
