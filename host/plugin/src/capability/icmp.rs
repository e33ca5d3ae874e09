//! `icmp`: one echo request to a granted host. It takes an unprivileged datagram socket where the system allows it
//! (`net.ipv4.ping_group_range`), else a raw one, which needs `CAP_NET_RAW`.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::net::sockopt;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::abi::wit::icmp::{Echo, Host, Reply};
use crate::abi::wit::types::Error;
use crate::capability::network::connect::resolve;
use crate::capability::network::nanos;
use crate::grant::Capability;
use crate::guest::GuestState;

/// What fits into one packet beside the headers.
const MAX_PAYLOAD_BYTES: u16 = 65_000;
/// Type, code, checksum, identifier, sequence number.
const HEADER_BYTES: usize = 8;

impl Host for GuestState {
    async fn ping(&mut self, echo: Echo) -> Result<Reply, Error> {
        if echo.payload_size > MAX_PAYLOAD_BYTES {
            let problem = format!("cannot send an echo request with {} bytes: the limit is {MAX_PAYLOAD_BYTES}", echo.payload_size);
            return Err(Error::Config(problem));
        }
        self.spend_network_bytes(usize::from(echo.payload_size))?;
        let reach = self.reach(Capability::Icmp, &echo.host, None)?;
        let deadline = self.request_deadline(echo.timeout_ns);
        let began = Instant::now();
        let address = match tokio::time::timeout_at(deadline.into(), resolve(&echo.host, 0, echo.family, reach)).await {
            Ok(Ok(addresses)) => addresses[0].ip(),
            Ok(Err(failure)) => return Err(self.failed(Capability::Icmp, failure)),
            Err(_) => return Err(Error::Timeout),
        };
        let resolve_ns = nanos(began.elapsed());
        let ping = async {
            let began = Instant::now();
            let socket = EchoSocket::open(address, &echo)?;
            let setup_ns = nanos(began.elapsed());
            let (rtt_ns, ttl) = socket.exchange(&echo).await?;
            Ok(Reply { remote: address.to_string(), resolve_ns, setup_ns, rtt_ns, ttl })
        };
        match tokio::time::timeout_at(deadline.into(), ping).await {
            Ok(result) => result.map_err(|error: std::io::Error| unreachable(&echo.host, address, &error)),
            Err(_) => Err(Error::Timeout),
        }
    }
}

fn unreachable(host: &str, address: IpAddr, error: &std::io::Error) -> Error {
    let hint = match error.kind() {
        std::io::ErrorKind::PermissionDenied => "; give cepmon CAP_NET_RAW, or its group a place in net.ipv4.ping_group_range",
        _ => "",
    };
    Error::Unreachable(format!("cannot ping \"{host}\" ({address}): {error}{hint}"))
}

struct EchoSocket {
    /// To the runtime every connected socket of datagrams is alike.
    socket: UdpSocket,
    is_raw: bool,
    is_v4: bool,
    identifier: u16,
}

impl EchoSocket {
    fn open(address: IpAddr, echo: &Echo) -> std::io::Result<Self> {
        let is_v4 = address.is_ipv4();
        let (domain, protocol) = if is_v4 { (Domain::IPV4, Protocol::ICMPV4) } else { (Domain::IPV6, Protocol::ICMPV6) };
        let datagram = Socket::new(domain, Type::DGRAM, Some(protocol));
        let is_raw = datagram.is_err();
        let socket = datagram.or_else(|_| Socket::new(domain, Type::RAW, Some(protocol)))?;
        socket.set_nonblocking(true)?;
        if let Some(ttl) = echo.ttl {
            if is_v4 { socket.set_ttl_v4(ttl.into())? } else { socket.set_unicast_hops_v6(ttl.into())? }
        }
        if echo.dont_fragment && is_v4 {
            sockopt::set_ip_mtu_discover(&socket, sockopt::Ipv4PathMtuDiscovery::DO)?;
        } else if echo.dont_fragment {
            sockopt::set_ipv6_mtu_discover(&socket, sockopt::Ipv6PathMtuDiscovery::DO)?;
        }
        socket.connect(&SocketAddr::new(address, 0).into())?;
        // Of a datagram socket the kernel replaces the identifier by its own and delivers only what answers it.
        let identifier = u16::try_from(RandomState::new().hash_one(0u8) & 0xffff).unwrap_or(1);
        let socket = UdpSocket::from_std(OwnedFd::from(socket).into())?;
        Ok(Self { socket, is_raw, is_v4, identifier })
    }

    /// Round trip and the reply's time to live.
    async fn exchange(&self, echo: &Echo) -> std::io::Result<(u64, Option<u8>)> {
        const SEQUENCE: u16 = 1;
        let packet = request(self.is_v4, self.identifier, SEQUENCE, echo.payload_size.into());
        let began = Instant::now();
        self.socket.send(&packet).await?;
        let mut buffer = vec![0; packet.len() + 256];
        loop {
            let length = self.socket.recv(&mut buffer).await?;
            let rtt_ns = nanos(began.elapsed());
            if let Some(ttl) = self.reply(&buffer[..length], &packet) {
                return Ok((rtt_ns, ttl));
            }
        }
    }

    /// The time to live (where it can be known) of a packet that answers `request`; none if it does not.
    fn reply(&self, packet: &[u8], request: &[u8]) -> Option<Option<u8>> {
        const REPLY_V4: u8 = 0;
        const REPLY_V6: u8 = 129;
        // Only raw IPv4 sockets give the IP header too.
        let (ttl, icmp) = match self.is_raw && self.is_v4 {
            true => (Some(*packet.get(8)?), packet.get(usize::from(packet.first()? & 0x0f) * 4..)?),
            false => (None, packet),
        };
        let kind = if self.is_v4 { REPLY_V4 } else { REPLY_V6 };
        let is_own = !self.is_raw || icmp.get(4..6)? == self.identifier.to_be_bytes();
        let is_reply = *icmp.first()? == kind && is_own && icmp.get(6..8)? == &request[6..8] && icmp.get(8..)? == &request[8..];
        is_reply.then_some(ttl)
    }
}

/// An echo request (RFC 792, RFC 4443). The kernel sums IPv6's, which covers addresses.
fn request(is_v4: bool, identifier: u16, sequence: u16, payload: usize) -> Vec<u8> {
    const REQUEST_V4: u8 = 8;
    const REQUEST_V6: u8 = 128;
    let mut packet = vec![0; HEADER_BYTES + payload];
    packet[0] = if is_v4 { REQUEST_V4 } else { REQUEST_V6 };
    packet[4..6].copy_from_slice(&identifier.to_be_bytes());
    packet[6..8].copy_from_slice(&sequence.to_be_bytes());
    for (at, byte) in packet[HEADER_BYTES..].iter_mut().enumerate() {
        *byte = b'a' + (at % 26) as u8;
    }
    if is_v4 {
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    let mut sum: u32 = bytes.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::abi::wit::types::IpFamily;
    use crate::testing::{grants, guest};

    fn echo(host: &str) -> Echo {
        let timeout_ns = nanos(Duration::from_secs(5));
        Echo { host: host.to_owned(), family: IpFamily::Any, payload_size: 56, ttl: Some(64), dont_fragment: true, timeout_ns }
    }

    #[test]
    fn a_request_sums_to_nothing() {
        for payload in [0, 1, 56, 1_001] {
            assert_eq!(checksum(&request(true, 0x1234, 1, payload)), 0, "{payload}");
        }
    }

    #[tokio::test]
    async fn loopback_answers_and_others_are_denied() {
        let mut guest = guest(&grants(&["icmp:target"]), "127.0.0.1", true);
        let state = guest.state_mut();
        match state.ping(echo("127.0.0.1")).await {
            Ok(reply) => assert!(reply.remote == "127.0.0.1" && reply.rtt_ns > 0 && reply.ttl.is_none_or(|ttl| ttl == 64), "{reply:?}"),
            // Without root and outside ping_group_range there is no socket at all; the message has to say the way out.
            Err(error) => assert!(format!("{error:?}").contains("net.ipv4.ping_group_range"), "{error:?}"),
        }
        let denied = state.ping(echo("127.0.0.2")).await.unwrap_err();
        assert!(matches!(&denied, Error::Denied(message) if message.ends_with("cepmon plugin grant test icmp:127.0.0.2")), "{denied:?}");
        let much = Echo { payload_size: 65_001, ..echo("127.0.0.1") };
        assert!(matches!(state.ping(much).await, Err(Error::Config(message)) if message.contains("the limit is 65000")));
    }
}
