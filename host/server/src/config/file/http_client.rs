//! How a request is made, as Prometheus's files write it: keys that stand beside others in a job, a discovery or a remote.

use std::collections::BTreeMap;

use cepmon_model::Secret;
use serde::Deserialize;

/// Credentials, TLS and proxy of requests.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct HttpClientSection {
    /// User and password.
    pub basic_auth: Option<BasicAuthSection>,
    /// A header `Authorization`.
    pub authorization: Option<AuthorizationSection>,
    /// A token that is fetched with client credentials.
    pub oauth2: Option<OAuth2Section>,
    /// A header `Authorization: Bearer …`.
    pub bearer_token: Option<Secret>,
    /// A file that holds the token.
    pub bearer_token_file: Option<String>,
    /// How TLS is verified.
    pub tls_config: Option<TlsSection>,
    /// Whether redirects are followed; true.
    pub follow_redirects: Option<bool>,
    /// HTTP/1.1 is spoken whatever this says.
    pub enable_http2: Option<bool>,
    /// Proxy.
    #[serde(rename = "<proxy>")]
    pub proxy: ProxySection,
    /// More headers.
    pub http_headers: BTreeMap<String, HttpHeaderSection>,
}

/// Which proxy is used.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct ProxySection {
    /// The proxy.
    pub proxy_url: Option<String>,
    /// Hosts that are reached without it, with commas between.
    pub no_proxy: Option<String>,
    /// Not served: what a job does stands in its file.
    pub proxy_from_environment: bool,
    /// Headers for the proxy, when it opens a tunnel.
    pub proxy_connect_header: BTreeMap<String, Vec<Secret>>,
}

/// `basic_auth:`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct BasicAuthSection {
    /// The user.
    pub username: Option<String>,
    /// A file that holds the user.
    pub username_file: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// A file that holds the password.
    pub password_file: Option<String>,
}

/// `authorization:`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct AuthorizationSection {
    /// First word of the header; Bearer.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its second word.
    pub credentials: Option<Secret>,
    /// A file that holds the second word.
    pub credentials_file: Option<String>,
}

/// `oauth2:`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct OAuth2Section {
    /// The client's name.
    pub client_id: String,
    /// The client's password.
    pub client_secret: Option<Secret>,
    /// A file that holds the password.
    pub client_secret_file: Option<String>,
    /// What the token is to allow.
    pub scopes: Vec<String>,
    /// Where tokens are given.
    pub token_url: String,
    /// More parameters of the request.
    pub endpoint_params: BTreeMap<String, String>,
    /// How the token's server is verified.
    pub tls_config: Option<TlsSection>,
    /// How the token's server is reached.
    #[serde(rename = "<proxy>")]
    pub proxy: ProxySection,
}

/// `tls_config:`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct TlsSection {
    /// PEM roots instead of the system's.
    pub ca: Option<String>,
    /// PEM certificate of this client.
    pub cert: Option<String>,
    /// PEM key of this client.
    pub key: Option<Secret>,
    /// A file of roots.
    pub ca_file: Option<String>,
    /// A file with this client's certificate.
    pub cert_file: Option<String>,
    /// A file with this client's key.
    pub key_file: Option<String>,
    /// Name to verify and to send.
    pub server_name: Option<String>,
    /// Takes any certificate.
    pub insecure_skip_verify: bool,
    /// Oldest version: TLS10 to TLS13.
    pub min_version: Option<String>,
    /// Newest version: TLS10 to TLS13.
    pub max_version: Option<String>,
}

/// One of `http_headers:`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct HttpHeaderSection {
    /// Values.
    pub values: Vec<String>,
    /// Values that are not shown.
    pub secrets: Vec<Secret>,
    /// Files that hold values.
    pub files: Vec<String>,
}

impl HttpClientSection {
    /// Its keys, for those who read it beside their own.
    pub(in crate::config) const KEYS: [&'static str; 13] = [
        "basic_auth",
        "authorization",
        "oauth2",
        "bearer_token",
        "bearer_token_file",
        "tls_config",
        "follow_redirects",
        "enable_http2",
        "proxy_url",
        "no_proxy",
        "proxy_from_environment",
        "proxy_connect_header",
        "http_headers",
    ];
}
