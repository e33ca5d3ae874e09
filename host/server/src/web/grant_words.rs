//! What a plugin may do, in plain words for the page and the command line. It decides nothing: the grants do.

use std::fmt;

use cepmon_plugin::Grants;

/// One thing that a plugin may do: `read` `/proc/stat`, `/proc/meminfo`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Permission<'a> {
    /// The capability that it belongs to.
    pub(crate) capability: &'static str,
    /// What it may do …
    pub(crate) verb: &'static str,
    /// … to what; empty when the verb says it all.
    pub(crate) objects: &'a [String],
}

impl fmt::Display for Permission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb)?;
        if self.objects.is_empty() { Ok(()) } else { write!(f, " {}", self.objects.join(", ")) }
    }
}

/// The grants as things that the plugin may do, those of one capability together.
pub(crate) fn permissions(grants: &Grants) -> Vec<Permission<'_>> {
    let http = &grants.http;
    let permissions = [
        (!grants.files.is_empty(), "files", "read", grants.files.as_slice()),
        (!grants.statfs.is_empty(), "statfs", "see the size of file systems at", &grants.statfs),
        (http.target, "http", "connect to the host and port of its own target", &[]),
        (!http.hosts.is_empty(), "http", "connect to", &http.hosts),
        (http.insecure, "http", "skip the check of TLS certificates", &[]),
    ];
    let granted = permissions.into_iter().filter(|(is_granted, ..)| *is_granted);
    granted.map(|(_, capability, verb, objects)| Permission { capability, verb, objects }).collect()
}

/// What it cannot reach at all, or `None` when it can reach a little of each.
pub(crate) fn cannot(grants: &Grants) -> Option<&'static str> {
    match (grants.allows("http"), grants.allows("files")) {
        (false, false) => Some("cannot reach network or files"),
        (false, true) => Some("cannot reach the network"),
        (true, false) => Some("cannot read files"),
        (true, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_read_as_sentences() {
        let mut grants = Grants::default();
        assert_eq!((permissions(&grants), cannot(&grants)), (Vec::new(), Some("cannot reach network or files")));
        grants.files = vec!["/proc/stat".to_owned(), "/proc/net/dev".to_owned()];
        assert_eq!(permissions(&grants)[0].to_string(), "read /proc/stat, /proc/net/dev");
        assert_eq!(cannot(&grants), Some("cannot reach the network"));
        grants.http.target = true;
        assert_eq!(permissions(&grants)[1].to_string(), "connect to the host and port of its own target");
        assert_eq!(cannot(&grants), None);
    }
}
