//! A plugin's grants as the host functions ask for them: compiled once when the plugin is loaded. It decides; what is refused is
//! answered and counted by `capability/denial.rs`.

use std::collections::BTreeSet;

use crate::capability::glob::PathGrant;
use crate::capability::network::address::HostGrant;
use crate::capability::unix_http::SocketGrant;
use crate::grant::{Capability, Grants};

/// What one plugin may reach.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) files: PathGrant,
    pub(crate) statfs: PathGrant,
    pub(crate) http: HostGrant,
    pub(crate) tcp: HostGrant,
    pub(crate) udp: HostGrant,
    pub(crate) dns: HostGrant,
    pub(crate) icmp: HostGrant,
    pub(crate) sockets: SocketGrant,
    /// Bytes of keys and values; 0 = no state.
    pub(crate) state_bytes: usize,
    pub(crate) secrets: BTreeSet<String>,
}

impl Access {
    pub(crate) fn new(grants: &Grants) -> Self {
        use Capability::{Dns, Files, Http, Icmp, Secrets, State, Statfs, Tcp, Udp, UnixHttp};
        Self {
            files: PathGrant::new(grants.of(Files)),
            statfs: PathGrant::new(grants.of(Statfs)),
            http: HostGrant::new(grants.of(Http), &[80, 443]),
            tcp: HostGrant::new(grants.of(Tcp), &[]),
            udp: HostGrant::new(grants.of(Udp), &[]),
            dns: HostGrant::new(grants.of(Dns), &[53]),
            icmp: HostGrant::of_hosts(grants.of(Icmp)),
            sockets: SocketGrant::new(grants.of(UnixHttp)),
            state_bytes: grants.of(State).filter_map(crate::manifest::parse_size).max().unwrap_or(0).min(MAX_STATE_BYTES),
            secrets: grants.of(Secrets).map(str::to_owned).collect(),
        }
    }
}

/// The most that one plugin may keep, whatever its grant says: state is for positions and tokens, not for data.
const MAX_STATE_BYTES: usize = 16 << 20;
