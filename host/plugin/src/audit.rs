//! What of a grant was never used, and which narrower one would have been enough: `cepmon plugin audit`. It looks at uses since the host
//! started and proposes; it changes nothing.

use std::collections::BTreeSet;

use crate::capability::glob::PathGrant;
use crate::capability::network::address::HostPattern;
use crate::capability::unix_http::SocketGrant;
use crate::grant::{Capability, Grants};
use crate::uses::OTHERS;

/// One word of a grant that could go, or be narrower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The capability.
    pub capability: Capability,
    /// The word.
    pub word: String,
    /// What would have been enough; empty = it was never used.
    pub enough: Vec<String>,
}

/// More words than that are no narrower grant, they are a log.
const MAX_WORDS: usize = 8;

/// Compares grants with uses: capability, object, times.
pub fn audit(granted: &Grants, uses: &[(Capability, String, u64)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for capability in Capability::ALL {
        let used: BTreeSet<&str> = uses.iter().filter(|(of, ..)| *of == capability).map(|(_, object, _)| object.as_str()).collect();
        // Not every object was remembered: what was used of a word is not known.
        let is_whole = !used.contains(OTHERS);
        for word in granted.of(capability).filter(|_| is_whole) {
            let covered: BTreeSet<&str> = used.iter().copied().filter(|object| covers(capability, word, object)).collect();
            let enough = match narrower(capability, word, &covered) {
                _ if covered.is_empty() => Vec::new(),
                Some(enough) => enough,
                None => continue,
            };
            findings.push(Finding { capability, word: word.to_owned(), enough });
        }
    }
    findings
}

/// Whether the use of an object rests on a word.
fn covers(capability: Capability, word: &str, object: &str) -> bool {
    if capability.flags().contains(&word) {
        return word == object;
    }
    match capability {
        Capability::Files | Capability::Statfs => {
            let grant = PathGrant::new([word].into_iter());
            grant.allows(object) || grant.allows_listing(object)
        }
        Capability::Icmp => HostPattern::parse_host(word).is_ok_and(|pattern| pattern.covers(object)),
        Capability::Http | Capability::Tcp | Capability::Udp | Capability::Dns => {
            HostPattern::parse(word).is_ok_and(|pattern| pattern.covers(object))
        }
        Capability::UnixHttp => SocketGrant::new([word].into_iter()).covers(object),
        Capability::State => true,
        Capability::Secrets => word == object,
    }
}

/// Words that would have been enough for what was used; none if the word itself says no more than that.
fn narrower(capability: Capability, word: &str, used: &BTreeSet<&str>) -> Option<Vec<String>> {
    if !word.contains('*') {
        return None;
    }
    let listed: Vec<String> = used.iter().map(|&object| object.to_owned()).collect();
    let enough = match capability {
        Capability::Files | Capability::Statfs => {
            // Folders on the way to a wildcard are listed by leave of what lies in them.
            let files: Vec<&str> = used.iter().copied().filter(|path| PathGrant::new([word].into_iter()).allows(path)).collect();
            if files.is_empty() {
                return None;
            }
            if files.len() <= MAX_WORDS && files.len() == used.len() { listed } else { vec![common_glob(&files)] }
        }
        _ if used.len() <= MAX_WORDS => listed,
        _ => return None,
    };
    (enough != [word]).then_some(enough)
}

/// The narrowest glob of single segments that covers all paths; where they differ in length, everything below what they share.
fn common_glob(paths: &[&str]) -> String {
    let split = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let mut shared = split(paths.first().copied().unwrap_or_default());
    let is_same_length = paths.iter().all(|path| split(path).len() == shared.len());
    for path in &paths[1..] {
        let segments = split(path);
        if is_same_length {
            for (own, other) in shared.iter_mut().zip(&segments) {
                if own != other {
                    *own = "*".to_owned();
                }
            }
        } else {
            let common = shared.iter().zip(&segments).take_while(|(own, other)| own == other).count();
            shared.truncate(common);
        }
    }
    if is_same_length { shared.join("/") } else { format!("{}/**", shared.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::grants;

    fn findings(words: &[&str], uses: &[(Capability, &str)]) -> Vec<String> {
        let uses: Vec<_> = uses.iter().map(|(capability, object)| (*capability, (*object).to_owned(), 1)).collect();
        let line = |finding: Finding| format!("{}:{} -> {}", finding.capability, finding.word, finding.enough.join(" "));
        audit(&grants(words), &uses).into_iter().map(line).collect()
    }

    #[test]
    fn what_was_never_used_is_named_and_what_was_used_is_not() {
        use Capability::{Files, Http, Secrets, State, UnixHttp};
        let words = [
            "files:/proc/stat",
            "files:/proc/meminfo",
            "http:target",
            "http:insecure",
            "http:a.example:443",
            "unix-http:/run/d.sock:GET /containers/*/stats",
            "state:1MiB",
            "secrets:a",
            "secrets:b",
        ];
        let uses = [
            (Files, "/proc/stat"),
            (Http, "target"),
            (Http, "a.example:443"),
            (UnixHttp, "/run/d.sock:GET /containers/1/stats"),
            (State, "state"),
            (Secrets, "a"),
        ];
        let want = [
            "files:/proc/meminfo -> ",
            "http:insecure -> ",
            "unix-http:/run/d.sock:GET /containers/*/stats -> /run/d.sock:GET /containers/1/stats",
            "secrets:b -> ",
        ];
        assert_eq!(findings(&words, &uses), want);
    }

    #[test]
    fn a_wildcard_is_narrowed_to_what_was_used() {
        use Capability::{Files, Http};
        let check = |word: &str, uses: &[(Capability, &str)], want: &[&str]| assert_eq!(findings(&[word], uses), want, "{word}");
        check("files:/sys/**", &[(Files, "/sys/a"), (Files, "/sys/b/c")], &["files:/sys/** -> /sys/a /sys/b/c"]);
        let names: Vec<String> = (0..20).map(|number| format!("/sys/class/net/eth{number}/mtu")).collect();
        let many: Vec<_> = names.iter().map(|name| (Files, name.as_str())).collect();
        check("files:/sys/**", &many, &["files:/sys/** -> /sys/class/net/*/mtu"]);
        check("files:/sys/class/net/*/mtu", &many, &[]);
        let mut mixed = many.clone();
        mixed.push((Files, "/sys/class/net/eth0/statistics/rx_bytes"));
        check("files:/sys/**", &mixed, &["files:/sys/** -> /sys/class/net/**"]);
        check("http:*.example.com:*", &[(Http, "a.example.com:443")], &["http:*.example.com:* -> a.example.com:443"]);
        check("files:/sys/**", &[(Files, "/sys/a"), (Files, OTHERS)], &[]);
    }
}
