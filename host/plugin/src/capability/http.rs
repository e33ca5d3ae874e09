//! `http`: an HTTP/1.1 client that reaches what was granted and nothing else. Every address is checked after the name was resolved
//! and again at each redirect; proxies of the environment are ignored. It speaks neither HTTP/2 nor upgrades.

pub(crate) mod body;
pub(crate) mod connection;

use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT,
};
use hyper::{Method, StatusCode};
use url::Url;

use crate::abi::wit::http::{Host, Phases, Request, Response};
use crate::abi::wit::types::Error;
use crate::capability::network::nanos;
use crate::grant::Capability;
use crate::guest::GuestState;
use connection::{Origin, Pool};

/// The client of one plugin: kept-alive connections, and TLS settings that are dear to make.
#[derive(Debug, Default)]
pub(crate) struct HttpClient {
    pool: Pool,
}

impl HttpClient {
    /// Drops connections that were idle for too long.
    pub(crate) fn sweep(&self, now: Instant) {
        self.pool.sweep(now);
    }
}

/// Redirects followed whatever the guest asks for.
const MAX_REDIRECTS: u8 = 20;
/// Request headers, bytes.
pub(crate) const MAX_HEADER_BYTES: usize = 32 << 10;
/// Set by the host; a guest that could set them could smuggle a second request.
const OWN_HEADERS: [&str; 7] = ["connection", "content-length", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

impl Host for GuestState {
    async fn send(&mut self, request: Request) -> Result<Response, Error> {
        let deadline = self.request_deadline(request.timeout_ns);
        let mut phases = Phases { resolve_ns: 0, connect_ns: 0, tls_ns: 0, processing_ns: 0, transfer_ns: 0 };
        match tokio::time::timeout_at(deadline.into(), self.follow(request, deadline, &mut phases)).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout),
        }
    }
}

/// What goes out, of the first request or of one after a redirect.
struct Outgoing {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl GuestState {
    async fn follow(&mut self, request: Request, deadline: Instant, phases: &mut Phases) -> Result<Response, Error> {
        let mut outgoing = Outgoing::new(&request)?;
        let max_redirects = request.max_redirects.min(MAX_REDIRECTS);
        let max_body = (request.max_body as usize).min(self.context.limits.body_bytes);
        let mut redirects = 0;
        loop {
            let origin = self.origin(&outgoing.url, &request)?;
            let exchange = self.exchange(&origin, &outgoing, &request, deadline, phases, max_body, redirects < max_redirects).await?;
            let mut response = match exchange {
                Exchange::Answer(response) => *response,
                Exchange::Redirect { status, location } => {
                    redirects += 1;
                    outgoing.redirect(status, &location)?;
                    continue;
                }
            };
            response.redirects = redirects;
            self.spend_network_bytes(request.body.len() + response.body.len())?;
            self.context.counters.count_bytes_in(response.wire_bytes);
            return Ok(response);
        }
    }

    /// Checks a URL against the grants.
    fn origin(&mut self, url: &Url, request: &Request) -> Result<Origin, Error> {
        let is_tls = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(Error::Other(format!("cannot send a request to \"{url}\": scheme \"{other}\" is neither http nor https"))),
        };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(Error::Other(format!("cannot send a request to \"{url}\": it names no host")));
        };
        let reach = self.reach(Capability::Http, host, Some(port))?;
        let verify = request.tls.as_ref().is_none_or(|tls| tls.verify);
        if is_tls && !verify {
            let is_granted = self.context.access.http.insecure;
            self.may_skip_verification(Capability::Http, is_granted)?;
        }
        Origin::new(is_tls, host, port, reach, request)
    }

    #[allow(clippy::too_many_arguments, reason = "one exchange of `follow`, which holds all of these")]
    async fn exchange(
        &mut self,
        origin: &Origin,
        outgoing: &Outgoing,
        request: &Request,
        deadline: Instant,
        phases: &mut Phases,
        max_body: usize,
        follows: bool,
    ) -> Result<Exchange, Error> {
        let (connection, head, answered) = loop {
            let context = std::sync::Arc::clone(&self.context);
            let mut connection = match context.http.pool.connect(origin, deadline, phases).await {
                Ok(connection) => connection,
                Err(failure) => return Err(self.failed(Capability::Http, failure)),
            };
            // On loopback compression costs both ends CPU and saves nothing.
            let wants_gzip = request.decompress && !connection.remote.ip().is_loopback();
            let began = Instant::now();
            match connection.send(outgoing.to_request(wants_gzip)).await {
                Ok(head) => {
                    phases.processing_ns = nanos(began.elapsed());
                    break (connection, head, Instant::now());
                }
                // A kept-alive connection that the other side has closed meanwhile: ask once more on a fresh one.
                Err(_) if connection.is_reused && outgoing.method.is_safe() => continue,
                Err(error) => return Err(Error::Protocol(format!("cannot read the answer of \"{}\": {error}", outgoing.url))),
            }
        };
        let (head, incoming) = head.into_parts();
        let location = head.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        if let (true, true, Some(location)) = (follows, is_redirect(head.status), location) {
            return Ok(Exchange::Redirect { status: head.status, location: location.to_owned() });
        }
        let is_gzip = request.decompress
            && head.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"gzip"));
        let body = body::read(incoming, max_body)
            .await
            .map_err(|error| Error::Protocol(format!("cannot read the body of \"{}\": {error}", outgoing.url)))?;
        phases.transfer_ns = nanos(answered.elapsed());
        let (wire_bytes, mut is_truncated, mut content) = (body.bytes.len() as u64, body.is_truncated, body.bytes);
        if is_gzip && outgoing.method != Method::HEAD {
            let inflated = body::inflate(&content, max_body, is_truncated)
                .map_err(|error| Error::Protocol(format!("cannot decompress the body of \"{}\": {error}", outgoing.url)))?;
            (content, is_truncated) = (inflated.bytes, inflated.is_truncated || is_truncated);
        }
        let (remote, tls) = (connection.remote.to_string(), connection.tls.clone());
        if !is_truncated {
            self.context.http.pool.keep(origin, connection);
        }
        let headers = head.headers.iter().filter(|(name, _)| !(is_gzip && *name == CONTENT_ENCODING));
        Ok(Exchange::Answer(Box::new(Response {
            status: head.status.as_u16(),
            version: if head.version == hyper::Version::HTTP_10 { "1.0" } else { "1.1" }.to_owned(),
            headers: headers.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect(),
            body: content,
            is_truncated,
            wire_bytes,
            redirects: 0,
            url: outgoing.url.to_string(),
            remote,
            phases: *phases,
            tls,
        })))
    }
}

enum Exchange {
    Answer(Box<Response>),
    Redirect { status: StatusCode, location: String },
}

impl Outgoing {
    fn new(request: &Request) -> Result<Self, Error> {
        let url = Url::parse(&request.url).map_err(|error| Error::Other(format!("cannot read URL \"{}\": {error}", request.url)))?;
        let method = Method::from_bytes(request.method.as_bytes())
            .ok()
            .filter(|method| *method != Method::CONNECT)
            .ok_or_else(|| unusable("method", &request.method))?;
        let mut headers = header_map(&request.headers)?;
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("cepmon/", env!("CARGO_PKG_VERSION"))));
        Ok(Self { url, method, headers, body: Bytes::copy_from_slice(&request.body) })
    }

    fn to_request(&self, wants_gzip: bool) -> hyper::Request<Full<Bytes>> {
        let mut request = hyper::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        let path = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        // A parsed URL's path and query are made of characters that a request line may hold.
        *request.uri_mut() = path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        if !headers.contains_key(HOST)
            && let Ok(host) = HeaderValue::from_str(&self.url[url::Position::BeforeHost..url::Position::AfterPort])
        {
            headers.insert(HOST, host);
        }
        if wants_gzip {
            headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        }
        request
    }

    /// Turns to where a redirect points, as browsers and Go's client do: credentials stay with their origin.
    fn redirect(&mut self, status: StatusCode, location: &str) -> Result<(), Error> {
        let url =
            self.url.join(location).map_err(|error| Error::Protocol(format!("cannot follow the redirect to \"{location}\": {error}")))?;
        if url.origin() != self.url.origin() {
            self.headers.remove(AUTHORIZATION);
            self.headers.remove(COOKIE);
            self.headers.remove(HOST);
        }
        let keeps_method = status == StatusCode::TEMPORARY_REDIRECT || status == StatusCode::PERMANENT_REDIRECT;
        if !keeps_method && self.method != Method::HEAD {
            self.method = Method::GET;
            self.body = Bytes::new();
        }
        self.url = url;
        Ok(())
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// A guest's headers, without those that only the host sets.
pub(crate) fn header_map(headers: &[(String, Vec<u8>)]) -> Result<HeaderMap, Error> {
    let mut map = HeaderMap::with_capacity(headers.len() + 3);
    let mut bytes = 0;
    for (name, value) in headers {
        bytes += name.len() + value.len() + 4;
        let header = HeaderName::from_bytes(name.as_bytes()).ok().filter(|header| !OWN_HEADERS.contains(&header.as_str()));
        let header = header.ok_or_else(|| unusable("header", name))?;
        map.append(header, HeaderValue::from_bytes(value).map_err(|_| unusable("a value of header", name))?);
    }
    if bytes > MAX_HEADER_BYTES {
        return Err(Error::Other(format!("cannot send {bytes} bytes of headers: the limit is {MAX_HEADER_BYTES}")));
    }
    Ok(map)
}

fn unusable(what: &str, value: &str) -> Error {
    Error::Other(format!("cannot send a request with {what} \"{}\"", value.escape_default()))
}

#[cfg(test)]
mod tests;
