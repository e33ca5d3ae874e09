//! `http`: an HTTP/1.1 client that reaches what was granted and nothing else. Every address is checked after the name was resolved
//! and again at each redirect; proxies of the environment are ignored. It speaks neither HTTP/2 nor upgrades.

pub(crate) mod body;
pub(crate) mod connection;
pub(crate) mod exchange;
pub(crate) mod proxy;

use std::time::Instant;

use hyper::header::HeaderMap;
use url::Url;

use crate::abi::wit::http::{Host, Phases, Request, Response};
use crate::abi::wit::types::Error;
use crate::grant::Capability;
use crate::guest::GuestState;
use connection::{Origin, Pool};
use exchange::{Exchange, Outgoing, Taking, exchange};

pub(crate) use exchange::header_map;

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

impl GuestState {
    async fn follow(&mut self, request: Request, deadline: Instant, phases: &mut Phases) -> Result<Response, Error> {
        let mut outgoing = Outgoing::new(&request)?;
        let mut max_redirects = request.max_redirects.min(MAX_REDIRECTS);
        if self.call.http.as_ref().is_some_and(|options| !options.follows_redirects) {
            max_redirects = 0;
        }
        let max_body = (request.max_body as usize).min(self.context.limits.body_bytes);
        let mut redirects = 0;
        loop {
            let (origin, added) = self.origin(&outgoing.url, &request).await?;
            let taking = Taking { max_body, decompresses: request.decompress, follows: redirects < max_redirects };
            let context = std::sync::Arc::clone(&self.context);
            let exchanged = exchange(&context.http.pool, &origin, &outgoing, &added, taking, deadline, phases).await;
            let mut response = match exchanged.map_err(|failure| self.failed(Capability::Http, failure))? {
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

    /// Checks a URL against the grants. What the host adds to a request (credentials, TLS, proxy) goes to the call's own target only.
    async fn origin(&mut self, url: &Url, request: &Request) -> Result<(Origin, HeaderMap), Error> {
        let (is_tls, host, port) = host_of(url)?;
        let reach = self.reach(Capability::Http, host, Some(port))?;
        let options = self.call.http.clone().filter(|_| reach.is_target);
        let skips = options.as_ref().is_some_and(|options| options.tls.skips_verification);
        let verify = request.tls.as_ref().is_none_or(|tls| tls.verify) && !skips;
        if is_tls && !verify {
            let is_granted = self.context.access.http.insecure;
            self.may_skip_verification(Capability::Http, is_granted)?;
        }
        let origin = Origin::new(is_tls, host, port, reach, request)?;
        let Some(options) = options else { return Ok((origin, HeaderMap::new())) };
        let context = std::sync::Arc::clone(&self.context);
        let added = options.headers(&context.shared.tokens).await.map_err(Error::Config)?;
        Ok((origin.with(&options).await.map_err(Error::Config)?, added))
    }
}

/// Whether it is https, the host and the port of a URL.
pub(crate) fn host_of(url: &Url) -> Result<(bool, &str, u16), Error> {
    let is_tls = match url.scheme() {
        "http" => false,
        "https" => true,
        other => return Err(Error::Other(format!("cannot send a request to \"{url}\": scheme \"{other}\" is neither http nor https"))),
    };
    match (url.host_str(), url.port_or_known_default()) {
        (Some(host), Some(port)) => Ok((is_tls, host, port)),
        _ => Err(Error::Other(format!("cannot send a request to \"{url}\": it names no host"))),
    }
}

#[cfg(test)]
mod tests;
