//! How the host makes HTTP requests on behalf of a job: credentials, TLS, proxy. The host adds them to a guest's request when it goes to
//! the call's own target; no guest ever sees them.

use std::path::PathBuf;

use cepmon_model::Secret;

/// Everything that a request takes beyond its address. Files are read for each request, so that they may change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpOptions {
    /// Header `Authorization`.
    pub authorization: HttpAuthorization,
    /// How TLS is spoken.
    pub tls: HttpTls,
    /// The proxy in between.
    pub proxy: Option<HttpProxy>,
    /// More headers, in order; they win over the guest's.
    pub headers: Vec<(String, SecretText)>,
    /// Whether redirects are followed.
    pub follows_redirects: bool,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self { authorization: HttpAuthorization::None, tls: HttpTls::default(), proxy: None, headers: Vec::new(), follows_redirects: true }
    }
}

/// A text from the configuration, or from a file whose last line end is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretText {
    /// As it was written.
    Value(Secret),
    /// In this file.
    File(PathBuf),
}

/// Header `Authorization`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HttpAuthorization {
    /// None.
    None,
    /// User and password.
    Basic {
        /// The user.
        username: SecretText,
        /// The password.
        password: SecretText,
    },
    /// A word and a token: `Bearer …`.
    Token {
        /// The word.
        kind: String,
        /// The token.
        credentials: SecretText,
    },
    /// A token that is fetched first.
    OAuth2(Box<OAuth2>),
}

/// A token for client credentials (RFC 6749, section 4.4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OAuth2 {
    /// The client's name.
    pub client_id: String,
    /// Its password.
    pub client_secret: SecretText,
    /// What the token is to allow.
    pub scopes: Vec<String>,
    /// Where tokens are given.
    pub token_url: String,
    /// More parameters of the request.
    pub parameters: Vec<(String, String)>,
    /// How TLS is spoken there.
    pub tls: HttpTls,
    /// The proxy in between.
    pub proxy: Option<HttpProxy>,
}

/// How TLS is spoken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct HttpTls {
    /// PEM roots instead of the system's.
    pub ca: Option<SecretText>,
    /// PEM chain and PEM key that the other side may ask for.
    pub identity: Option<(SecretText, SecretText)>,
    /// Name to verify and to send instead of the host.
    pub server_name: Option<String>,
    /// Takes any certificate.
    pub skips_verification: bool,
    /// Only TLS 1.3.
    pub needs_tls13: bool,
    /// Only TLS 1.2.
    pub forbids_tls13: bool,
}

/// A proxy that speaks HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpProxy {
    /// Where it is; may hold a user and a password.
    pub url: Secret,
    /// Hosts that are reached without it: names with all below them, addresses, networks, `*`.
    pub excepted: Vec<String>,
    /// Headers for the proxy when it opens a tunnel.
    pub headers: Vec<(String, Secret)>,
}
