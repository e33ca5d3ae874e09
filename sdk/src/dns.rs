//! Names: as the system resolves them, and as one name server answers one question.

use std::time::Duration;

use crate::Error;
use crate::bindings::dns;

pub use crate::bindings::dns::{Answer, ResourceRecord, Transport};
pub use crate::bindings::types::IpFamily;

/// One question.
#[derive(Debug, Clone)]
pub struct Question {
    record: dns::Question,
}

impl Question {
    /// A question of class `IN` over UDP that asks for recursion: `A`, `AAAA`, `MX`, `TYPE65`, … of a name. Without
    /// [`Question::server`] the system's first name server is asked, which needs the grant `dns:system`.
    pub fn new(name: impl Into<String>, record_type: impl Into<String>) -> Self {
        Self {
            record: dns::Question {
                name: name.into(),
                record_type: record_type.into(),
                class: "IN".to_owned(),
                server: None,
                transport: Transport::Udp,
                family: IpFamily::Any,
                is_recursion_desired: true,
                timeout_ns: 0,
            },
        }
    }

    /// Asks this server, `host` or `host:port`.
    #[must_use]
    pub fn server(mut self, server: impl Into<String>) -> Self {
        self.record.server = Some(server.into());
        self
    }

    /// `IN`, `CH` or `HS`.
    #[must_use]
    pub fn class(mut self, class: impl Into<String>) -> Self {
        self.record.class = class.into();
        self
    }

    /// UDP or TCP.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.record.transport = transport;
        self
    }

    /// Reaches the server only over this family.
    #[must_use]
    pub fn family(mut self, family: IpFamily) -> Self {
        self.record.family = family;
        self
    }

    /// Whether the server should ask others.
    #[must_use]
    pub fn recursion(mut self, is_desired: bool) -> Self {
        self.record.is_recursion_desired = is_desired;
        self
    }

    /// Gives up after this long; without it, at the deadline of the call.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.record.timeout_ns = crate::clock::nanos(timeout);
        self
    }

    /// Asks, and waits for the answer. A response code such as NXDOMAIN is an answer, not an error.
    ///
    /// # Errors
    /// [`Error::Config`] for a name, type or class that does not exist, [`Error::Denied`], [`Error::Unreachable`], [`Error::Timeout`],
    /// [`Error::Protocol`].
    pub fn ask(self) -> Result<Answer, Error> {
        #[cfg(target_family = "wasm")]
        return dns::query(&self.record).map_err(crate::error::from_host);
        #[cfg(not(target_family = "wasm"))]
        return Err(Error::Unreachable(format!("cannot ask for {}: DNS needs a cepmon around the plugin", self.record.name)));
    }
}

/// The addresses of a name as the system resolves it, its hosts file included. Needs the grant `dns:system`.
///
/// # Errors
/// [`Error::Denied`], [`Error::Unreachable`] for a name without addresses, [`Error::Timeout`].
pub fn resolve(name: &str, family: IpFamily) -> Result<Vec<String>, Error> {
    #[cfg(target_family = "wasm")]
    return dns::resolve(name, family).map_err(crate::error::from_host);
    #[cfg(not(target_family = "wasm"))]
    return Err(Error::Unreachable(format!("cannot resolve {name} ({family:?}): DNS needs a cepmon around the plugin")));
}
