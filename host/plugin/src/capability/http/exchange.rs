//! One exchange: a connection, a request, an answer of bounded size, or where a redirect points. Who may go where was decided before.

use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT,
};
use hyper::{Method, StatusCode};
use url::Url;

use super::body;
use super::connection::{Origin, Pool};
use super::{MAX_HEADER_BYTES, OWN_HEADERS};
use crate::abi::wit::http::{Phases, Request, Response};
use crate::abi::wit::types::Error;
use crate::capability::network::connect::Failure;
use crate::capability::network::nanos;

/// What goes out, of the first request or of one after a redirect.
pub(crate) struct Outgoing {
    pub(crate) url: Url,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// How an answer is taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taking {
    pub(crate) max_body: usize,
    /// Whether gzip is asked for and undone.
    pub(crate) decompresses: bool,
    /// Whether a redirect is told apart from an answer.
    pub(crate) follows: bool,
}

/// What came back.
pub(crate) enum Exchange {
    Answer(Box<Response>),
    Redirect { status: StatusCode, location: String },
}

/// Sends a request with `added` headers, which win over its own.
pub(crate) async fn exchange(
    pool: &Pool,
    origin: &Origin,
    outgoing: &Outgoing,
    added: &HeaderMap,
    taking: Taking,
    deadline: Instant,
    phases: &mut Phases,
) -> Result<Exchange, Failure> {
    let (connection, head, answered) = loop {
        let mut connection = pool.connect(origin, deadline, phases).await?;
        // On loopback compression costs both ends CPU and saves nothing.
        let wants_gzip = taking.decompresses && !connection.remote.ip().is_loopback();
        let began = Instant::now();
        match connection.send(outgoing.to_request(origin, added, wants_gzip)).await {
            Ok(head) => {
                phases.processing_ns = nanos(began.elapsed());
                break (connection, head, Instant::now());
            }
            // A kept-alive connection that the other side has closed meanwhile: ask once more on a fresh one.
            Err(_) if connection.is_reused && outgoing.method.is_safe() => continue,
            Err(error) => return Err(protocol("answer", outgoing, &error)),
        }
    };
    let (head, incoming) = head.into_parts();
    let location = head.headers.get(LOCATION).and_then(|location| location.to_str().ok());
    if let (true, true, Some(location)) = (taking.follows, is_redirect(head.status), location) {
        return Ok(Exchange::Redirect { status: head.status, location: location.to_owned() });
    }
    let is_gzip =
        taking.decompresses && head.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"gzip"));
    let body = body::read(incoming, taking.max_body).await.map_err(|error| protocol("body", outgoing, &error))?;
    phases.transfer_ns = nanos(answered.elapsed());
    let (wire_bytes, mut is_truncated, mut content) = (body.bytes.len() as u64, body.is_truncated, body.bytes);
    if is_gzip && outgoing.method != Method::HEAD {
        let inflated = body::inflate(&content, taking.max_body, is_truncated)
            .map_err(|error| Failure::Guest(Error::Protocol(format!("cannot decompress the body of \"{}\": {error}", outgoing.url))))?;
        (content, is_truncated) = (inflated.bytes, inflated.is_truncated || is_truncated);
    }
    let (remote, tls) = (connection.remote.to_string(), connection.tls.clone());
    if !is_truncated {
        pool.keep(origin, connection);
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

fn protocol(what: &str, outgoing: &Outgoing, error: &dyn std::fmt::Display) -> Failure {
    Failure::Guest(Error::Protocol(format!("cannot read the {what} of \"{}\": {error}", outgoing.url)))
}

impl Outgoing {
    pub(crate) fn new(request: &Request) -> Result<Self, Error> {
        let url = Url::parse(&request.url).map_err(|error| Error::Other(format!("cannot read URL \"{}\": {error}", request.url)))?;
        let method = Method::from_bytes(request.method.as_bytes())
            .ok()
            .filter(|method| *method != Method::CONNECT)
            .ok_or_else(|| unusable("method", &request.method))?;
        let mut headers = header_map(&request.headers)?;
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("cepmon/", env!("CARGO_PKG_VERSION"))));
        Ok(Self { url, method, headers, body: Bytes::copy_from_slice(&request.body) })
    }

    fn to_request(&self, origin: &Origin, added: &HeaderMap, wants_gzip: bool) -> hyper::Request<Full<Bytes>> {
        let mut request = hyper::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        // A proxy that opens no tunnel has to be told the host.
        let start = if origin.asks_proxy() { url::Position::BeforeScheme } else { url::Position::BeforePath };
        let path = &self.url[start..url::Position::AfterQuery];
        // A parsed URL's path and query are made of characters that a request line may hold.
        *request.uri_mut() = path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        for name in added.keys() {
            headers.remove(name);
        }
        for (name, value) in added {
            headers.append(name, value.clone());
        }
        origin.add_proxy_headers(headers);
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
    pub(crate) fn redirect(&mut self, status: StatusCode, location: &str) -> Result<(), Error> {
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
