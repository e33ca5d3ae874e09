//! Which host and port a call may reach, and which addresses a name may lead to. Pure decisions; who resolves and connects is
//! `connection.rs`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
        let host = bare_host(host);
        let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:*".contains(&byte));
        let name = host.strip_prefix("*.").unwrap_or(&host);
        if !is_host || (name.contains('*') && host != "*") || (host.contains(':') && host.parse::<Ipv6Addr>().is_err()) {
            return Err(EXPECTED);
        }
        Ok(Self { host, port })
    }

    fn matches(&self, host: &str, port: u16) -> bool {
        let is_host = match self.host.strip_prefix('*') {
            Some("") => true,
            Some(domain) => host.ends_with(domain),
            None => self.host == host,
        };
        is_host && self.port.is_none_or(|granted| granted == port)
    }

    fn is_wildcard(&self) -> bool {
        self.host.starts_with('*')
    }
}

/// The host and port that a target's address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetAddress {
    host: String,
    /// None = no port was given: the defaults 80 and 443.
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
                    "http" => 80,
                    "https" => 443,
                    _ => return None,
                };
                (authority.rsplit('@').next().unwrap_or_default(), Some(port))
            }
            None => (address.split('/').next().unwrap_or_default(), None),
        };
        let (host, port) = match authority.rsplit_once(':') {
            // More than one colon and no brackets is a bare IPv6 address.
            Some((host, _)) if host.contains(':') && !host.ends_with(']') => (authority, None),
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (authority, None),
        };
        let host = bare_host(host);
        (!host.is_empty()).then_some(Self { host, port: port.or(default_port), is_static })
    }

    fn matches(&self, host: &str, port: u16) -> bool {
        self.host == host && self.port.map_or(port == 80 || port == 443, |own| own == port)
    }
}

/// What the `http` interface may reach in one plugin.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostGrant {
    target: bool,
    hosts: Vec<HostPattern>,
    pub(crate) insecure: bool,
}

/// Why a host may be reached; decides which addresses its name may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Loopback and private networks are fine: the operator named the very host.
    private: bool,
    /// Link-local and metadata addresses are fine: the operator wrote the very address.
    literal: bool,
}

impl HostGrant {
    pub(crate) fn new(grant: &crate::grant::HttpGrant) -> Self {
        let hosts = grant.hosts.iter().filter_map(|host| HostPattern::parse(host).ok()).collect();
        Self { target: grant.target, hosts, insecure: grant.insecure }
    }

    /// Whether a host and port may be reached by a call about `target`.
    pub(crate) fn reach(&self, target: Option<&TargetAddress>, host: &str, port: u16) -> Option<Reach> {
        let host = bare_host(host);
        let is_literal = host.parse::<IpAddr>().is_ok();
        let own = target
            .filter(|target| self.target && target.matches(&host, port))
            .map(|target| Reach { private: true, literal: is_literal && target.is_static });
        let granted = self
            .hosts
            .iter()
            .filter(|pattern| pattern.matches(&host, port))
            .map(|pattern| Reach { private: !pattern.is_wildcard(), literal: is_literal && !pattern.is_wildcard() });
        own.into_iter().chain(granted).reduce(|a, b| Reach { private: a.private || b.private, literal: a.literal || b.literal })
    }
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

/// Lower case, without the brackets of IPv6 and the dot at the end of a full name.
fn bare_host(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::HttpGrant;

    fn grant(target: bool, hosts: &[&str]) -> HostGrant {
        HostGrant::new(&HttpGrant { target, hosts: hosts.iter().map(|&host| host.to_owned()).collect(), insecure: false })
    }

    #[test]
    fn a_call_reaches_its_own_target_and_nothing_else() {
        let check = |address: &str, host: &str, port: u16, want: bool| {
            let target = TargetAddress::parse(address, true);
            assert_eq!(grant(true, &[]).reach(target.as_ref(), host, port).is_some(), want, "{address} {host}:{port}");
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
        assert_eq!(grant(false, &[]).reach(TargetAddress::parse("a:1", true).as_ref(), "a", 1), None);
    }

    #[test]
    fn granted_hosts_match_by_name_and_port() {
        let check = |pattern: &str, host: &str, port: u16, want: bool| {
            assert_eq!(grant(false, &[pattern]).reach(None, host, port).is_some(), want, "{pattern} {host}:{port}");
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
            let reach = grant.reach(target.as_ref(), host, 80).unwrap();
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
