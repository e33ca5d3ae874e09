//! Resolve once, check every address, connect to a checked one. Whoever comes with a name is checked by what it leads to now, so a
//! name that leads elsewhere a moment later gains nothing.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::address::{Reach, host_port, refusal};
use crate::abi::wit::types::{Error, IpFamily};

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The name leads only to addresses that must not be reached; says which.
    Denied(String),
    /// Any other reason, for the guest.
    Guest(Error),
}

impl Failure {
    /// Nobody there.
    pub(crate) fn unreachable(place: &str, problem: impl std::fmt::Display) -> Self {
        Self::Guest(Error::Unreachable(format!("cannot connect to \"{place}\": {problem}")))
    }
}

/// An open stream.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) stream: TcpStream,
    pub(crate) remote: SocketAddr,
    pub(crate) resolve: Duration,
    pub(crate) connect: Duration,
}

/// Connects to the first address of a host that answers, among those that may be reached.
pub(crate) async fn connect(host: &str, port: u16, family: IpFamily, reach: Reach, deadline: Instant) -> Result<Connected, Failure> {
    let began = Instant::now();
    let addresses = resolve(host, port, family, reach).await?;
    let resolve = began.elapsed();
    let unreachable = |error: std::io::Error| Failure::unreachable(&host_port(host, port), error);
    let began = Instant::now();
    let stream = connect_any(&addresses, deadline).await.map_err(unreachable)?;
    let connect = began.elapsed();
    let remote = stream.peer_addr().map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    Ok(Connected { stream, remote, resolve, connect })
}

/// The addresses of a host that may be reached: at least one.
pub(crate) async fn resolve(host: &str, port: u16, family: IpFamily, reach: Reach) -> Result<Vec<SocketAddr>, Failure> {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let place = host_port(host, port);
    let found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => tokio::net::lookup_host((host, port)).await.map_err(|error| Failure::unreachable(&place, error))?.collect(),
    };
    let is_wanted = |address: &SocketAddr| match family {
        IpFamily::Any => true,
        IpFamily::V4 => address.is_ipv4(),
        IpFamily::V6 => address.is_ipv6(),
    };
    let wanted: Vec<SocketAddr> = found.into_iter().filter(is_wanted).collect();
    let (allowed, refused): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|address| refusal(address.ip(), reach).is_none());
    if !allowed.is_empty() {
        return Ok(allowed);
    }
    let why = refused.first().and_then(|address| Some((address.ip(), refusal(address.ip(), reach)?)));
    Err(match (why, family) {
        (Some((ip, why)), _) => Failure::Denied(format!("\"{place}\": {ip} is {why}")),
        (None, IpFamily::Any) => Failure::unreachable(&place, "the name has no address"),
        (None, IpFamily::V4) => Failure::unreachable(&place, "it has no IPv4 address"),
        (None, IpFamily::V6) => Failure::unreachable(&place, "it has no IPv6 address"),
    })
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
