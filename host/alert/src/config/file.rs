//! `alertmanager.yml` as it is written (Alertmanager 0.26). Keys that Alertmanager knows and cepmon cannot serve yet are listed too, so
//! that the check can refuse them by name.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::Secret;
use crate::config::{HttpEntry, PagerdutyEntry, SlackEntry, Unserved, WebhookEntry};

/// The document.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertmanagerFile {
    /// Defaults for all receivers.
    #[serde(default)]
    pub global: GlobalEntry,
    /// Globs of template files.
    #[serde(default)]
    pub templates: Vec<String>,
    /// The root of the route tree.
    pub route: Option<RouteEntry>,
    /// Who can be notified.
    #[serde(default)]
    pub receivers: Vec<ReceiverEntry>,
    /// Alerts that silence others.
    #[serde(default)]
    pub inhibit_rules: Vec<InhibitRuleEntry>,
    /// Named times.
    #[serde(default)]
    pub time_intervals: Vec<TimeIntervalEntry>,
    /// The old name of `time_intervals`.
    #[serde(default)]
    pub mute_time_intervals: Vec<TimeIntervalEntry>,
}

/// Defaults for all receivers.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalEntry {
    /// When an alert without an end is taken as resolved; 5m.
    pub resolve_timeout: Option<String>,
    /// Sender of mails.
    pub smtp_from: Option<String>,
    /// Name that the client says in EHLO; localhost.
    pub smtp_hello: Option<String>,
    /// `host:port` of the mail server. Port 465 means TLS from the first byte.
    pub smtp_smarthost: Option<String>,
    /// User name.
    pub smtp_auth_username: Option<String>,
    /// Password.
    pub smtp_auth_password: Option<Secret>,
    /// A file that holds the password.
    pub smtp_auth_password_file: Option<String>,
    /// Secret of CRAM-MD5.
    pub smtp_auth_secret: Option<Secret>,
    /// Identity of PLAIN.
    pub smtp_auth_identity: Option<String>,
    /// Whether a connection without TLS is refused; true.
    pub smtp_require_tls: Option<bool>,
    /// Slack's address; used by slack receivers.
    pub slack_api_url: Option<Secret>,
    /// A file that holds Slack's address.
    pub slack_api_url_file: Option<String>,
    /// PagerDuty's address.
    pub pagerduty_url: Option<String>,
    /// HTTP settings of receivers that have none of their own.
    pub http_config: Option<HttpEntry>,
    /// OpsGenie's address.
    pub opsgenie_api_url: Option<String>,
    /// OpsGenie's key.
    pub opsgenie_api_key: Option<Secret>,
    /// A file that holds OpsGenie's key.
    pub opsgenie_api_key_file: Option<String>,
    /// WeChat's address.
    pub wechat_api_url: Option<String>,
    /// WeChat's secret.
    pub wechat_api_secret: Option<Secret>,
    /// WeChat's corporation.
    pub wechat_api_corp_id: Option<String>,
    /// VictorOps's address.
    pub victorops_api_url: Option<String>,
    /// VictorOps's key.
    pub victorops_api_key: Option<Secret>,
    /// A file that holds VictorOps's key.
    pub victorops_api_key_file: Option<String>,
    /// Telegram's address.
    pub telegram_api_url: Option<String>,
    /// Webex's address.
    pub webex_api_url: Option<String>,
}

/// A node of the route tree.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteEntry {
    /// Who is notified; inherited.
    pub receiver: Option<String>,
    /// Labels by which alerts are grouped, `...` = all; inherited.
    pub group_by: Option<Vec<String>>,
    /// Whether later siblings are tried too.
    #[serde(rename = "continue", default)]
    pub is_continue: bool,
    /// Labels that must be equal (old spelling).
    #[serde(rename = "match")]
    pub equal: Option<BTreeMap<String, String>>,
    /// Labels that must match (old spelling).
    pub match_re: Option<BTreeMap<String, String>>,
    /// Conditions such as `severity="critical"`.
    pub matchers: Option<Vec<String>>,
    /// How long a new group waits for more alerts; 30s, inherited.
    pub group_wait: Option<String>,
    /// How long a group waits before it tells of changes; 5m, inherited.
    pub group_interval: Option<String>,
    /// How long before an unchanged group is told again; 4h, inherited.
    pub repeat_interval: Option<String>,
    /// Names of times in which nothing is sent.
    pub mute_time_intervals: Option<Vec<String>>,
    /// Names of times outside which nothing is sent.
    pub active_time_intervals: Option<Vec<String>>,
    /// Children, tried in order.
    #[serde(default)]
    pub routes: Vec<RouteEntry>,
}

/// Someone who can be notified, by any number of integrations.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverEntry {
    /// Its name, once a file.
    #[serde(default)]
    pub name: String,
    /// Mails.
    #[serde(default)]
    pub email_configs: Vec<EmailEntry>,
    /// Webhooks.
    #[serde(default)]
    pub webhook_configs: Vec<WebhookEntry>,
    /// Slack channels.
    #[serde(default)]
    pub slack_configs: Vec<SlackEntry>,
    /// PagerDuty services.
    #[serde(default)]
    pub pagerduty_configs: Vec<PagerdutyEntry>,
    /// Not served yet.
    pub discord_configs: Option<Vec<IgnoredAny>>,
    /// Not served yet.
    pub msteams_configs: Option<Vec<IgnoredAny>>,
    /// Not served yet.
    pub opsgenie_configs: Option<Vec<IgnoredAny>>,
    /// Not served yet.
    pub pushover_configs: Option<Vec<IgnoredAny>>,
    /// Not served yet.
    pub sns_configs: Option<Vec<IgnoredAny>>,
    /// Not served yet.
    pub telegram_configs: Option<Vec<IgnoredAny>>,
    /// Not served yet.
    pub victorops_configs: Option<Vec<IgnoredAny>>,
    /// Not served yet.
    pub webex_configs: Option<Vec<IgnoredAny>>,
    /// Not served yet.
    pub wechat_configs: Option<Vec<IgnoredAny>>,
}

/// A mail integration. What is not given comes from `global`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailEntry {
    /// Whether the end of alerts is told too; false.
    pub send_resolved: Option<bool>,
    /// Addresses, separated by commas; a template.
    pub to: Option<String>,
    /// Sender; a template.
    pub from: Option<String>,
    /// `host:port` of the mail server.
    pub smarthost: Option<String>,
    /// Name that the client says in EHLO.
    pub hello: Option<String>,
    /// User name.
    pub auth_username: Option<String>,
    /// Password.
    pub auth_password: Option<Secret>,
    /// A file that holds the password.
    pub auth_password_file: Option<String>,
    /// Secret of CRAM-MD5.
    pub auth_secret: Option<Secret>,
    /// Identity of PLAIN.
    pub auth_identity: Option<String>,
    /// More headers, as templates; `Subject`, `From` and `To` replace the defaults.
    pub headers: Option<BTreeMap<String, String>>,
    /// The HTML body; a template.
    pub html: Option<String>,
    /// The text body; a template.
    pub text: Option<String>,
    /// Whether a connection without TLS is refused.
    pub require_tls: Option<bool>,
    /// TLS settings.
    pub tls_config: Option<TlsEntry>,
}

/// How a TLS connection is checked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsEntry {
    /// A file of certificates to trust, in PEM, besides the system's.
    pub ca_file: Option<String>,
    /// Whether any certificate is taken. For tests only.
    #[serde(default)]
    pub insecure_skip_verify: bool,
    /// The name that the certificate must have; the host's name if not given.
    pub server_name: Option<String>,
    /// Not served yet.
    pub ca: Option<Unserved>,
    /// Not served yet.
    pub cert: Option<Unserved>,
    /// Not served yet.
    pub key: Option<Unserved>,
    /// Not served yet.
    pub cert_file: Option<Unserved>,
    /// Not served yet.
    pub key_file: Option<Unserved>,
    /// Not served yet.
    pub min_version: Option<Unserved>,
    /// Not served yet.
    pub max_version: Option<Unserved>,
}

/// While a source alert fires, its targets are not told of.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InhibitRuleEntry {
    /// Labels of sources that must be equal (old spelling).
    pub source_match: Option<BTreeMap<String, String>>,
    /// Labels of sources that must match (old spelling).
    pub source_match_re: Option<BTreeMap<String, String>>,
    /// Conditions on sources.
    pub source_matchers: Option<Vec<String>>,
    /// Labels of targets that must be equal (old spelling).
    pub target_match: Option<BTreeMap<String, String>>,
    /// Labels of targets that must match (old spelling).
    pub target_match_re: Option<BTreeMap<String, String>>,
    /// Conditions on targets.
    pub target_matchers: Option<Vec<String>>,
    /// Labels that source and target must share.
    #[serde(default)]
    pub equal: Vec<String>,
}

/// A named set of times.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeIntervalEntry {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Any of these.
    #[serde(default)]
    pub time_intervals: Vec<TimesEntry>,
}

/// Times that satisfy every condition given.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimesEntry {
    /// Spans of the day.
    pub times: Option<Vec<TimeRangeEntry>>,
    /// Days or ranges of days such as `monday:friday`.
    pub weekdays: Option<Vec<String>>,
    /// Days such as `1:5`; negative ones count from the end of the month.
    pub days_of_month: Option<Vec<String>>,
    /// Months by name or number.
    pub months: Option<Vec<String>>,
    /// Years such as `2024:2026`.
    pub years: Option<Vec<String>>,
    /// The time zone; UTC.
    pub location: Option<String>,
}

/// A span of the day, end excluded.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRangeEntry {
    /// First minute, `HH:MM`.
    #[serde(default)]
    pub start_time: String,
    /// The minute after the last, `HH:MM`, up to 24:00.
    #[serde(default)]
    pub end_time: String,
}
