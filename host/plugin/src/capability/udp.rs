//! `udp`: datagrams to and from one granted peer. Datagrams of others never reach the guest.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;
use wasmtime::component::Resource;

use crate::abi::wit::types::{Error, IpFamily};
use crate::abi::wit::udp::{Host, HostSocket, Socket};
use crate::capability::network::address::Reach;
use crate::capability::network::connect::{Failure, resolve};
use crate::grant::Capability;
use crate::guest::GuestState;

/// The largest payload that UDP can carry.
const MAX_DATAGRAM_BYTES: usize = 65_535;

impl Host for GuestState {}

impl HostSocket for GuestState {
    async fn open(&mut self, host: String, port: u16, family: IpFamily) -> Result<Resource<Socket>, Error> {
        self.sockets.check_room()?;
        let reach = self.reach(Capability::Udp, &host, Some(port))?;
        let deadline = self.request_deadline(0);
        match tokio::time::timeout_at(deadline.into(), open(&host, port, family, reach)).await {
            Ok(Ok(socket)) => Ok(Resource::new_own(self.sockets.add_datagram(socket))),
            Ok(Err(failure)) => Err(self.failed(Capability::Udp, failure)),
            Err(_) => Err(Error::Timeout),
        }
    }

    async fn remote(&mut self, socket: Resource<Socket>) -> String {
        let peer = self.sockets.datagram(socket.rep()).ok().and_then(|socket| socket.peer_addr().ok());
        peer.map(|peer| peer.to_string()).unwrap_or_default()
    }

    async fn send(&mut self, socket: Resource<Socket>, bytes: Vec<u8>) -> Result<(), Error> {
        self.context.counters.count_host_call();
        self.spend_network_bytes(bytes.len())?;
        let socket = self.sockets.datagram(socket.rep())?;
        let sent = socket.send(&bytes).await;
        sent.map(drop).map_err(|error| Error::Unreachable(format!("cannot send a datagram of {} bytes: {error}", bytes.len())))
    }

    async fn receive(&mut self, socket: Resource<Socket>, timeout_ns: u64) -> Result<Vec<u8>, Error> {
        self.context.counters.count_host_call();
        let deadline = self.request_deadline(timeout_ns);
        let socket = self.sockets.datagram(socket.rep())?;
        let mut bytes = vec![0; MAX_DATAGRAM_BYTES];
        let received = tokio::time::timeout_at(deadline.into(), socket.recv(&mut bytes)).await.map_err(|_| Error::Timeout)?;
        let length = received.map_err(|error| Error::Unreachable(format!("cannot receive a datagram: {error}")))?;
        bytes.truncate(length);
        self.spend_network_bytes(length)?;
        self.context.counters.count_bytes_in(length as u64);
        Ok(bytes)
    }

    async fn drop(&mut self, socket: Resource<Socket>) -> wasmtime::Result<()> {
        self.sockets.close(socket.rep());
        Ok(())
    }
}

/// A socket that exchanges datagrams with the first address of a host that may be reached.
pub(crate) async fn open(host: &str, port: u16, family: IpFamily, reach: Reach) -> Result<UdpSocket, Failure> {
    let addresses = resolve(host, port, family, reach).await?;
    let unreachable = |error| Failure::unreachable(host, error);
    let peer = addresses[0];
    let any = if peer.is_ipv4() { SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)) } else { SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)) };
    let socket = UdpSocket::bind(any).await.map_err(unreachable)?;
    socket.connect(peer).await.map_err(unreachable)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{grants, guest};

    fn handle(number: u32) -> Resource<Socket> {
        Resource::new_own(number)
    }

    #[tokio::test]
    async fn datagrams_go_to_the_peer_and_come_from_nobody_else() {
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = peer.local_addr().unwrap().port();
        let mut guest = guest(&grants(&["udp:target"]), &format!("127.0.0.1:{port}"), true);
        let state = guest.state_mut();
        let number = state.open("127.0.0.1".to_owned(), port, IpFamily::Any).await.unwrap().rep();
        assert_eq!(state.remote(handle(number)).await, format!("127.0.0.1:{port}"));
        state.send(handle(number), b"ping".to_vec()).await.unwrap();
        let mut bytes = [0; 16];
        let (length, from) = peer.recv_from(&mut bytes).await.unwrap();
        assert_eq!(&bytes[..length], b"ping");
        stranger.send_to(b"forged", from).await.unwrap();
        peer.send_to(b"pong", from).await.unwrap();
        assert_eq!(state.receive(handle(number), 0).await.unwrap(), b"pong");
        assert!(matches!(state.receive(handle(number), 20_000_000).await, Err(Error::Timeout)));
        let denied = state.open("127.0.0.1".to_owned(), 1, IpFamily::Any).await.map(|socket| socket.rep());
        assert!(matches!(&denied, Err(Error::Denied(message)) if message.ends_with("udp:127.0.0.1:1")), "{denied:?}");
    }
}
