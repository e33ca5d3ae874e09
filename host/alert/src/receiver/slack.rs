//! Slack: one attachment through an incoming webhook (Alertmanager 0.26). Buttons (`actions`) are not here yet.

use cepmon_template::{Escape, Template};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::Problem;
use crate::config::{GlobalEntry, SlackEntry};
use crate::notify::Notification;
use crate::receiver::http::HttpClient;
use crate::receiver::secret_source::SecretSource;
use crate::receiver::{Receiver, SendError};

/// Slack cuts titles itself, but refuses messages with longer ones now and then; Alertmanager cuts here.
const MAX_TITLE_CHARS: usize = 1024;

/// Posts to one channel.
#[derive(Debug, Clone)]
pub struct SlackReceiver {
    client: HttpClient,
    url: SecretSource,
    channel: Option<Template>,
    username: Template,
    icon_emoji: Template,
    icon_url: Template,
    link_names: bool,
    /// Parts of the attachment: Slack's name and the template.
    parts: Vec<(&'static str, Template)>,
    fields: Vec<(Template, Template, bool)>,
    mrkdwn_in: Vec<String>,
}

/// The receiver behind an entry of `slack_configs`.
pub(crate) fn check_slack(
    entry: &SlackEntry,
    global: &GlobalEntry,
    definitions: &Template,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<SlackReceiver> {
    let keys = ["api_url", "api_url_file"];
    let own = SecretSource::check(entry.api_url.as_ref(), entry.api_url_file.as_ref(), keys, path, problems);
    let global_keys = ["slack_api_url", "slack_api_url_file"];
    let (value, file) = (global.slack_api_url.as_ref(), global.slack_api_url_file.as_ref());
    let url = own.or_else(|| SecretSource::check(value, file, global_keys, "global", problems));
    if url.is_none() {
        problems.push(Problem::new(path, "there is no address; set api_url here or global.slack_api_url"));
    }
    if entry.actions.is_some() {
        problems.push(Problem::new(format!("{path}.actions"), "actions are not served yet; remove them"));
    }
    let client = HttpClient::check(entry.http_config.as_ref(), global.http_config.as_ref(), path, problems);
    let mut template = |key: &str, text: Option<&String>, default: &str| {
        let parsed = definitions.parse_with(key, text.map_or(default, String::as_str));
        parsed.map_err(|error| problems.push(Problem::new(format!("{path}.{key}"), error))).ok()
    };
    let channel = entry.channel.as_ref().map(|channel| template("channel", Some(channel), ""));
    let username = template("username", entry.username.as_ref(), "{{ template \"slack.default.username\" . }}");
    let icon_emoji = template("icon_emoji", entry.icon_emoji.as_ref(), "{{ template \"slack.default.iconemoji\" . }}");
    let icon_url = template("icon_url", entry.icon_url.as_ref(), "{{ template \"slack.default.iconurl\" . }}");
    let mut parts = Vec::new();
    for (name, text, default) in [
        ("title", &entry.title, "{{ template \"slack.default.title\" . }}"),
        ("title_link", &entry.title_link, "{{ template \"slack.default.titlelink\" . }}"),
        ("pretext", &entry.pretext, "{{ template \"slack.default.pretext\" . }}"),
        ("text", &entry.text, "{{ template \"slack.default.text\" . }}"),
        ("fallback", &entry.fallback, "{{ template \"slack.default.fallback\" . }}"),
        ("callback_id", &entry.callback_id, "{{ template \"slack.default.callbackid\" . }}"),
        ("color", &entry.color, "{{ if eq .Status \"firing\" }}danger{{ else }}good{{ end }}"),
        ("footer", &entry.footer, "{{ template \"slack.default.footer\" . }}"),
        ("image_url", &entry.image_url, ""),
        ("thumb_url", &entry.thumb_url, ""),
    ] {
        parts.extend(template(name, text.as_ref(), default).map(|template| (name, template)));
    }
    let mut fields = Vec::new();
    for field in &entry.fields {
        let title = template("fields", Some(&field.title), "");
        let value = template("fields", Some(&field.value), "");
        fields.extend(title.zip(value).map(|(title, value)| (title, value, field.short.unwrap_or(entry.short_fields))));
    }
    let default_mrkdwn = || ["fallback", "pretext", "text"].map(str::to_owned).to_vec();
    Some(SlackReceiver {
        client: client?,
        url: url?,
        channel: match channel {
            None => None,
            Some(channel) => Some(channel?),
        },
        username: username?,
        icon_emoji: icon_emoji?,
        icon_url: icon_url?,
        link_names: entry.link_names,
        parts,
        fields,
        mrkdwn_in: entry.mrkdwn_in.clone().unwrap_or_else(default_mrkdwn),
    })
}

impl Receiver for SlackReceiver {
    fn send<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Result<(), SendError>> {
        self.deliver(notification).boxed()
    }
}

impl SlackReceiver {
    async fn deliver(&self, notification: &Notification) -> Result<(), SendError> {
        let url = self.url.read().await?;
        let message = self.message(notification).map_err(|error| SendError::Unwritable { source: error.into() })?;
        let answer = self.client.post("Slack", &url, message.to_string()).await?;
        answer.map_or(Ok(()), |answer| {
            let is_busy = answer.is_busy();
            Err(answer.into_error("Slack", is_busy))
        })
    }

    /// The message without parts that are empty, as Go's `omitempty` leaves them out.
    fn message(&self, notification: &Notification) -> Result<Value, cepmon_template::Error> {
        let expand = |template: &Template| notification.expand(template, Escape::None);
        let mut attachment = Map::new();
        for (name, template) in &self.parts {
            let mut text = expand(template)?;
            if *name == "title" && text.chars().count() > MAX_TITLE_CHARS {
                text = text.chars().take(MAX_TITLE_CHARS - 1).chain(['…']).collect();
            }
            put(&mut attachment, name, text);
        }
        let mut fields = Vec::new();
        for (title, value, is_short) in &self.fields {
            fields.push(json!({"title": expand(title)?, "value": expand(value)?, "short": is_short}));
        }
        if !fields.is_empty() {
            attachment.insert("fields".to_owned(), Value::Array(fields));
        }
        attachment.insert("mrkdwn_in".to_owned(), json!(self.mrkdwn_in));
        let mut message = Map::new();
        if let Some(channel) = &self.channel {
            put(&mut message, "channel", expand(channel)?);
        }
        put(&mut message, "username", expand(&self.username)?);
        put(&mut message, "icon_emoji", expand(&self.icon_emoji)?);
        put(&mut message, "icon_url", expand(&self.icon_url)?);
        if self.link_names {
            message.insert("link_names".to_owned(), Value::Bool(true));
        }
        message.insert("attachments".to_owned(), json!([attachment]));
        Ok(Value::Object(message))
    }
}

fn put(fields: &mut Map<String, Value>, name: &str, text: String) {
    if !text.is_empty() {
        fields.insert(name.to_owned(), Value::String(text));
    }
}
