//! Requests that the host makes itself, on the operator's word: lists of targets, tokens, Docker's API. One connection each; redirects are
//! checked as a guest's are.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use hyper::header::HeaderMap;
use url::Url;

use crate::PluginHost;
use crate::abi::wit;
use crate::abi::wit::http::Phases;
use crate::abi::wit::types::Error as WireError;
use crate::capability::http::connection::{Origin, Pool};
use crate::capability::http::exchange::{Exchange, Outgoing, Taking, exchange};
use crate::capability::http::host_of;
use crate::capability::network::address::Reach;
use crate::capability::network::connect::Failure;
use crate::capability::unix_http;
use crate::http_options::HttpOptions;

/// As Go's client, and thereby Prometheus.
const MAX_REDIRECTS: usize = 10;

/// A request.
#[derive(Debug, Clone)]
pub struct HttpRequest<'a> {
    /// A Unix socket to send it to, whatever host the URL names.
    pub socket: Option<PathBuf>,
    /// GET or POST.
    pub method: &'static str,
    /// Where to.
    pub url: &'a str,
    /// Its headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// What it carries.
    pub body: Vec<u8>,
    /// A larger answer is an error.
    pub max_body_bytes: usize,
    /// For everything, redirects included.
    pub timeout: Duration,
}

impl<'a> HttpRequest<'a> {
    /// A GET.
    pub fn get(url: &'a str, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self { socket: None, method: "GET", url, headers, body: Vec::new(), max_body_bytes: 1 << 20, timeout: Duration::from_secs(30) }
    }
}

/// An answer, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// Its status.
    pub status: u16,
    /// Its body, decompressed.
    pub body: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
}

impl HttpAnswer {
    /// A header's first value, if it is text; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(value).ok()
    }
}

/// There is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct FetchError {
    problem: String,
}

impl FetchError {
    fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into() }
    }
}

impl PluginHost {
    /// Makes a request of the host's own with the operator's credentials, TLS and proxy.
    pub async fn fetch(&self, request: &HttpRequest<'_>, options: &HttpOptions) -> Result<HttpAnswer, FetchError> {
        let credentials = options.headers(self.tokens()).await.map_err(FetchError::new)?;
        fetch(request, options, credentials).await
    }
}

/// `credentials` go to the origin of the URL and not further.
pub(crate) async fn fetch(request: &HttpRequest<'_>, options: &HttpOptions, credentials: HeaderMap) -> Result<HttpAnswer, FetchError> {
    let deadline = Instant::now() + request.timeout;
    let answer = async {
        match &request.socket {
            Some(_) => over_socket(request).await,
            None => over_network(request, options, &credentials, deadline).await,
        }
    };
    match tokio::time::timeout_at(deadline.into(), answer).await {
        Ok(answer) => answer,
        Err(_) => Err(FetchError::new(format!("no answer within {} s", request.timeout.as_secs()))),
    }
}

async fn over_network(
    request: &HttpRequest<'_>,
    options: &HttpOptions,
    credentials: &HeaderMap,
    deadline: Instant,
) -> Result<HttpAnswer, FetchError> {
    let pool = Pool::default();
    let mut outgoing = Outgoing::new(&to_wit(request)).map_err(|error| FetchError::new(words(error)))?;
    let first = outgoing.url.origin();
    let nothing = HeaderMap::new();
    for redirects in 0.. {
        let (is_tls, host, port) = host_of(&outgoing.url).map_err(|error| FetchError::new(words(error)))?;
        let is_own = outgoing.url.origin() == first;
        let reach = if is_own { Reach::SYSTEM } else { Reach::NAMED };
        let origin = Origin::of_host(is_tls, host, port, reach).with(options).await.map_err(FetchError::new)?;
        let follows = options.follows_redirects && redirects < MAX_REDIRECTS;
        let taking = Taking { max_body: request.max_body_bytes, decompresses: true, follows };
        let mut phases = Phases { resolve_ns: 0, connect_ns: 0, tls_ns: 0, processing_ns: 0, transfer_ns: 0 };
        let added = if is_own { credentials } else { &nothing };
        match exchange(&pool, &origin, &outgoing, added, taking, deadline, &mut phases).await {
            Ok(Exchange::Answer(answer)) => return whole(answer.status, answer.headers, answer.body, answer.is_truncated, &outgoing.url),
            Ok(Exchange::Redirect { status, location }) => {
                outgoing.redirect(status, &location).map_err(|error| FetchError::new(words(error)))?;
            }
            Err(Failure::Denied(why)) => return Err(FetchError::new(format!("cannot connect to {why}"))),
            Err(Failure::Guest(error)) => return Err(FetchError::new(words(error))),
        }
    }
    unreachable!("BUG: a loop without end ended")
}

async fn over_socket(request: &HttpRequest<'_>) -> Result<HttpAnswer, FetchError> {
    let url = Url::parse(request.url).map_err(|error| FetchError::new(format!("cannot read URL \"{}\": {error}", request.url)))?;
    let wit = wit::unix_http::Request {
        socket: request.socket.as_ref().map(|socket| socket.display().to_string()).unwrap_or_default(),
        method: request.method.to_owned(),
        path: url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
        headers: to_wit(request).headers,
        body: request.body.clone(),
        timeout_ns: 0,
        max_body: u32::MAX,
    };
    let answer = unix_http::exchange(&wit, request.max_body_bytes).await.map_err(|error| FetchError::new(words(error)))?;
    whole(answer.status, answer.headers, answer.body, answer.is_truncated, &url)
}

fn whole(status: u16, headers: Vec<(String, Vec<u8>)>, body: Vec<u8>, is_cut: bool, url: &Url) -> Result<HttpAnswer, FetchError> {
    if is_cut {
        return Err(FetchError::new(format!("the answer of \"{url}\" has more than {} bytes, the limit", body.len())));
    }
    Ok(HttpAnswer { status, headers, body })
}

fn to_wit(request: &HttpRequest<'_>) -> wit::http::Request {
    wit::http::Request {
        method: request.method.to_owned(),
        url: request.url.to_owned(),
        headers: request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect(),
        body: request.body.clone(),
        family: wit::types::IpFamily::Any,
        timeout_ns: 0,
        max_redirects: 0,
        max_body: u32::MAX,
        decompress: true,
        tls: None,
    }
}

fn words(error: WireError) -> String {
    match error {
        WireError::Timeout => "no answer in time".to_owned(),
        WireError::Config(text)
        | WireError::Denied(text)
        | WireError::Unreachable(text)
        | WireError::Protocol(text)
        | WireError::Other(text) => text,
    }
}
