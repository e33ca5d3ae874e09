//! E-mail over SMTP: STARTTLS, TLS from the first byte on port 465, or none where `require_tls: false` says so (Alertmanager 0.26).

use std::time::{Duration, UNIX_EPOCH};
use std::{fmt, fs};

use cepmon_template::{Escape, Template};
use futures::FutureExt;
use futures::future::BoxFuture;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, Message, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use crate::config::{EmailEntry, GlobalEntry, TlsEntry};
use crate::notify::Notification;
use crate::receiver::secret_source::SecretSource;
use crate::receiver::{Receiver, SendError};
use crate::{BoxError, Problem};

/// Real time, not the clock's: how long one SMTP command may take, and the whole conversation.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
const CONVERSATION_TIMEOUT: Duration = Duration::from_secs(60);
/// The port on which TLS starts with the first byte.
const IMPLICIT_TLS_PORT: u16 = 465;

/// Sends mails through one server.
#[derive(Debug, Clone)]
pub struct EmailReceiver {
    host: String,
    port: u16,
    hello: String,
    tls: TlsMode,
    /// User and password. A file is read before each mail, so that it can be changed without a reload.
    login: Option<(String, SecretSource)>,
    from: Template,
    to: Template,
    /// Names and templates; `Subject` is always there.
    headers: Vec<(String, Template)>,
    text: Option<Template>,
    html: Option<Template>,
}

#[derive(Clone)]
enum TlsMode {
    /// From the first byte.
    Implicit(TlsParameters),
    /// By STARTTLS; a server that does not offer it gets nothing.
    StartTls(TlsParameters),
    None,
}

impl fmt::Debug for TlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Implicit(_) => "Implicit",
            Self::StartTls(_) => "StartTls",
            Self::None => "None",
        })
    }
}

/// The receiver behind an entry of `email_configs`, with `global`'s defaults.
pub(crate) fn check_email(
    entry: &EmailEntry,
    global: &GlobalEntry,
    definitions: &Template,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<EmailReceiver> {
    let before = problems.len();
    let mut template = |key: &str, text: &str| {
        let parsed = definitions.parse_with(key, text);
        parsed.map_err(|error| problems.push(Problem::new(format!("{path}.{key}"), error))).ok()
    };
    let from = entry.from.as_ref().or(global.smtp_from.as_ref()).map(|text| template("from", text));
    let to = entry.to.as_ref().filter(|to| !to.is_empty()).map(|text| template("to", text));
    let text = template("text", entry.text.as_deref().unwrap_or("{{ template \"email.default.text\" . }}"));
    let html = template("html", entry.html.as_deref().unwrap_or("{{ template \"email.default.html\" . }}"));
    let mut headers = Vec::new();
    for (name, value) in entry.headers.iter().flatten() {
        let name = canonical(name);
        if let Some(value) = template("headers", value) {
            headers.push((name, value));
        }
    }
    if !headers.iter().any(|(name, _)| name == "Subject") {
        headers.extend(template("headers", "{{ template \"email.default.subject\" . }}").map(|subject| ("Subject".to_owned(), subject)));
    }
    for (index, (name, _)) in headers.iter().enumerate() {
        if headers[..index].iter().any(|(earlier, _)| earlier == name) {
            problems.push(Problem::new(format!("{path}.headers"), format!("the header \"{name}\" stands there twice")));
        }
        if HeaderName::new_from_ascii(name.clone()).is_err() {
            problems.push(Problem::new(format!("{path}.headers"), format!("\"{name}\" is not a header name")));
        }
    }
    if from.is_none() {
        problems.push(Problem::new(path, "there is no sender; set from here or global.smtp_from"));
    }
    if to.is_none() {
        problems.push(Problem::new(path, "there is no address; set to"));
    }
    let (host, port) = check_smarthost(entry, global, path, problems).unwrap_or_default();
    let login = check_login(entry, global, path, problems);
    let requires_tls = entry.require_tls.or(global.smtp_require_tls).unwrap_or(true);
    let tls = match (port, requires_tls) {
        (IMPLICIT_TLS_PORT, _) => check_tls(entry.tls_config.as_ref(), &host, path, problems).map(TlsMode::Implicit),
        (_, true) => check_tls(entry.tls_config.as_ref(), &host, path, problems).map(TlsMode::StartTls),
        (_, false) => Some(TlsMode::None),
    };
    if problems.len() > before {
        return None;
    }
    let hello = entry.hello.clone().or_else(|| global.smtp_hello.clone()).unwrap_or_else(|| "localhost".to_owned());
    Some(EmailReceiver { host, port, hello, tls: tls?, login, from: from??, to: to??, headers, text, html })
}

fn check_smarthost(entry: &EmailEntry, global: &GlobalEntry, path: &str, problems: &mut Vec<Problem>) -> Option<(String, u16)> {
    let Some(smarthost) = entry.smarthost.as_ref().or(global.smtp_smarthost.as_ref()).filter(|smarthost| !smarthost.is_empty()) else {
        problems.push(Problem::new(path, "there is no mail server; set smarthost here or global.smtp_smarthost"));
        return None;
    };
    let parts = smarthost.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() && port > 0 => Some((host.trim_matches(['[', ']']).to_owned(), port)),
        _ => {
            problems
                .push(Problem::new(format!("{path}.smarthost"), format!("\"{smarthost}\" is not host:port, such as smtp.example.org:587")));
            None
        }
    }
}

fn check_login(entry: &EmailEntry, global: &GlobalEntry, path: &str, problems: &mut Vec<Problem>) -> Option<(String, SecretSource)> {
    if entry.auth_secret.is_some() || global.smtp_auth_secret.is_some() {
        problems.push(Problem::new(path, "CRAM-MD5 (auth_secret) is not served; use auth_password, which goes over TLS"));
    }
    let username = entry.auth_username.as_ref().or(global.smtp_auth_username.as_ref()).filter(|name| !name.is_empty())?;
    let identity = entry.auth_identity.as_ref().or(global.smtp_auth_identity.as_ref()).filter(|identity| !identity.is_empty());
    if identity.is_some_and(|identity| identity != username) {
        problems
            .push(Problem::new(format!("{path}.auth_identity"), "an identity that differs from auth_username is not served; remove it"));
    }
    let keys = ["auth_password", "auth_password_file"];
    let own = SecretSource::check(entry.auth_password.as_ref(), entry.auth_password_file.as_ref(), keys, path, problems);
    // What stands at the integration wins as a pair, so that a file does not meet a global password.
    let password = own.or_else(|| {
        let (value, file) = (global.smtp_auth_password.as_ref(), global.smtp_auth_password_file.as_ref());
        SecretSource::check(value, file, ["smtp_auth_password", "smtp_auth_password_file"], "global", problems)
    });
    if password.is_none() {
        problems.push(Problem::new(path, "auth_username has no password; set auth_password or auth_password_file"));
    }
    Some((username.clone(), password?))
}

fn check_tls(entry: Option<&TlsEntry>, host: &str, path: &str, problems: &mut Vec<Problem>) -> Option<TlsParameters> {
    let path = format!("{path}.tls_config");
    let default = TlsEntry::default();
    let entry = entry.unwrap_or(&default);
    for (key, is_set) in [
        ("ca", entry.ca.is_some()),
        ("cert", entry.cert.is_some()),
        ("key", entry.key.is_some()),
        ("cert_file", entry.cert_file.is_some()),
        ("key_file", entry.key_file.is_some()),
        ("min_version", entry.min_version.is_some()),
        ("max_version", entry.max_version.is_some()),
    ] {
        if is_set {
            problems.push(Problem::new(
                format!("{path}.{key}"),
                format!("{key} is not served yet; ca_file, server_name and insecure_skip_verify are"),
            ));
        }
    }
    if host.is_empty() {
        return None;
    }
    let name = entry.server_name.clone().unwrap_or_else(|| host.to_owned());
    let mut builder = TlsParameters::builder(name).dangerous_accept_invalid_certs(entry.insecure_skip_verify);
    if let Some(file) = &entry.ca_file {
        let certificate = fs::read(file).map_err(|error| error.to_string());
        match certificate.and_then(|pem| Certificate::from_pem(&pem).map_err(|error| error.to_string())) {
            Ok(certificate) => builder = builder.add_root_certificate(certificate),
            Err(error) => {
                problems.push(Problem::new(format!("{path}.ca_file"), format!("cannot read the certificates of \"{file}\": {error}")))
            }
        }
    }
    builder.build_rustls().map_err(|error| problems.push(Problem::new(&path, error))).ok()
}

impl Receiver for EmailReceiver {
    fn send<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Result<(), SendError>> {
        self.deliver(notification).boxed()
    }
}

impl EmailReceiver {
    async fn deliver(&self, notification: &Notification) -> Result<(), SendError> {
        let message = self.message(notification).map_err(|source| SendError::Unwritable { source })?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port)
            .timeout(Some(COMMAND_TIMEOUT))
            .hello_name(ClientId::Domain(self.hello.clone()))
            .tls(match &self.tls {
                TlsMode::Implicit(parameters) => Tls::Wrapper(parameters.clone()),
                TlsMode::StartTls(parameters) => Tls::Required(parameters.clone()),
                TlsMode::None => Tls::None,
            });
        if let Some((username, password)) = &self.login {
            builder = builder.credentials(Credentials::new(username.clone(), password.read().await?));
        }
        let to = format!("the mail server {}:{}", self.host, self.port);
        let transport = builder.build();
        match tokio::time::timeout(CONVERSATION_TIMEOUT, transport.send(message)).await {
            Err(_) => Err(SendError::Unreachable { to, source: format!("no end after {} s", CONVERSATION_TIMEOUT.as_secs()).into() }),
            Ok(Err(source)) if source.is_permanent() => Err(SendError::Refused { to, source: source.into() }),
            Ok(Err(source)) => Err(SendError::Unreachable { to, source: source.into() }),
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// The mail: headers and both bodies from their templates, dated by the notification.
    fn message(&self, notification: &Notification) -> Result<Message, BoxError> {
        let expand = |template: &Template, escape| notification.expand(template, escape);
        let from: Mailbox =
            expand(&self.from, Escape::None)?.trim().parse().map_err(|error| format!("the sender is no address: {error}"))?;
        let to: Mailboxes = expand(&self.to, Escape::None)?.trim().parse().map_err(|error| format!("to holds no addresses: {error}"))?;
        let date = UNIX_EPOCH + Duration::from_millis(u64::try_from(notification.at).unwrap_or_default());
        let mut builder = Message::builder().from(from).date(date).message_id(None);
        for mailbox in to {
            builder = builder.to(mailbox);
        }
        let mut bodies = Vec::new();
        if let Some(text) = self.text.as_ref().map(|text| expand(text, Escape::None)).transpose()?
            && !text.is_empty()
        {
            bodies.push(SinglePart::plain(text));
        }
        if let Some(html) = self.html.as_ref().map(|html| expand(html, Escape::Html)).transpose()?
            && !html.is_empty()
        {
            bodies.push(SinglePart::html(html));
        }
        let mut bodies = bodies.into_iter();
        let mut message = match (bodies.next(), bodies.next()) {
            (Some(text), Some(html)) => builder.multipart(MultiPart::alternative().singlepart(text).singlepart(html))?,
            (Some(only), None) => builder.singlepart(only)?,
            _ => builder.body(String::new())?,
        };
        // After the envelope is made, so that a header `To` changes what is shown and not who is told, as in Alertmanager.
        for (name, template) in &self.headers {
            let value = expand(template, Escape::None)?;
            let one_line = value.replace(['\r', '\n'], " ");
            let name = HeaderName::new_from_ascii(name.clone()).map_err(|error| format!("the header \"{name}\": {error}"))?;
            message.headers_mut().insert_raw(HeaderValue::new(name, one_line.trim().to_owned()));
        }
        Ok(message)
    }
}

/// `reply-to` as `Reply-To`, as Go's `textproto` spells headers.
fn canonical(name: &str) -> String {
    let part = |part: &str| {
        let lower = part.to_ascii_lowercase();
        let mut characters = lower.chars();
        characters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + characters.as_str())
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests;
