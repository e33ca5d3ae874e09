//! What a plugin may do, in plain words for the page and the command line. It decides nothing: the grants do.

use std::fmt;

use cepmon_plugin::{Capability, Grants};

/// One thing that a plugin may do: `read` `/proc/stat`, `/proc/meminfo`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Permission<'a> {
    /// The capability that it belongs to.
    pub(crate) capability: Capability,
    /// What it may do …
    pub(crate) verb: &'static str,
    /// … to what; empty when the verb says it all.
    pub(crate) objects: Vec<&'a str>,
}

impl fmt::Display for Permission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb)?;
        if self.objects.is_empty() { Ok(()) } else { write!(f, " {}", self.objects.join(", ")) }
    }
}

/// The grants as things that the plugin may do, those of one capability together.
pub(crate) fn permissions(grants: &Grants) -> Vec<Permission<'_>> {
    let mut permissions = Vec::new();
    for capability in Capability::ALL {
        let (flags, objects): (Vec<_>, Vec<_>) = grants.of(capability).partition(|word| flag_words(capability, word).is_some());
        if !objects.is_empty() {
            permissions.push(Permission { capability, verb: object_words(capability), objects });
        }
        let flags = flags.into_iter().filter_map(|flag| flag_words(capability, flag));
        permissions.extend(flags.map(|verb| Permission { capability, verb, objects: Vec::new() }));
    }
    permissions
}

/// Permissions that need no object.
fn flag_words(capability: Capability, word: &str) -> Option<&'static str> {
    match (capability, word) {
        (Capability::Icmp, "target") => Some("ping its own target"),
        (Capability::Dns, "target") => Some("ask its own target for names"),
        (Capability::Dns, "system") => Some("ask the system's name servers"),
        (Capability::Udp, "target") => Some("exchange datagrams with its own target"),
        (Capability::Http | Capability::Tcp, "target") => Some("connect to the host and port of its own target"),
        (Capability::Http | Capability::Tcp, "insecure") => Some("skip the check of TLS certificates"),
        _ => None,
    }
}

fn object_words(capability: Capability) -> &'static str {
    match capability {
        Capability::Files => "read",
        Capability::Statfs => "see the size of file systems at",
        Capability::Http => "ask over HTTP",
        Capability::Tcp => "connect to",
        Capability::Udp => "exchange datagrams with",
        Capability::Dns => "ask the name servers",
        Capability::Icmp => "ping",
        Capability::UnixHttp => "ask on Unix sockets for",
        Capability::State => "keep values of at most",
        Capability::Secrets => "see the secrets",
    }
}

/// What it cannot reach at all, or `None` when it can reach a little of each.
pub(crate) fn cannot(grants: &Grants) -> Option<&'static str> {
    use Capability::{Dns, Files, Http, Icmp, Tcp, Udp, UnixHttp};
    let reaches_network = [Http, Tcp, Udp, Dns, Icmp, UnixHttp].into_iter().any(|capability| grants.allows(capability));
    match (reaches_network, grants.allows(Files)) {
        (false, false) => Some("cannot reach network or files"),
        (false, true) => Some("cannot reach the network"),
        (true, false) => Some("cannot read files"),
        (true, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(words: &[(Capability, &str)]) -> Grants {
        words.iter().map(|(capability, word)| (*capability, [(*word).to_owned()].into())).collect()
    }

    #[test]
    fn grants_read_as_sentences() {
        let nothing = Grants::default();
        assert_eq!((permissions(&nothing), cannot(&nothing)), (Vec::new(), Some("cannot reach network or files")));
        let files = grants(&[(Capability::Files, "/proc/stat"), (Capability::Files, "/proc/net/dev")]);
        assert_eq!(permissions(&files)[0].to_string(), "read /proc/net/dev, /proc/stat");
        assert_eq!(cannot(&files), Some("cannot reach the network"));
        let both = grants(&[
            (Capability::Files, "/proc/stat"),
            (Capability::Http, "target"),
            (Capability::Http, "a:80"),
            (Capability::UnixHttp, "/run/d.sock:GET /info"),
        ]);
        let words: Vec<String> = permissions(&both).iter().map(ToString::to_string).collect();
        let want = [
            "read /proc/stat",
            "ask over HTTP a:80",
            "connect to the host and port of its own target",
            "ask on Unix sockets for /run/d.sock:GET /info",
        ];
        assert_eq!(words, want);
        assert_eq!(cannot(&both), None);
    }
}
