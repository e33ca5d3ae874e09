//! Credentials, TLS, proxy and headers of requests: what excludes what, as Prometheus checks it (2.48 and 3).

use std::path::Path;

use cepmon_model::Secret;
use cepmon_plugin::{HttpAuthorization, HttpOptions, HttpProxy, HttpTls, OAuth2, SecretText};
use url::Url;

use super::Checker;
use crate::config::file::{AuthorizationSection, BasicAuthSection, HttpClientSection, OAuth2Section, ProxySection, TlsSection};
use crate::config::problem::Problem;
use crate::config::read::read;
use crate::config::yaml::{Node, Value};

/// Headers that a request sets itself; others would contradict them.
const RESERVED_HEADERS: [&str; 13] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
];
const MORE_RESERVED_HEADERS: [&str; 5] = [
    "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

impl Checker<'_> {
    /// The options that stand at `path`.
    pub(super) fn http_client(&mut self, section: &HttpClientSection, path: &str, base_dir: &Path) -> HttpOptions {
        HttpOptions {
            authorization: self.authorization(section, path, base_dir),
            tls: section.tls_config.as_ref().map(|tls| self.tls(tls, &join(path, "tls_config"), base_dir)).unwrap_or_default(),
            proxy: self.proxy(&section.proxy, path),
            headers: self.http_headers(section, path, base_dir),
            follows_redirects: section.follow_redirects.unwrap_or(true),
        }
    }

    fn authorization(&mut self, section: &HttpClientSection, path: &str, base_dir: &Path) -> HttpAuthorization {
        let given = [
            ("basic_auth", section.basic_auth.is_some()),
            ("authorization", section.authorization.is_some()),
            ("oauth2", section.oauth2.is_some()),
            ("bearer_token", section.bearer_token.is_some()),
            ("bearer_token_file", section.bearer_token_file.is_some()),
        ];
        let given: Vec<_> = given.into_iter().filter_map(|(key, is_given)| is_given.then_some(key)).collect();
        if let [first, second, ..] = given[..] {
            self.problem(&join(path, second), &format!("{first} is given already; one of the two is to go"));
        }
        if let Some(basic) = &section.basic_auth {
            return self.basic(basic, &join(path, "basic_auth"), base_dir);
        }
        if let Some(authorization) = &section.authorization {
            return self.token(authorization, &join(path, "authorization"), base_dir);
        }
        if let Some(oauth2) = &section.oauth2 {
            return HttpAuthorization::OAuth2(Box::new(self.oauth2(oauth2, &join(path, "oauth2"), base_dir)));
        }
        let credentials = match (&section.bearer_token, &section.bearer_token_file) {
            (Some(token), _) => SecretText::Value(token.clone()),
            (None, Some(file)) => SecretText::File(base_dir.join(file)),
            (None, None) => return HttpAuthorization::None,
        };
        HttpAuthorization::Token { kind: "Bearer".to_owned(), credentials }
    }

    fn basic(&mut self, section: &BasicAuthSection, path: &str, base_dir: &Path) -> HttpAuthorization {
        let username = section.username.as_ref().map(Secret::new);
        let username = self.value_or_file(username.as_ref(), section.username_file.as_deref(), path, "username", base_dir);
        let password = self.value_or_file(section.password.as_ref(), section.password_file.as_deref(), path, "password", base_dir);
        let empty = || SecretText::Value(Secret::default());
        HttpAuthorization::Basic { username: username.unwrap_or_else(empty), password: password.unwrap_or_else(empty) }
    }

    fn token(&mut self, section: &AuthorizationSection, path: &str, base_dir: &Path) -> HttpAuthorization {
        let kind = section.kind.as_deref().map(str::trim).filter(|kind| !kind.is_empty()).unwrap_or("Bearer");
        if kind.eq_ignore_ascii_case("basic") {
            self.problem(&join(path, "type"), "basic authentication has a key of its own: basic_auth");
        }
        let (value, file) = (section.credentials.as_ref(), section.credentials_file.as_deref());
        match self.value_or_file(value, file, path, "credentials", base_dir) {
            Some(credentials) => HttpAuthorization::Token { kind: kind.to_owned(), credentials },
            None => HttpAuthorization::None,
        }
    }

    fn oauth2(&mut self, section: &OAuth2Section, path: &str, base_dir: &Path) -> OAuth2 {
        for (key, value) in [("client_id", &section.client_id), ("token_url", &section.token_url)] {
            if value.is_empty() {
                self.problem(path, &format!("oauth2 needs {key}"));
            }
        }
        if let Some(problem) = web_address_problem(&section.token_url).filter(|_| !section.token_url.is_empty()) {
            self.problem(&join(path, "token_url"), &problem);
        }
        let (value, file) = (section.client_secret.as_ref(), section.client_secret_file.as_deref());
        let secret = self.value_or_file(value, file, path, "client_secret", base_dir);
        OAuth2 {
            client_id: section.client_id.clone(),
            client_secret: secret.unwrap_or_else(|| SecretText::Value(Secret::default())),
            scopes: section.scopes.clone(),
            token_url: section.token_url.clone(),
            parameters: section.endpoint_params.clone().into_iter().collect(),
            tls: section.tls_config.as_ref().map(|tls| self.tls(tls, &join(path, "tls_config"), base_dir)).unwrap_or_default(),
            proxy: self.proxy(&section.proxy, path),
        }
    }

    /// `key` or `key_file`, not both.
    fn value_or_file(&mut self, value: Option<&Secret>, file: Option<&str>, path: &str, key: &str, base_dir: &Path) -> Option<SecretText> {
        let value = value.filter(|value| !value.reveal().is_empty());
        match (value, file) {
            (Some(_), Some(_)) => {
                self.problem(&join(path, &format!("{key}_file")), &format!("{key} is given already; one of the two is to go"));
                None
            }
            (Some(value), None) => Some(SecretText::Value(value.clone())),
            (None, Some(file)) => Some(SecretText::File(base_dir.join(file))),
            (None, None) => None,
        }
    }

    /// Files are read when a connection is made, so that certificates may be renewed.
    pub(super) fn tls(&mut self, section: &TlsSection, path: &str, base_dir: &Path) -> HttpTls {
        let text = |value: &Option<String>| value.as_ref().map(Secret::new);
        let ca = self.value_or_file(text(&section.ca).as_ref(), section.ca_file.as_deref(), path, "ca", base_dir);
        let cert = self.value_or_file(text(&section.cert).as_ref(), section.cert_file.as_deref(), path, "cert", base_dir);
        let key = self.value_or_file(section.key.as_ref(), section.key_file.as_deref(), path, "key", base_dir);
        let identity = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => {
                self.problem(path, "a certificate of this client needs both cert and key (or their files)");
                None
            }
        };
        let [oldest, newest] = [("min_version", &section.min_version), ("max_version", &section.max_version)].map(|(name, version)| {
            const VERSIONS: [&str; 4] = ["TLS10", "TLS11", "TLS12", "TLS13"];
            let found = version.as_ref().map(|version| VERSIONS.iter().position(|known| known == version));
            if found == Some(None) {
                self.problem(&join(path, name), "wanted TLS10, TLS11, TLS12 or TLS13");
            }
            found.flatten()
        });
        if newest.is_some_and(|newest| newest < 2) {
            self.problem(&join(path, "max_version"), "TLS before 1.2 is not spoken here; wanted TLS12 or TLS13");
        }
        if oldest.zip(newest).is_some_and(|(oldest, newest)| oldest > newest) {
            self.problem(&join(path, "min_version"), "the oldest version is newer than the newest");
        }
        HttpTls {
            ca,
            identity,
            server_name: section.server_name.clone().filter(|name| !name.is_empty()),
            skips_verification: section.insecure_skip_verify,
            needs_tls13: oldest == Some(3),
            forbids_tls13: newest == Some(2),
        }
    }

    fn proxy(&mut self, section: &ProxySection, path: &str) -> Option<HttpProxy> {
        let url = section.proxy_url.as_deref().filter(|url| !url.is_empty());
        if section.proxy_from_environment {
            match (url, &section.no_proxy) {
                (Some(_), _) => self.problem(&join(path, "proxy_from_environment"), "proxy_url is given already; one of the two is to go"),
                (None, Some(_)) => self.problem(&join(path, "no_proxy"), "no_proxy goes with proxy_url, not with proxy_from_environment"),
                (None, None) => self
                    .warn(&join(path, "proxy_from_environment"), "proxies of the environment are not used; write the proxy as proxy_url"),
            }
        } else if url.is_none() && section.no_proxy.as_ref().is_some_and(|hosts| !hosts.is_empty()) {
            self.problem(&join(path, "no_proxy"), "no_proxy needs a proxy_url");
        }
        if url.is_none() && !section.proxy_from_environment && !section.proxy_connect_header.is_empty() {
            self.problem(&join(path, "proxy_connect_header"), "headers for a proxy need a proxy_url");
        }
        let url = url?;
        match Url::parse(url) {
            Ok(parsed) if parsed.scheme() == "http" && parsed.has_host() => {}
            Ok(parsed) if parsed.scheme() == "https" || parsed.scheme().starts_with("socks") => {
                self.problem(&join(path, "proxy_url"), "only proxies that speak plain HTTP are served: http://host:port");
            }
            _ => self.problem(&join(path, "proxy_url"), &format!("\"{url}\" is no address; wanted http://host:port")),
        }
        let excepted = section.no_proxy.iter().flat_map(|hosts| hosts.split(',')).map(str::trim).filter(|host| !host.is_empty());
        let headers =
            section.proxy_connect_header.iter().flat_map(|(name, values)| values.iter().map(|value| (name.clone(), value.clone())));
        Some(HttpProxy { url: Secret::new(url), excepted: excepted.map(str::to_owned).collect(), headers: headers.collect() })
    }

    fn http_headers(&mut self, section: &HttpClientSection, path: &str, base_dir: &Path) -> Vec<(String, SecretText)> {
        let mut headers = Vec::new();
        for (name, values) in &section.http_headers {
            self.reserved_header(name, &format!("{path}.http_headers.{name}"));
            let plain = values.values.iter().map(|value| SecretText::Value(Secret::new(value)));
            let secrets = values.secrets.iter().map(|value| SecretText::Value(value.clone()));
            let files = values.files.iter().map(|file| SecretText::File(base_dir.join(file)));
            headers.extend(plain.chain(secrets).chain(files).map(|value| (name.clone(), value)));
        }
        headers
    }

    /// Refuses a header that requests set themselves.
    pub(super) fn reserved_header(&mut self, name: &str, path: &str) {
        let name = name.to_ascii_lowercase();
        if RESERVED_HEADERS.contains(&name.as_str()) || MORE_RESERVED_HEADERS.contains(&name.as_str()) {
            self.problem(path, &format!("the header \"{name}\" is set by the request itself; remove it"));
        }
    }
}

/// What is wrong with the keys of an HTTP client that stand among others.
pub(in crate::config) fn http_client_problems(node: &Node, problems: &mut Vec<Problem>) {
    let Value::Mapping(entries) = &node.value else { return };
    let own = entries.iter().filter(|(key, _)| HttpClientSection::KEYS.contains(&key.text.as_str())).cloned().collect();
    let own = Node { position: node.position, value: Value::Mapping(own) };
    match read::<HttpClientSection>(&own, problems) {
        Ok(section) => {
            let mut checker = Checker { root: &own, problems, warnings: Vec::new() };
            checker.http_client(&section, "", Path::new(""));
        }
        Err(problem) => problems.push(problem),
    }
}

/// What is wrong with an address that must be `http://` or `https://` with a host.
pub(in crate::config) fn web_address_problem(text: &str) -> Option<String> {
    match Url::parse(text) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => Some(format!("the address \"{text}\" must begin with http:// or https://")),
        Ok(url) if url.has_host() => None,
        Err(url::ParseError::EmptyHost) | Ok(_) => Some(format!("the address \"{text}\" has no host")),
        Err(_) => Some(format!("\"{text}\" is no address; wanted http://host or https://host")),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
