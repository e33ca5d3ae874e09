//! Echo requests to hosts that were granted.

use std::time::Duration;

use crate::Error;
use crate::bindings::icmp;

pub use crate::bindings::icmp::Reply;
pub use crate::bindings::types::IpFamily;

/// One echo request.
#[derive(Debug, Clone)]
pub struct Echo {
    record: icmp::Echo,
}

impl Echo {
    /// A request with 56 bytes of payload, as `ping` sends it.
    pub fn new(host: impl Into<String>) -> Self {
        let record =
            icmp::Echo { host: host.into(), family: IpFamily::Any, payload_size: 56, ttl: None, dont_fragment: false, timeout_ns: 0 };
        Self { record }
    }

    /// Pings only an address of this family.
    #[must_use]
    pub fn family(mut self, family: IpFamily) -> Self {
        self.record.family = family;
        self
    }

    /// Bytes of payload, at most 65,000.
    #[must_use]
    pub fn payload_size(mut self, bytes: u16) -> Self {
        self.record.payload_size = bytes;
        self
    }

    /// Time to live, or hop limit.
    #[must_use]
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.record.ttl = Some(ttl);
        self
    }

    /// Whether routers must not cut the packet.
    #[must_use]
    pub fn dont_fragment(mut self, is_wanted: bool) -> Self {
        self.record.dont_fragment = is_wanted;
        self
    }

    /// Gives up after this long; without it, at the deadline of the call.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.record.timeout_ns = crate::clock::nanos(timeout);
        self
    }

    /// Sends it and waits for the reply.
    ///
    /// # Errors
    /// [`Error::Timeout`] without a reply, [`Error::Unreachable`], [`Error::Denied`].
    pub fn send(self) -> Result<Reply, Error> {
        #[cfg(target_family = "wasm")]
        return icmp::ping(&self.record).map_err(crate::error::from_host);
        #[cfg(not(target_family = "wasm"))]
        return Err(Error::Unreachable(format!("cannot ping {}: ICMP needs a cepmon around the plugin", self.record.host)));
    }
}
