//! What a plugin may do, in plain words for the page and the command line. It decides nothing: the grants do.

use cepmon_plugin::Grants;

/// The grants as things that the plugin may do, each with the capability it belongs to: `("files", "read /proc/stat")`.
pub(crate) fn permissions(grants: &Grants) -> Vec<(&'static str, String)> {
    let mut words = Vec::new();
    if !grants.files.is_empty() {
        words.push(("files", format!("read {}", grants.files.join(", "))));
    }
    if !grants.statfs.is_empty() {
        words.push(("statfs", format!("see the size of file systems at {}", grants.statfs.join(", "))));
    }
    if grants.http.target {
        words.push(("http", "connect to the host and port of its own target".to_owned()));
    }
    if !grants.http.hosts.is_empty() {
        words.push(("http", format!("connect to {}", grants.http.hosts.join(", "))));
    }
    if grants.http.insecure {
        words.push(("http", "skip the check of TLS certificates".to_owned()));
    }
    words
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
        assert_eq!(permissions(&grants), [("files", "read /proc/stat, /proc/net/dev".to_owned())]);
        assert_eq!(cannot(&grants), Some("cannot reach the network"));
        grants.http.target = true;
        assert_eq!(permissions(&grants)[1], ("http", "connect to the host and port of its own target".to_owned()));
        assert_eq!(cannot(&grants), None);
    }
}
