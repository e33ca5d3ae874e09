//! One POST of a JSON text: a connection, a request, an answer of bounded size. It follows no redirects, keeps no connections and uses
//! no proxies.

use std::fmt;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::{HttpEntry, TlsEntry};
use crate::receiver::SendError;
use crate::receiver::secret_source::SecretSource;
use crate::{BoxError, Problem, Secret};

/// Real time, not the clock's: how long a whole exchange may take.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of an answer is read; it is only ever shown in an error.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// How much of an answer stands in an error.
const MAX_SHOWN_CHARS: usize = 200;

/// How requests are made.
#[derive(Clone)]
pub(crate) struct HttpClient {
    tls: Arc<ClientConfig>,
    server_name: Option<String>,
    authorization: Authorization,
}

#[derive(Debug, Clone)]
enum Authorization {
    None,
    Basic(String, SecretSource),
    Token(String, SecretSource),
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("authorization", &self.authorization).finish_non_exhaustive()
    }
}

/// An answer with a status that is no success.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl HttpClient {
    /// The client behind an `http_config`; the receiver's own replaces the global one as a whole, as in Alertmanager.
    pub(crate) fn check(own: Option<&HttpEntry>, global: Option<&HttpEntry>, path: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let path = if own.is_some() { format!("{path}.http_config") } else { "global.http_config".to_owned() };
        let default = HttpEntry::default();
        let entry = own.or(global).unwrap_or(&default);
        for (key, is_set) in [
            ("oauth2", entry.oauth2.is_some()),
            ("proxy_url", entry.proxy_url.is_some()),
            ("no_proxy", entry.no_proxy.is_some()),
            ("proxy_from_environment", entry.proxy_from_environment.is_some()),
            ("proxy_connect_header", entry.proxy_connect_header.is_some()),
            ("enable_http2", entry.enable_http2.is_some()),
            ("bearer_token", entry.bearer_token.is_some()),
            ("bearer_token_file", entry.bearer_token_file.is_some()),
            ("follow_redirects", entry.follow_redirects == Some(true)),
        ] {
            if is_set {
                let message = format!("{key} is not served; basic_auth, authorization and tls_config are");
                problems.push(Problem::new(format!("{path}.{key}"), message));
            }
        }
        let authorization = match (&entry.basic_auth, &entry.authorization) {
            (Some(_), Some(_)) => {
                problems.push(Problem::new(&path, "basic_auth and authorization exclude each other"));
                Authorization::None
            }
            (Some(basic), None) => {
                let keys = ["password", "password_file"];
                let password = SecretSource::check(basic.password.as_ref(), basic.password_file.as_ref(), keys, &path, problems);
                Authorization::Basic(basic.username.clone(), password.unwrap_or(SecretSource::Given(Secret::default())))
            }
            (None, Some(authorization)) => {
                let kind = authorization.kind.clone().unwrap_or_else(|| "Bearer".to_owned());
                let (value, file) = (authorization.credentials.as_ref(), authorization.credentials_file.as_ref());
                match SecretSource::check(value, file, ["credentials", "credentials_file"], &path, problems) {
                    Some(credentials) => Authorization::Token(kind, credentials),
                    None => {
                        problems.push(Problem::new(&path, "authorization needs credentials or credentials_file"));
                        Authorization::None
                    }
                }
            }
            (None, None) => Authorization::None,
        };
        let tls_entry = entry.tls_config.clone().unwrap_or_default();
        let tls = check_tls(&tls_entry, &format!("{path}.tls_config"), problems)?;
        Some(Self { tls: Arc::new(tls), server_name: tls_entry.server_name, authorization })
    }

    /// Posts a JSON text. `to` names the other side in errors, because addresses may hold secrets. A status that is no success
    /// comes back as an answer: its meaning differs from service to service.
    pub(crate) async fn post(&self, to: &str, url: &str, body: String) -> Result<Option<Answer>, SendError> {
        let unreachable = |source: BoxError| SendError::Unreachable { to: to.to_owned(), source };
        match tokio::time::timeout(EXCHANGE_TIMEOUT, self.exchange(url, body)).await {
            Err(_) => Err(unreachable(format!("no answer within {} s", EXCHANGE_TIMEOUT.as_secs()).into())),
            Ok(Err(ExchangeError::Address(problem))) => Err(SendError::Unwritable { source: problem.into() }),
            Ok(Err(ExchangeError::Secret(error))) => Err(error),
            Ok(Err(ExchangeError::Network(source))) => Err(unreachable(source)),
            Ok(Ok(answer)) => Ok(Some(answer).filter(|answer| !(200..300).contains(&answer.status))),
        }
    }

    async fn exchange(&self, url: &str, body: String) -> Result<Answer, ExchangeError> {
        let uri: Uri = url.parse().map_err(|_| ExchangeError::Address("the address is no URL"))?;
        let host = uri.host().ok_or(ExchangeError::Address("the address has no host"))?.trim_matches(['[', ']']).to_owned();
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(ExchangeError::Address("the address must begin with http:// or https://")),
        };
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let authority = uri.authority().map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default().to_owned());
        let mut request = Request::post(uri.path_and_query().map_or("/", |path| path.as_str()))
            .header(HOST, authority.unwrap_or_default())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("cepmon/", env!("CARGO_PKG_VERSION")));
        if let Some(value) = self.authorization_value().await.map_err(ExchangeError::Secret)? {
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| ExchangeError::Network(error.into()))?;
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|error| ExchangeError::Network(error.into()))?;
        if !is_https {
            return send(stream, request).await.map_err(ExchangeError::Network);
        }
        let name = self.server_name.clone().unwrap_or(host);
        let name = ServerName::try_from(name).map_err(|_| ExchangeError::Address("the host is no name for TLS"))?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
        send(stream.map_err(|error| ExchangeError::Network(error.into()))?, request).await.map_err(ExchangeError::Network)
    }

    async fn authorization_value(&self) -> Result<Option<HeaderValue>, SendError> {
        let text = match &self.authorization {
            Authorization::None => return Ok(None),
            Authorization::Basic(username, password) => format!("Basic {}", base64(&format!("{username}:{}", password.read().await?))),
            Authorization::Token(kind, credentials) => format!("{kind} {}", credentials.read().await?),
        };
        let invalid = |_| SendError::Unwritable { source: "the credentials hold characters that no header may".into() };
        let mut value = HeaderValue::from_str(&text).map_err(invalid)?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

impl Answer {
    /// The error that this answer means. Servers that are busy or broken may recover; everything else is a refusal.
    pub(crate) fn into_error(self, to: &str, is_retryable: bool) -> SendError {
        let shown: String = self.body.trim().chars().take(MAX_SHOWN_CHARS).collect();
        let source: BoxError = format!("status {}: {shown}", self.status).into();
        if is_retryable { SendError::Unreachable { to: to.to_owned(), source } } else { SendError::Refused { to: to.to_owned(), source } }
    }

    /// Whether the status says "later": 429 or any 5xx.
    pub(crate) fn is_busy(&self) -> bool {
        self.status == 429 || self.status / 100 == 5
    }
}

enum ExchangeError {
    /// The address cannot be used at all.
    Address(&'static str),
    /// A secret cannot be read.
    Secret(SendError),
    /// Anything on the way.
    Network(BoxError),
}

async fn send(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, request: Request<Full<Bytes>>) -> Result<Answer, BoxError> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async move {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        // An answer that is too long or breaks off does not change what its status says.
        let body = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
        Ok(Answer { status, body })
    };
    match select(Box::pin(exchange), Box::pin(connection)).await {
        Either::Left((answer, _)) => answer,
        // The server closed the connection: what it had said before is still there.
        Either::Right((_, exchange)) => exchange.await,
    }
}

fn check_tls(entry: &TlsEntry, path: &str, problems: &mut Vec<Problem>) -> Option<ClientConfig> {
    for (key, is_set) in [
        ("ca", entry.ca.is_some()),
        ("cert", entry.cert.is_some()),
        ("key", entry.key.is_some()),
        ("cert_file", entry.cert_file.is_some()),
        ("key_file", entry.key_file.is_some()),
        ("min_version", entry.min_version.is_some()),
        ("max_version", entry.max_version.is_some()),
        ("insecure_skip_verify", entry.insecure_skip_verify),
    ] {
        if is_set {
            problems.push(Problem::new(format!("{path}.{key}"), format!("{key} is not served here; ca_file and server_name are")));
        }
    }
    let mut roots = RootCertStore::empty();
    // Certificates of the system that cannot be read are left out: a server that needs them fails its handshake and says so.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = &entry.ca_file {
        let added = fs::read(file).map_err(|error| error.to_string()).and_then(|pem| {
            let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
            let certificates = certificates.map_err(|error| error.to_string())?;
            certificates.into_iter().try_for_each(|certificate| roots.add(certificate)).map_err(|error| error.to_string())
        });
        if let Err(error) = added {
            problems.push(Problem::new(format!("{path}.ca_file"), format!("cannot read the certificates of \"{file}\": {error}")));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| problems.push(Problem::new(path, error))).ok()?;
    Some(config.with_root_certificates(roots).with_no_client_auth())
}

/// Base64 with padding; a crate for one header would be more to read.
fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for position in 0..4 {
            let sextet = (bits >> (18 - 6 * position)) as usize & 63;
            encoded.push(if position <= chunk.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    encoded
}
