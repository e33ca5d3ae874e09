//! What the network interfaces share: which addresses may be reached (`address`), resolving and connecting to checked ones
//! (`connect`), TLS (`tls`), sockets that a guest holds (`socket`). It speaks no protocol.

pub(crate) mod address;
pub(crate) mod connect;
pub(crate) mod socket;
pub(crate) mod tls;

use std::time::{Duration, Instant};

use crate::abi::wit::types::Error;
use crate::capability::network::address::Reach;
use crate::capability::network::connect::Failure;
use crate::grant::{Capability, INSECURE, TARGET};
use crate::guest::GuestState;

impl GuestState {
    /// Why `host` may be reached, or the denial. No port: an interface without ports.
    pub(crate) fn reach(&mut self, capability: Capability, host: &str, port: Option<u16>) -> Result<Reach, Error> {
        let access = &self.context.access;
        let grant = match capability {
            Capability::Tcp => &access.tcp,
            Capability::Udp => &access.udp,
            Capability::Dns => &access.dns,
            Capability::Icmp => &access.icmp,
            _ => &access.http,
        };
        let place = port.map_or_else(|| host.to_owned(), |port| address::host_port(host, port));
        match grant.reach(self.call.target.as_ref(), host, port) {
            Some(reach) => {
                // The word of the grant, not each of a thousand targets.
                self.used(capability, if reach.is_target { TARGET } else { &place });
                Ok(reach)
            }
            None => Err(self.deny(capability, &place, &format!("host \"{place}\""))),
        }
    }

    /// The denial of TLS without verification, unless it is granted.
    pub(crate) fn may_skip_verification(&mut self, capability: Capability, is_granted: bool) -> Result<(), Error> {
        if is_granted {
            self.used(capability, INSECURE);
            return Ok(());
        }
        Err(self.deny(capability, INSECURE, "connections without verification"))
    }

    /// A connection that did not come about, as the guest is told.
    pub(crate) fn failed(&mut self, capability: Capability, failure: Failure) -> Error {
        match failure {
            Failure::Guest(error) => error,
            Failure::Denied(why) => {
                let plugin = &self.context.name;
                let word = if capability == Capability::Icmp { "ADDRESS" } else { "ADDRESS:PORT" };
                let message = format!(
                    "plugin \"{plugin}\" may not connect to {why}; to allow it, name the address itself: \
                     cepmon plugin grant {plugin} {capability}:{word}"
                );
                self.refuse(capability, message)
            }
        }
    }

    /// Takes bytes from what a call may move over the network; both directions count.
    pub(crate) fn spend_network_bytes(&mut self, bytes: usize) -> Result<(), Error> {
        match self.call.network_bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.call.network_bytes_left = left;
                Ok(())
            }
            None => {
                let limit = self.context.limits.network_bytes;
                Err(Error::Other(format!("cannot move more than {limit} bytes over the network in one call")))
            }
        }
    }

    /// When a request ends: after `timeout_ns` (0 = as late as it can), and a little before the call does, so that the guest can still
    /// say what it saw.
    pub(crate) fn request_deadline(&self, timeout_ns: u64) -> Instant {
        let now = Instant::now();
        let left = self.call.deadline.saturating_duration_since(now);
        let left = left - (left / 10).min(Duration::from_millis(250));
        match timeout_ns {
            0 => now + left,
            asked => now + left.min(Duration::from_nanos(asked)),
        }
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
