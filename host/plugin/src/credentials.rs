//! What the host adds to a request, made ready for it: headers with secrets from files, tokens of OAuth 2, TLS.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use url::form_urlencoded;

use crate::capability::network::tls::{Protocol, TlsChoice};
use crate::fetch::{HttpRequest, fetch};
use crate::http_options::{HttpAuthorization, HttpOptions, HttpTls, OAuth2, SecretText};

/// A token is fetched anew so long before its end.
const EARLY: Duration = Duration::from_secs(10);
/// A token that says nothing of its end.
const DEFAULT_LIFE: Duration = Duration::from_secs(3600);
/// Different clients whose tokens are kept; more are fetched each time.
const MAX_TOKENS: usize = 1_000;
const TOKEN_TIME: Duration = Duration::from_secs(10);
const MAX_TOKEN_BYTES: usize = 1 << 20;

/// Tokens that were fetched, until they end.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<HashMap<OAuth2, (HeaderValue, Instant)>>);

impl HttpOptions {
    /// Headers to add. An error says which file or token is not to be had.
    pub(crate) async fn headers(&self, tokens: &Tokens) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("\"{name}\" is no name of a header"))?;
            headers.append(name, secret_value(&value.read().await?)?);
        }
        let authorization = match &self.authorization {
            HttpAuthorization::None => return Ok(headers),
            HttpAuthorization::Basic { username, password } => {
                let user = format!("{}:{}", username.read().await?, password.read().await?);
                secret_value(&format!("Basic {}", BASE64_STANDARD.encode(user)))?
            }
            HttpAuthorization::Token { kind, credentials } => secret_value(&format!("{kind} {}", credentials.read().await?))?,
            HttpAuthorization::OAuth2(client) => tokens.get(client).await?,
        };
        headers.insert(AUTHORIZATION, authorization);
        Ok(headers)
    }
}

impl SecretText {
    async fn read(&self) -> Result<String, String> {
        match self {
            Self::Value(secret) => Ok(secret.reveal().to_owned()),
            Self::File(path) => match tokio::fs::read_to_string(path).await {
                Ok(text) => Ok(text.trim().to_owned()),
                Err(error) => Err(format!("cannot read \"{}\": {error}", path.display())),
            },
        }
    }
}

impl HttpTls {
    pub(crate) async fn choice(&self, host: &str) -> Result<TlsChoice, String> {
        let mut choice = TlsChoice::plain(self.server_name.as_deref().unwrap_or(host), Protocol::Http);
        choice.verify = !self.skips_verification;
        if let Some(ca) = &self.ca {
            choice.ca_pem = Some(ca.read().await?.into_bytes());
        }
        if let Some((certificate, key)) = &self.identity {
            choice.identity = Some((certificate.read().await?.into_bytes(), key.read().await?.into_bytes()));
        }
        choice.only_tls13 = self.needs_tls13;
        choice.only_tls12 = self.forbids_tls13;
        Ok(choice)
    }
}

/// The answer of a token's server (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
}

impl Tokens {
    async fn get(&self, client: &OAuth2) -> Result<HeaderValue, String> {
        let now = Instant::now();
        if let Some((token, end)) = crate::lock_mutex(&self.0).get(client)
            && *end > now
        {
            return Ok(token.clone());
        }
        let (token, life) = ask(client).await?;
        let mut tokens = crate::lock_mutex(&self.0);
        tokens.retain(|_, (_, end)| *end > now);
        if tokens.len() < MAX_TOKENS {
            tokens.insert(client.clone(), (token.clone(), now + life.saturating_sub(EARLY)));
        }
        Ok(token)
    }
}

/// The client's name and password go into the header `Authorization`, as every server has to take them.
async fn ask(client: &OAuth2) -> Result<(HeaderValue, Duration), String> {
    let fail = |problem: String| format!("cannot get a token from \"{}\": {problem}", client.token_url);
    let escaped = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let user = format!("{}:{}", escaped(&client.client_id), escaped(&client.client_secret.read().await?));
    let scopes = client.scopes.join(" ");
    let scope = (!scopes.is_empty()).then_some(("scope", scopes.as_str()));
    let parameters = client.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let pairs = [("grant_type", "client_credentials")].into_iter().chain(scope).chain(parameters);
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let authorization = format!("Basic {}", BASE64_STANDARD.encode(user));
    let headers =
        [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", &authorization), ("Accept", "application/json")];
    let request = HttpRequest {
        method: "POST",
        body: form.into_bytes(),
        max_body_bytes: MAX_TOKEN_BYTES,
        timeout: TOKEN_TIME,
        ..HttpRequest::get(&client.token_url, &headers)
    };
    let options = HttpOptions { tls: client.tls.clone(), proxy: client.proxy.clone(), ..HttpOptions::default() };
    let answer = Box::pin(fetch(&request, &options, HeaderMap::new())).await.map_err(|error| fail(error.to_string()))?;
    if !(200..300).contains(&answer.status) {
        return Err(fail(format!("the server answered with status {}", answer.status)));
    }
    let token: TokenAnswer = serde_json::from_slice(&answer.body).map_err(|error| fail(format!("the answer holds no token: {error}")))?;
    let kind = match token.token_type.as_deref() {
        None | Some("") => "Bearer",
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => "Bearer",
        Some(kind) => kind,
    };
    // Some servers write the number as a text.
    let seconds = token.expires_in.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    Ok((secret_value(&format!("{kind} {}", token.access_token))?, seconds.map_or(DEFAULT_LIFE, Duration::from_secs)))
}

fn secret_value(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text).map_err(|_| "a secret holds characters that no header may".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}
