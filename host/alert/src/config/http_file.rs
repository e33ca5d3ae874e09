//! Receivers that speak HTTP, as `alertmanager.yml` writes them (Alertmanager 0.26): `webhook_configs`, `slack_configs`,
//! `pagerduty_configs`, and the `http_config` that they share.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::Secret;
use crate::config::TlsEntry;

/// How requests are made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpEntry {
    /// User and password.
    pub basic_auth: Option<BasicAuthEntry>,
    /// A header `Authorization`.
    pub authorization: Option<AuthorizationEntry>,
    /// How TLS is checked.
    pub tls_config: Option<TlsEntry>,
    /// Only `false` is served: redirects of a POST are never followed.
    pub follow_redirects: Option<bool>,
    /// Not served yet.
    pub oauth2: Option<Unserved>,
    /// Not served yet.
    pub proxy_url: Option<Unserved>,
    /// Not served yet.
    pub no_proxy: Option<Unserved>,
    /// Not served yet.
    pub proxy_from_environment: Option<Unserved>,
    /// Not served yet.
    pub proxy_connect_header: Option<Unserved>,
    /// Not served yet: HTTP/1.1 is spoken.
    pub enable_http2: Option<Unserved>,
    /// Not served; use `authorization`.
    pub bearer_token: Option<Unserved>,
    /// Not served; use `authorization`.
    pub bearer_token_file: Option<Unserved>,
}

/// A key that is known, read and refused by the check.
#[derive(Debug, Clone)]
pub struct Unserved;

impl<'de> Deserialize<'de> for Unserved {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|IgnoredAny| Self)
    }
}

/// User and password.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuthEntry {
    /// The user.
    #[serde(default)]
    pub username: String,
    /// The password.
    pub password: Option<Secret>,
    /// A file that holds the password.
    pub password_file: Option<String>,
}

/// A header `Authorization`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationEntry {
    /// Its first word; Bearer.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its second word.
    pub credentials: Option<Secret>,
    /// A file that holds the second word.
    pub credentials_file: Option<String>,
}

/// A webhook.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookEntry {
    /// Whether the end of alerts is told too; true.
    pub send_resolved: Option<bool>,
    /// How requests are made.
    pub http_config: Option<HttpEntry>,
    /// Where to.
    pub url: Option<Secret>,
    /// A file that holds the address.
    pub url_file: Option<String>,
    /// How many alerts one message holds at most; 0 = all.
    #[serde(default)]
    pub max_alerts: usize,
}

/// A Slack channel.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackEntry {
    /// Whether the end of alerts is told too; false.
    pub send_resolved: Option<bool>,
    /// How requests are made.
    pub http_config: Option<HttpEntry>,
    /// The address of the incoming webhook; `global.slack_api_url` if not given.
    pub api_url: Option<Secret>,
    /// A file that holds the address.
    pub api_url_file: Option<String>,
    /// The channel; a template, as everything below.
    pub channel: Option<String>,
    /// Who speaks.
    pub username: Option<String>,
    /// The bar's colour.
    pub color: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// Where the title leads.
    pub title_link: Option<String>,
    /// What stands above.
    pub pretext: Option<String>,
    /// The text.
    pub text: Option<String>,
    /// The footer.
    pub footer: Option<String>,
    /// The text for those who see no attachments.
    pub fallback: Option<String>,
    /// An identity for actions.
    pub callback_id: Option<String>,
    /// An emoji as picture.
    pub icon_emoji: Option<String>,
    /// A picture.
    pub icon_url: Option<String>,
    /// A picture in the message.
    pub image_url: Option<String>,
    /// A small picture in the message.
    pub thumb_url: Option<String>,
    /// Whether names become links.
    #[serde(default)]
    pub link_names: bool,
    /// Whether fields without `short` stand side by side.
    #[serde(default)]
    pub short_fields: bool,
    /// Which parts are Markdown.
    pub mrkdwn_in: Option<Vec<String>>,
    /// Fields below the text.
    #[serde(default)]
    pub fields: Vec<SlackFieldEntry>,
    /// Not served yet.
    pub actions: Option<Unserved>,
}

/// A field below the text of a Slack message.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlackFieldEntry {
    /// Its title; a template.
    #[serde(default)]
    pub title: String,
    /// Its value; a template.
    #[serde(default)]
    pub value: String,
    /// Whether it stands beside the next one.
    pub short: Option<bool>,
}

/// A PagerDuty service: `routing_key` (Events API v2) or `service_key` (v1).
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerdutyEntry {
    /// Whether the end of alerts is told too; true.
    pub send_resolved: Option<bool>,
    /// How requests are made.
    pub http_config: Option<HttpEntry>,
    /// The key of API v1.
    pub service_key: Option<Secret>,
    /// A file that holds the key of API v1.
    pub service_key_file: Option<String>,
    /// The key of API v2.
    pub routing_key: Option<Secret>,
    /// A file that holds the key of API v2.
    pub routing_key_file: Option<String>,
    /// Where to; `global.pagerduty_url` if not given.
    pub url: Option<String>,
    /// The name of this system; a template, as everything below.
    pub client: Option<String>,
    /// A link to this system.
    pub client_url: Option<String>,
    /// What happened.
    pub description: Option<String>,
    /// How bad it is; error.
    pub severity: Option<String>,
    /// Where it happened; the client if not given.
    pub source: Option<String>,
    /// The kind of event.
    #[serde(rename = "class")]
    pub class: Option<String>,
    /// The part that is affected.
    pub component: Option<String>,
    /// The cluster of parts.
    pub group: Option<String>,
    /// More facts, beside the defaults `firing`, `resolved`, `num_firing` and `num_resolved`.
    #[serde(default)]
    pub details: BTreeMap<String, String>,
    /// Not served yet.
    pub images: Option<Unserved>,
    /// Not served yet.
    pub links: Option<Unserved>,
}
