//! A small HTTP/1.1 client for commands that ask a running server: one request, one answer, plain TCP. TLS and proxies are for the
//! machine's own tools; a server without authentication is reached over loopback or a tunnel.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::http::request::Builder;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Where a server listens unless told otherwise.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:9090";

/// How long to wait for the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may take: longer than its own limit for a statement, which tells more.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);

/// The largest answer that is taken into memory.
const MAX_ANSWER_BYTES: usize = 1 << 30;

/// What the server said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
}

/// Posts a JSON text to a path below the server's address.
pub(crate) async fn post_json(url: &str, path: &str, accept: &str, json: String) -> anyhow::Result<Answer> {
    ask(url, path, |uri| Request::post(uri).header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT, accept), json).await
}

/// Posts a form to a path below the server's address.
pub(crate) async fn post_form(url: &str, path: &str, form: &[(&str, &str)]) -> anyhow::Result<Answer> {
    post_form_with(url, path, form, &[]).await
}

/// Posts a form with headers besides.
pub(crate) async fn post_form_with(url: &str, path: &str, form: &[(&str, &str)], headers: &[(String, String)]) -> anyhow::Result<Answer> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = |uri| {
        let request = Request::post(uri).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    };
    ask(url, path, request, body).await
}

/// An address as typed, with `http://` where there is no scheme.
pub(crate) fn with_scheme(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

/// Posts a body of remote write 1.0, with headers besides.
pub(crate) async fn post_write(url: &str, path: &str, body: Vec<u8>, headers: &[(String, String)]) -> anyhow::Result<Answer> {
    let request = |uri| {
        let request = Request::post(uri)
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .header(header::CONTENT_ENCODING, "snappy")
            .header("X-Prometheus-Remote-Write-Version", "0.1.0");
        headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    };
    ask(url, path, request, body).await
}

/// Gets a path below the server's address.
pub(crate) async fn get(url: &str, path: &str, accept: &str) -> anyhow::Result<Answer> {
    ask(url, path, |uri| Request::get(uri).header(header::ACCEPT, accept), String::new()).await
}

/// What a server says about a request that it did not do.
pub(crate) fn problem(answer: &Answer) -> String {
    let body: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    // Paths that Prometheus has too answer with its errors.
    let message = body.as_ref().and_then(|body| body["error"]["message"].as_str().or(body["error"].as_str()));
    message.map_or_else(|| format!("it answered {}; is this a cepmon server?", answer.status), str::to_owned)
}

async fn ask(url: &str, path: &str, request: impl FnOnce(String) -> Builder, body: impl Into<Bytes>) -> anyhow::Result<Answer> {
    let (authority, base) = parse_url(url)?;
    let address = if authority.port().is_some() { authority.to_string() } else { format!("{}:80", authority.host()) };
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&address))
        .await
        .with_context(|| format!("cannot connect to \"{url}\" within {} s; is cepmon serving there?", CONNECT_TIMEOUT.as_secs()))?
        .map_err(|error| anyhow!("cannot connect to \"{url}\": {error}; start it with: cepmon serve, or name a server with --url"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.with_context(|| format!("cannot talk to \"{url}\""))?;
    let request = request(format!("{base}{path}"))
        .header(header::HOST, authority.as_str())
        .header(header::CONNECTION, "close")
        .body(Full::new(body.into()))
        .with_context(|| format!("cannot make a request for \"{url}\""))?;
    let exchange = async {
        let response = sender.send_request(request).await.with_context(|| format!("cannot get an answer from \"{url}\""))?;
        let (parts, body) = response.into_parts();
        let collected = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let collected = collected.map_err(|error| anyhow!(error)).with_context(|| format!("cannot read the answer of \"{url}\""))?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: collected.to_bytes() })
    };
    // The connection has to be driven for the exchange to go on. When it ends first, the exchange says why; the answer may still be
    // on its way through the channel between the two.
    let driven = async {
        connection.await.ok();
        std::future::pending().await
    };
    let answer = async {
        tokio::select! {
            answer = exchange => answer,
            never = driven => never,
        }
    };
    tokio::time::timeout(ANSWER_TIMEOUT, answer).await.with_context(|| format!("cannot wait for \"{url}\" any longer"))?
}

fn parse_url(url: &str) -> anyhow::Result<(hyper::http::uri::Authority, String)> {
    let uri: Uri = url.parse().with_context(|| format!("cannot read --url \"{url}\"; use http://HOST:PORT"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => bail!("cannot use --url \"{url}\": https is not supported here; use http over loopback or a tunnel"),
        _ => bail!("cannot read --url \"{url}\": it has no scheme; use http://HOST:PORT"),
    }
    let authority =
        uri.authority().cloned().with_context(|| format!("cannot read --url \"{url}\": it has no host; use http://HOST:PORT"))?;
    Ok((authority, uri.path().trim_end_matches('/').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_or_refused_with_a_way_out() {
        let (authority, base) = parse_url("http://127.0.0.1:9090").unwrap();
        assert_eq!((authority.as_str(), base.as_str()), ("127.0.0.1:9090", ""));
        let (authority, base) = parse_url("http://mon.example/cepmon/").unwrap();
        assert_eq!((authority.as_str(), base.as_str()), ("mon.example", "/cepmon"));
        for wrong in ["localhost:9090", "https://mon.example", "/", "http://"] {
            let message = format!("{:#}", parse_url(wrong).unwrap_err());
            assert!(message.contains("--url") && message.contains("http"), "{message}");
        }
    }
}
