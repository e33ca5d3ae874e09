//! `unix-http`: HTTP over a named Unix socket, one granted method and path at a time. A service that would hand out the whole machine
//! to whoever holds its socket (Docker) can so be listed and nothing else. No upgrade, no chunk of one request that another reads.

use bytes::Bytes;
use globset::GlobMatcher;
use http_body_util::Full;
use hyper::client::conn::http1::Builder;
use hyper::header::{HOST, HeaderValue};
use hyper::{Method, Request as HttpRequest, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::abi::wit::types::Error;
use crate::abi::wit::unix_http::{Host, Request, Response};
use crate::capability::glob::{check_pattern, glob, normal_path};
use crate::capability::http::{MAX_HEADER_BYTES, body, header_map};
use crate::grant::Capability;
use crate::guest::GuestState;

/// One granted kind of request: `/run/docker.sock:GET /containers/*/stats`.
#[derive(Debug, Clone)]
pub(crate) struct RequestPattern {
    socket: String,
    method: String,
    path: GlobMatcher,
}

impl RequestPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected SOCKET:METHOD PATH, such as /run/docker.sock:GET /containers/json";
        let (socket, request) = text.split_once(':').ok_or(EXPECTED)?;
        let (method, path) = request.split_once(' ').ok_or(EXPECTED)?;
        if normal_path(socket).as_deref() != Some(socket) || socket.contains('*') {
            return Err("expected the absolute path of the socket, without wildcards");
        }
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) || method == "CONNECT" {
            return Err("expected a method such as GET");
        }
        check_pattern(path)?;
        Ok(Self { socket: socket.to_owned(), method: method.to_owned(), path: glob(path).compile_matcher() })
    }
}

/// What may be asked of which sockets.
#[derive(Debug, Clone, Default)]
pub(crate) struct SocketGrant(Vec<RequestPattern>);

impl SocketGrant {
    pub(crate) fn new<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        Self(words.filter_map(|word| RequestPattern::parse(word).ok()).collect())
    }

    /// Whether it covers a request as a use is written down.
    pub(crate) fn covers(&self, written: &str) -> bool {
        let request = written.split_once(':').and_then(|(socket, request)| Some((socket, request.split_once(' ')?)));
        request.is_some_and(|(socket, (method, path))| self.allows(socket, method, path))
    }

    fn allows(&self, socket: &str, method: &str, path: &str) -> bool {
        self.0.iter().any(|pattern| pattern.socket == socket && pattern.method == method && pattern.path.is_match(path))
    }
}

impl Host for GuestState {
    async fn send(&mut self, request: Request) -> Result<Response, Error> {
        let path = checked_path(&request.path)
            .map_err(|problem| Error::Other(format!("cannot ask for path \"{}\": {problem}", request.path.escape_default())))?;
        let word = format!("{}:{} {path}", request.socket, request.method);
        if !self.context.access.sockets.allows(&request.socket, &request.method, path) {
            return Err(self.deny(Capability::UnixHttp, &word, &format!("{} {path} on \"{}\"", request.method, request.socket)));
        }
        self.used(Capability::UnixHttp, &word);
        self.spend_network_bytes(request.body.len())?;
        let deadline = self.request_deadline(request.timeout_ns);
        let max_body = (request.max_body as usize).min(self.context.limits.body_bytes);
        let response = match tokio::time::timeout_at(deadline.into(), exchange(&request, max_body)).await {
            Ok(response) => response?,
            Err(_) => return Err(Error::Timeout),
        };
        self.spend_network_bytes(response.body.len())?;
        self.context.counters.count_bytes_in(response.body.len() as u64);
        Ok(response)
    }
}

pub(crate) async fn exchange(request: &Request, max_body: usize) -> Result<Response, Error> {
    let socket = &request.socket;
    let unreachable = |error: std::io::Error| Error::Unreachable(format!("cannot connect to \"{socket}\": {error}"));
    let protocol = |error: hyper::Error| Error::Protocol(format!("cannot read the answer of \"{socket}\": {error}"));
    let mut outgoing = HttpRequest::new(Full::new(Bytes::copy_from_slice(&request.body)));
    // Both were matched against a grant, so they are a method and a path.
    *outgoing.method_mut() = Method::from_bytes(request.method.as_bytes()).unwrap_or_default();
    *outgoing.uri_mut() = request.path.parse().map_err(|error| Error::Other(format!("cannot ask for \"{}\": {error}", request.path)))?;
    *outgoing.headers_mut() = header_map(&request.headers)?;
    outgoing.headers_mut().insert(HOST, HeaderValue::from_static("localhost"));

    let stream = UnixStream::connect(socket).await.map_err(unreachable)?;
    let (mut sender, connection) =
        Builder::new().max_header_size(MAX_HEADER_BYTES).handshake(TokioIo::new(stream)).await.map_err(protocol)?;
    // Dropped with the sender: one request, one connection.
    let driver = tokio::spawn(async move { connection.await.ok() });
    let answered = async {
        let (head, incoming) = sender.send_request(outgoing).await.map_err(protocol)?.into_parts();
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Error::Protocol(format!("cannot use the answer of \"{socket}\": it switches to another protocol")));
        }
        let content = body::read(incoming, max_body).await.map_err(protocol)?;
        Ok(Response {
            status: head.status.as_u16(),
            headers: head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect(),
            body: content.bytes,
            is_truncated: content.is_truncated,
        })
    };
    let response = answered.await;
    driver.abort();
    response
}

/// The path of a path with a query, if it means what it seems to: services undo `..`, `//` and `%2f` each in their own way, so a path
/// that holds any of them could be another one than the one that was granted.
fn checked_path(text: &str) -> Result<&str, &'static str> {
    if text.len() > 8_192 {
        return Err("it is longer than 8192 bytes");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['#', '\\']) {
        return Err("expected printable ASCII without # and \\; encode the rest with %");
    }
    let path = text.split('?').next().unwrap_or_default();
    let Some(segments) = path.strip_prefix('/') else { return Err("expected it to begin with /") };
    if !segments.is_empty() && segments.split('/').any(|segment| segment.is_empty() || segment == "." || segment == "..") {
        return Err("it has an empty or a dot segment");
    }
    let mut rest = path;
    while let Some((_, after)) = rest.split_once('%') {
        let byte = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).ok_or("it has a % that encodes nothing")?;
        if byte.is_ascii_control() || matches!(byte, b'/' | b'\\' | b'.' | b'%') {
            return Err("it encodes a control character, a slash, a dot or a percent sign");
        }
        rest = &after[2..];
    }
    Ok(path)
}

#[cfg(test)]
mod tests;
