//! Which host and port a call may reach, and which addresses a name may lead to. Pure decisions; who resolves and connects is
//! `connect.rs`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::grant::{INSECURE, SYSTEM, TARGET};

/// A host and port that the operator granted: `host:port`, with `*` for any port and `*.domain` for every name below a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPattern {
    host: String,
    port: Option<u16>,
}

impl HostPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected host:port, such as api.example.com:443";
        let (host, port) = text.rsplit_once(':').ok_or(EXPECTED)?;
        let port = match port {
            "*" => None,
            number => Some(number.parse::<u16>().map_err(|_| EXPECTED)?),
        };
        Self::of(host, port).ok_or(EXPECTED)
    }

    /// A host without a port, which then is any.
    pub(crate) fn parse_host(text: &str) -> Result<Self, &'static str> {
        Self::of(text, None).ok_or("expected a host, such as example.com, *.example.com or 192.0.2.1")
    }

    fn of(host: &str, port: Option<u16>) -> Option<Self> {
        let host = bare_host(host);
        let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:*".contains(&byte));
        let name = host.strip_prefix("*.").unwrap_or(&host);
        let is_wrong = !is_host || (name.contains('*') && host != "*") || (host.contains(':') && host.parse::<Ipv6Addr>().is_err());
        (!is_wrong).then_some(Self { host, port })
    }

    fn matches(&self, host: &str, port: Option<u16>) -> bool {
        let is_host = match self.host.strip_prefix('*') {
            Some("") => true,
            Some(domain) => host.ends_with(domain),
            None => self.host == host,
        };
        is_host && self.port.is_none_or(|granted| Some(granted) == port)
    }

    /// Whether it covers a host and port, or a host, as a use is written down.
    pub(crate) fn covers(&self, place: &str) -> bool {
        split_host_port(place).is_some_and(|(host, port)| self.matches(&host, port))
    }

    fn is_wildcard(&self) -> bool {
        self.host.starts_with('*')
    }
}

/// The host and port that a target's address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetAddress {
    host: String,
    /// None = the address names none: the default ports of the interface.
    port: Option<u16>,
    is_static: bool,
}

impl TargetAddress {
    /// Of `host`, `host:port`, `[v6]:port` or a URL; none if it names no host. `is_static`: the operator wrote it down himself.
    pub(crate) fn parse(address: &str, is_static: bool) -> Option<Self> {
        let (authority, default_port) = match address.split_once("://") {
            Some((scheme, rest)) => {
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let port = match scheme.to_ascii_lowercase().as_str() {
                    "http" => Some(80),
                    "https" => Some(443),
                    _ => None,
                };
                (authority.rsplit('@').next().unwrap_or_default(), port)
            }
            None => (address.split('/').next().unwrap_or_default(), None),
        };
        let (host, port) = split_host_port(authority)?;
        Some(Self { host, port: port.or(default_port), is_static })
    }
}

/// What one network interface may reach in one plugin.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostGrant {
    target: bool,
    hosts: Vec<HostPattern>,
    /// Of a target whose address names no port; empty with interfaces that have no ports at all.
    default_ports: &'static [u16],
    has_ports: bool,
    /// TLS without verification.
    pub(crate) insecure: bool,
    /// The system's own name servers.
    pub(crate) system: bool,
}

impl HostGrant {
    /// Of the words of a grant; a target whose address names no port is reached at `default_ports`.
    pub(crate) fn new<'a>(words: impl Iterator<Item = &'a str>, default_ports: &'static [u16]) -> Self {
        let mut grant = Self { default_ports, has_ports: true, ..Self::default() };
        for word in words {
            match word {
                TARGET => grant.target = true,
                INSECURE => grant.insecure = true,
                SYSTEM => grant.system = true,
                host => grant.hosts.extend(HostPattern::parse(host)),
            }
        }
        grant
    }

    /// The same for an interface without ports.
    pub(crate) fn of_hosts<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut grant = Self::default();
        for word in words {
            match word {
                TARGET => grant.target = true,
                host => grant.hosts.extend(HostPattern::parse_host(host)),
            }
        }
        grant
    }

    /// Whether a host and port (none for an interface without ports) may be reached by a call about `target`.
    pub(crate) fn reach(&self, target: Option<&TargetAddress>, host: &str, port: Option<u16>) -> Option<Reach> {
        let host = bare_host(host);
        let is_literal = host.parse::<IpAddr>().is_ok();
        let own = target.filter(|target| self.target && target.host == host && self.is_port_of(target, port)).map(|target| Reach {
            private: true,
            literal: is_literal && target.is_static,
            is_target: true,
        });
        let granted = self.hosts.iter().filter(|pattern| pattern.matches(&host, port)).map(|pattern| Reach {
            private: !pattern.is_wildcard(),
            literal: is_literal && !pattern.is_wildcard(),
            is_target: false,
        });
        own.into_iter().chain(granted).reduce(|a, b| Reach {
            private: a.private || b.private,
            literal: a.literal || b.literal,
            is_target: a.is_target || b.is_target,
        })
    }

    fn is_port_of(&self, target: &TargetAddress, port: Option<u16>) -> bool {
        !self.has_ports || port.is_some_and(|port| target.port.map_or(self.default_ports.contains(&port), |own| own == port))
    }
}

/// Why a host may be reached; decides which addresses its name may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Loopback and private networks are fine: the operator named the very host.
    private: bool,
    /// Link-local and metadata addresses are fine: the operator wrote the very address.
    literal: bool,
    /// It is the call's own target.
    pub(crate) is_target: bool,
}

impl Reach {
    /// Of what the system's own configuration names.
    pub(crate) const SYSTEM: Self = Self { private: true, literal: true, is_target: false };
    /// Of what somebody points to whom the operator named.
    pub(crate) const NAMED: Self = Self { private: true, literal: false, is_target: false };
}

/// Why an address may not be connected to; none if it may.
pub(crate) fn refusal(address: IpAddr, reach: Reach) -> Option<&'static str> {
    let address = canonical(address);
    if is_metadata(address) && !reach.literal {
        return Some("a link-local or cloud-metadata address");
    }
    let is_multicast = address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST);
    if is_multicast {
        return Some("a multicast or broadcast address");
    }
    if !reach.private && is_private(address) {
        return Some("a loopback or private address");
    }
    None
}

/// IPv4 hidden in IPv6 (mapped, or behind NAT64's well-known prefix) is IPv4.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        _ => v6.to_canonical(),
    }
}

fn is_metadata(address: IpAddr) -> bool {
    match address {
        // 100.100.100.200 is Alibaba's, 168.63.129.16 Azure's.
        IpAddr::V4(v4) => v4.is_link_local() || [[100, 100, 100, 200], [168, 63, 129, 16]].contains(&v4.octets()),
        // fd00:ec2::254 is Amazon's.
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let is_shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            v4.is_loopback() || v4.is_private() || v4.is_unspecified() || v4.octets()[0] == 0 || is_shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local(),
    }
}

/// `host`, `host:port`, `[v6]:port` or a bare IPv6 address; none if it is neither.
pub(crate) fn split_host_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        // More than one colon and no brackets is a bare IPv6 address.
        Some((host, _)) if host.contains(':') && !host.ends_with(']') => (text, None),
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (text, None),
    };
    let host = bare_host(host);
    (!host.is_empty()).then_some((host, port))
}

/// `host:port` as people write it, IPv6 addresses in brackets.
pub(crate) fn host_port(host: &str, port: u16) -> String {
    let is_bare_v6 = host.contains(':') && !host.starts_with('[');
    if is_bare_v6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Lower case, without the brackets of IPv6 and the dot at the end of a full name.
fn bare_host(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(target: bool, hosts: &[&'static str]) -> HostGrant {
        HostGrant::new(hosts.iter().copied().chain(target.then_some(TARGET)), &[80, 443])
    }

    #[test]
    fn a_call_reaches_its_own_target_and_nothing_else() {
        let check = |address: &str, host: &str, port: u16, want: bool| {
            let target = TargetAddress::parse(address, true);
            assert_eq!(grant(true, &[]).reach(target.as_ref(), host, Some(port)).is_some(), want, "{address} {host}:{port}");
        };
        check("localhost:9100", "localhost", 9100, true);
        check("localhost:9100", "LOCALHOST.", 9100, true);
        check("localhost:9100", "localhost", 9101, false);
        check("localhost:9100", "localhost.evil", 9100, false);
        check("example.com", "example.com", 443, true);
        check("example.com", "example.com", 8080, false);
        check("https://example.com/a?b=c:1", "example.com", 443, true);
        check("https://example.com/a", "example.com", 80, false);
        check("http://user@example.com:81/@evil:80", "example.com", 81, true);
        check("[::1]:9100", "::1", 9100, true);
        check("::1", "[::1]", 80, true);
        check("", "example.com", 80, false);
        check("postgres://user:pass@db:5432/app", "db", 5432, true);
        check("postgres://db/app", "db", 5432, false);
        assert_eq!(grant(false, &[]).reach(TargetAddress::parse("a:1", true).as_ref(), "a", Some(1)), None);
    }

    #[test]
    fn granted_hosts_match_by_name_and_port() {
        let check = |pattern: &'static str, host: &str, port: u16, want: bool| {
            assert_eq!(grant(false, &[pattern]).reach(None, host, Some(port)).is_some(), want, "{pattern} {host}:{port}");
        };
        check("api.example.com:443", "api.example.com", 443, true);
        check("api.example.com:443", "api.example.com", 80, false);
        check("api.example.com:*", "api.example.com", 80, true);
        check("*.example.com:443", "a.example.com", 443, true);
        check("*.example.com:443", "example.com", 443, false);
        check("*.example.com:443", "badexample.com", 443, false);
        check("[fe80::1]:80", "fe80::1", 80, true);
        for bad in ["example.com", "example.com:http", ":80", "a*.b:80", "a b:80", "1:2:3"] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_lead_only_where_they_may() {
        let refused = |grant: &HostGrant, target: Option<&str>, is_static: bool, host: &str, ip: &str| {
            let target = target.and_then(|address| TargetAddress::parse(address, is_static));
            let reach = grant.reach(target.as_ref(), host, Some(80)).unwrap();
            refusal(ip.parse().unwrap(), reach).is_some()
        };
        let own = grant(true, &[]);
        assert!(!refused(&own, Some("web:80"), false, "web", "127.0.0.1"));
        assert!(!refused(&own, Some("web:80"), false, "web", "10.0.0.1"));
        assert!(refused(&own, Some("web:80"), true, "web", "169.254.169.254"));
        assert!(refused(&own, Some("web:80"), true, "web", "::ffff:169.254.169.254"));
        assert!(refused(&own, Some("web:80"), true, "web", "64:ff9b::a9fe:a9fe"));
        assert!(refused(&own, Some("169.254.169.254:80"), false, "169.254.169.254", "169.254.169.254"));
        assert!(!refused(&own, Some("169.254.169.254:80"), true, "169.254.169.254", "169.254.169.254"));
        assert!(refused(&grant(false, &["*:80"]), None, false, "web", "127.0.0.1"));
        assert!(refused(&grant(false, &["*:80"]), None, false, "web", "fd00:ec2::254"));
        assert!(!refused(&grant(false, &["*:80"]), None, false, "web", "93.184.216.34"));
        assert!(!refused(&grant(false, &["web:80"]), None, false, "web", "10.0.0.1"));
        assert!(refused(&own, Some("web:80"), false, "web", "224.0.0.1"));
    }
}
