//! HTTP connections, kept alive for the next call. The pool belongs to one plugin; a kept connection is checked again when it is taken,
//! for another call may reach less.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::MAX_HEADER_BYTES;
use super::proxy::Proxy;
use crate::abi::wit::http::{Phases, Request};
use crate::abi::wit::types::{Error, IpFamily, TlsInfo};
use crate::capability::network::address::{Reach, host_port, refusal};
use crate::capability::network::connect::{Failure, connect};
use crate::capability::network::nanos;
use crate::capability::network::tls::{Protocol, TlsChoice, handshake};
use crate::http_options::HttpOptions;

/// Idle connections of one plugin, and of one origin.
const MAX_IDLE: usize = 1_024;
const MAX_IDLE_PER_ORIGIN: usize = 4;
/// Prometheus's own idle time-out is 5 minutes; scrapes of a minute's interval should still find their connection.
const IDLE_TIME: Duration = Duration::from_secs(300);

/// Where a connection leads, and by whose leave.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    host: String,
    port: u16,
    family: IpFamily,
    tls: Option<TlsChoice>,
    reach: Reach,
    proxy: Option<Proxy>,
}

/// What two requests have to share to share a connection.
type Key = (String, u16, u8, Option<TlsChoice>, Option<Proxy>);

impl Origin {
    pub(crate) fn new(is_tls: bool, host: &str, port: u16, reach: Reach, request: &Request) -> Result<Self, Error> {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
        let tls = is_tls.then(|| TlsChoice::new(&host, request.tls.as_ref(), Protocol::Http)).transpose().map_err(Error::Config)?;
        Ok(Self { host, port, family: request.family, tls, reach, proxy: None })
    }

    /// The host's own request.
    pub(crate) fn of_host(is_tls: bool, host: &str, port: u16, reach: Reach) -> Self {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
        let tls = is_tls.then(|| TlsChoice::plain(&host, Protocol::Http));
        Self { host, port, family: IpFamily::Any, tls, reach, proxy: None }
    }

    /// With TLS and proxy as the operator's file says. An error if a file cannot be read.
    pub(crate) async fn with(mut self, options: &HttpOptions) -> Result<Self, String> {
        if self.tls.is_some() {
            self.tls = Some(options.tls.choice(&self.host).await?);
        }
        self.proxy = options.proxy.as_ref().filter(|proxy| !proxy.excepts(&self.host)).map(Proxy::new).transpose()?;
        Ok(self)
    }

    /// Whether the request goes to a proxy that passes it on, rather than through a tunnel.
    pub(crate) fn asks_proxy(&self) -> bool {
        self.proxy.is_some() && self.tls.is_none()
    }

    /// What such a proxy wants to see.
    pub(crate) fn add_proxy_headers(&self, headers: &mut HeaderMap) {
        if let Some(proxy) = self.proxy.as_ref().filter(|_| self.asks_proxy()) {
            proxy.add_headers(headers);
        }
    }

    fn key(&self) -> Key {
        (self.host.clone(), self.port, self.family as u8, self.tls.clone(), self.proxy.clone())
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    pub(crate) remote: SocketAddr,
    pub(crate) tls: Option<TlsInfo>,
    pub(crate) is_reused: bool,
    idle_since: Instant,
}

impl Connection {
    pub(crate) async fn send(&mut self, request: hyper::Request<Full<Bytes>>) -> hyper::Result<hyper::Response<Incoming>> {
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }
}

/// Idle connections of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<HashMap<Key, Vec<Connection>>>,
}

impl Pool {
    /// A kept connection, or a new one; phases are filled in for a new one and zero for a kept one.
    pub(crate) async fn connect(&self, origin: &Origin, deadline: Instant, phases: &mut Phases) -> Result<Connection, Failure> {
        (phases.resolve_ns, phases.connect_ns, phases.tls_ns) = (0, 0, 0);
        if let Some(connection) = self.take(origin) {
            return Ok(connection);
        }
        let connected = match &origin.proxy {
            None => connect(&origin.host, origin.port, origin.family, origin.reach, deadline).await?,
            Some(proxy) => {
                // The proxy resolves names; an address can still be looked at.
                let refused = origin.host.parse().ok().and_then(|ip| Some((ip, refusal(ip, origin.reach)?)));
                if let Some((ip, why)) = refused {
                    return Err(Failure::Denied(format!("\"{}\": {ip} is {why}", host_port(&origin.host, origin.port))));
                }
                let tunnel = origin.tls.as_ref().map(|_| host_port(&origin.host, origin.port));
                proxy.connect(tunnel.as_deref(), deadline).await?
            }
        };
        (phases.resolve_ns, phases.connect_ns) = (nanos(connected.resolve), nanos(connected.connect));
        let (stream, remote) = (connected.stream, connected.remote);
        let name = host_port(&origin.host, origin.port);
        let (sender, tls) = match &origin.tls {
            None => (open(stream).await, None),
            Some(choice) => {
                let began = Instant::now();
                let (stream, info) = handshake(stream, choice).await.map_err(|problem| {
                    Failure::Guest(Error::Unreachable(format!("cannot make a TLS connection to \"{name}\": {problem}")))
                })?;
                phases.tls_ns = nanos(began.elapsed());
                (open(stream).await, Some(info))
            }
        };
        let sender = sender.map_err(|error| Failure::Guest(Error::Unreachable(format!("cannot speak HTTP with \"{name}\": {error}"))))?;
        Ok(Connection { sender, remote, tls, is_reused: false, idle_since: Instant::now() })
    }

    /// Keeps a connection whose answer was read to its end.
    pub(crate) fn keep(&self, origin: &Origin, mut connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let now = Instant::now();
        (connection.is_reused, connection.idle_since) = (true, now);
        let mut idle = crate::lock_mutex(&self.idle);
        if idle.values().map(Vec::len).sum::<usize>() >= MAX_IDLE {
            idle.clear();
        }
        let kept = idle.entry(origin.key()).or_default();
        if kept.len() < MAX_IDLE_PER_ORIGIN {
            kept.push(connection);
        }
    }

    /// Drops what has been idle for too long.
    pub(crate) fn sweep(&self, now: Instant) {
        crate::lock_mutex(&self.idle).retain(|_, kept| {
            kept.retain(|connection| !connection.sender.is_closed() && now.saturating_duration_since(connection.idle_since) < IDLE_TIME);
            !kept.is_empty()
        });
    }

    fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = crate::lock_mutex(&self.idle);
        let kept = idle.get_mut(&origin.key())?;
        while let Some(connection) = kept.pop() {
            let is_proxied = origin.proxy.is_some();
            if !connection.sender.is_closed() && (is_proxied || refusal(connection.remote.ip(), origin.reach).is_none()) {
                return Some(connection);
            }
        }
        None
    }
}

async fn open<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> hyper::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = Builder::new().max_header_size(MAX_HEADER_BYTES).handshake(TokioIo::new(stream)).await?;
    // Ends by itself when the sender is dropped or the other side hangs up; its error reaches the sender.
    tokio::spawn(async move {
        connection.await.ok();
    });
    Ok(sender)
}
