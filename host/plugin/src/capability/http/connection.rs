//! Connections: resolve once, check every address, connect to the checked one, keep it alive for the next call. The pool belongs to
//! one plugin; a kept connection is checked again when it is taken, for another call may reach less.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::address::{Reach, refusal};
use super::nanos;
use super::tls::{TlsChoice, handshake};
use crate::abi::wit::http::{Phases, TlsInfo, TlsOptions};
use crate::abi::wit::types::Error;

/// Idle connections of one plugin, and of one origin.
const MAX_IDLE: usize = 1_024;
const MAX_IDLE_PER_ORIGIN: usize = 4;
/// Prometheus's own idle time-out is 5 minutes; scrapes of a minute's interval should still find their connection.
const IDLE_TIME: Duration = Duration::from_secs(300);
/// Header block of an answer, bytes.
const MAX_HEADER_BYTES: usize = 32 << 10;

/// Where a connection leads, and by whose leave.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    host: String,
    port: u16,
    tls: Option<TlsChoice>,
    reach: Reach,
}

/// What two requests have to share to share a connection.
type Key = (String, u16, Option<TlsChoice>);

impl Origin {
    pub(crate) fn new(is_tls: bool, host: &str, port: u16, reach: Reach, options: Option<&TlsOptions>) -> Self {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).to_owned();
        let tls = is_tls.then(|| TlsChoice::new(&host, options));
        Self { host, port, tls, reach }
    }

    fn key(&self) -> Key {
        (self.host.clone(), self.port, self.tls.clone())
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

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The name leads only to addresses that must not be reached; says which.
    Denied(String),
    /// Any other reason, for the guest.
    Guest(Error),
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
        let name = format!("{}:{}", origin.host, origin.port);
        let unreachable = |error: std::io::Error| Failure::Guest(Error::Unreachable(format!("cannot connect to \"{name}\": {error}")));
        let began = Instant::now();
        let addresses: Vec<SocketAddr> = match origin.host.parse() {
            Ok(ip) => vec![SocketAddr::new(ip, origin.port)],
            Err(_) => tokio::net::lookup_host((origin.host.as_str(), origin.port)).await.map_err(unreachable)?.collect(),
        };
        phases.resolve_ns = nanos(began.elapsed());
        let (allowed, refused): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| refusal(address.ip(), origin.reach).is_none());
        if allowed.is_empty() {
            let why = refused
                .first()
                .and_then(|address| Some(format!("\"{name}\": {} is {}", address.ip(), refusal(address.ip(), origin.reach)?)));
            return Err(why.map_or_else(|| unreachable(std::io::Error::other("the name has no address")), Failure::Denied));
        }
        let began = Instant::now();
        let stream = connect_any(&allowed, deadline).await.map_err(unreachable)?;
        phases.connect_ns = nanos(began.elapsed());
        let remote = stream.peer_addr().map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
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
            if !connection.sender.is_closed() && refusal(connection.remote.ip(), origin.reach).is_none() {
                return Some(connection);
            }
        }
        None
    }
}

/// One address after the other, each with its share of the time that is left.
async fn connect_any(addresses: &[SocketAddr], deadline: Instant) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::from(std::io::ErrorKind::TimedOut);
    for (at, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = std::io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

async fn open<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> hyper::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = Builder::new().max_header_size(MAX_HEADER_BYTES).handshake(TokioIo::new(stream)).await?;
    // Ends by itself when the sender is dropped or the other side hangs up; its error reaches the sender.
    tokio::spawn(async move {
        connection.await.ok();
    });
    Ok(sender)
}
