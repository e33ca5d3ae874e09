//! Datagrams to and from one peer that was granted.

use std::time::Duration;

use crate::Error;
use crate::bindings::udp;

pub use crate::bindings::types::IpFamily;

/// A socket with one peer; it ends when it is dropped, and with the call at the latest.
#[derive(Debug)]
pub struct Socket {
    handle: udp::Socket,
}

impl Socket {
    /// A socket whose peer is this host and port.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Unreachable`] when the name leads nowhere.
    pub fn open(host: &str, port: u16, family: IpFamily) -> Result<Self, Error> {
        #[cfg(target_family = "wasm")]
        return udp::Socket::open(host, port, family).map(|handle| Self { handle }).map_err(crate::error::from_host);
        #[cfg(not(target_family = "wasm"))]
        return Err(Error::Unreachable(format!("cannot send to {host}:{port} ({family:?}): UDP needs a cepmon around the plugin")));
    }

    /// Address and port of the peer.
    #[must_use]
    pub fn remote(&self) -> String {
        self.handle.remote()
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when the system refuses it.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        self.handle.send(bytes).map_err(crate::error::from_host)
    }

    /// The next datagram of the peer; without a time-out until the deadline of the call.
    ///
    /// # Errors
    /// [`Error::Timeout`] when none comes, [`Error::Unreachable`] when the peer's system says that nobody is there.
    pub fn receive(&self, timeout: Option<Duration>) -> Result<Vec<u8>, Error> {
        self.handle.receive(timeout.map_or(0, crate::clock::nanos)).map_err(crate::error::from_host)
    }
}
