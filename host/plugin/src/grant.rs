//! What the operator lets a plugin do: the recorded grant is the effective grant. A grant is a set of words per capability, the
//! same words on the command line, in lock files and in SQL; this file reads, widens and narrows it. Where it is recorded is
//! `lock.rs`, how it is enforced `access.rs` and the files of `capability`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::capability::glob::check_pattern;
use crate::capability::network::address::HostPattern;
use crate::capability::unix_http::RequestPattern;
use crate::manifest::{Capabilities, Manifest};

/// The permissions that exist beside `log`, `config` and `clock`, which need none: each an interface of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Read files.
    Files,
    /// See the size of file systems.
    Statfs,
    /// Ask over HTTP.
    Http,
    /// Open TCP connections.
    Tcp,
    /// Exchange datagrams.
    Udp,
    /// Ask name servers.
    Dns,
    /// Send echo requests.
    Icmp,
    /// Ask over HTTP on a Unix socket.
    UnixHttp,
    /// Keep a few values.
    State,
    /// See passwords and tokens.
    Secrets,
}

impl Capability {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 10] =
        [Self::Files, Self::Statfs, Self::Http, Self::Tcp, Self::Udp, Self::Dns, Self::Icmp, Self::UnixHttp, Self::State, Self::Secrets];

    /// Its name: of the interface, in the manifest and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Statfs => "statfs",
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Dns => "dns",
            Self::Icmp => "icmp",
            Self::UnixHttp => "unix-http",
            Self::State => "state",
            Self::Secrets => "secrets",
        }
    }

    /// The capability of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.as_str() == name)
    }

    /// Words that are no name of a file, host or secret but a permission of their own: what the manifest does not ask for has no
    /// effect, so they can only be granted to a plugin that asks for them.
    pub(crate) fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Http | Self::Tcp => &[TARGET, INSECURE],
            Self::Udp | Self::Icmp => &[TARGET],
            Self::Dns => &[TARGET, SYSTEM],
            _ => &[],
        }
    }

    /// Whether a word can be granted; the error says what was expected.
    pub(crate) fn check_word(self, word: &str) -> Result<(), &'static str> {
        match self {
            _ if self.flags().contains(&word) => Ok(()),
            Self::Files | Self::Statfs => check_pattern(word),
            Self::Http | Self::Tcp | Self::Udp | Self::Dns => HostPattern::parse(word).map(drop),
            Self::Icmp => HostPattern::parse_host(word).map(drop),
            Self::UnixHttp => RequestPattern::parse(word).map(drop),
            Self::State => crate::manifest::parse_size(word).map(drop).ok_or("expected a size, such as 64KiB"),
            Self::Secrets if is_secret_name(word) => Ok(()),
            Self::Secrets => Err("expected the name of a secret: letters, digits, - and _"),
        }
    }
}

/// The call's own target.
pub(crate) const TARGET: &str = "target";
/// TLS without verification.
pub(crate) const INSECURE: &str = "insecure";
/// The system's name servers.
pub(crate) const SYSTEM: &str = "system";

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Permissions given (or asked for): words by capability, none of them empty. Nothing is granted by default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Grants(BTreeMap<Capability, BTreeSet<String>>);

impl Grants {
    /// Everything that a manifest asks for.
    pub fn asked(capabilities: &Capabilities) -> Self {
        let asked = |capability| Some((capability, capabilities.words(capability)?));
        Capability::ALL.into_iter().filter_map(asked).collect()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words of a capability, sorted.
    pub fn of(&self, capability: Capability) -> impl Iterator<Item = &str> {
        self.0.get(&capability).into_iter().flatten().map(String::as_str)
    }

    /// Whether a very word is in it.
    pub fn has(&self, capability: Capability, word: &str) -> bool {
        self.0.get(&capability).is_some_and(|words| words.contains(word))
    }

    /// Whether the capability may be used at all, which decides whether its interface is linked. `insecure` alone reaches nothing.
    pub fn allows(&self, capability: Capability) -> bool {
        self.of(capability).any(|word| word != INSECURE)
    }

    /// What `self` has and `other` has not.
    pub fn without(&self, other: &Self) -> Self {
        let missing = |(&capability, words): (&Capability, &BTreeSet<String>)| {
            (capability, words.iter().filter(|word| !other.has(capability, word)).cloned().collect())
        };
        self.0.iter().map(missing).collect()
    }

    /// Adds what a word of the command line names: a capability (then all that the manifest asks of it) or a capability and one of its
    /// words, such as `files:/proc/stat`, `http:target` or `http:HOST:PORT`. Only a capability that the manifest asks for can be
    /// granted; within it, also what the author could not know, such as hosts and paths.
    pub fn grant(&mut self, manifest: &Manifest, word: &str) -> Result<(), Error> {
        const NO_EFFECT: &str = "the plugin does not ask for it, so it would have no effect";
        let asked = Self::asked(&manifest.capabilities);
        let fail = |problem: &str| Error::Grant {
            action: "grant",
            capability: word.to_owned(),
            plugin: manifest.name.clone(),
            problem: problem.to_owned(),
        };
        let (name, value) = split(word);
        let Some(capability) = Capability::parse(name) else {
            return Err(fail(&format!("no such capability; known are {}", Capability::ALL.map(Capability::as_str).join(", "))));
        };
        if !asked.allows(capability) {
            return Err(fail(NO_EFFECT));
        }
        let Some(value) = value else {
            self.extend([(capability, asked.of(capability).map(str::to_owned).collect())]);
            return Ok(());
        };
        if capability.flags().contains(&value) && !asked.has(capability, value) {
            return Err(fail(NO_EFFECT));
        }
        capability.check_word(value).map_err(fail)?;
        self.extend([(capability, BTreeSet::from([value.to_owned()]))]);
        Ok(())
    }

    /// Takes back what a word names, in the spelling of [`Grants::grant`].
    pub fn revoke(&mut self, plugin: &str, word: &str) -> Result<(), Error> {
        let (name, value) = split(word);
        let was_there = Capability::parse(name).is_some_and(|capability| match value {
            None => self.0.remove(&capability).is_some(),
            Some(value) => self.0.get_mut(&capability).is_some_and(|words| words.remove(value)),
        });
        self.0.retain(|_, words| !words.is_empty());
        if was_there {
            return Ok(());
        }
        let problem = match self.words() {
            words if words.is_empty() => "it has no grant at all".to_owned(),
            words => format!("it is not granted; granted are {}", words.join(", ")),
        };
        Err(Error::Grant { action: "revoke", capability: word.to_owned(), plugin: plugin.to_owned(), problem })
    }

    /// The grant as words of the command line: `files:/proc/stat`.
    pub fn words(&self) -> Vec<String> {
        self.0.iter().flat_map(|(capability, words)| words.iter().map(move |word| format!("{capability}:{word}"))).collect()
    }
}

impl Extend<(Capability, BTreeSet<String>)> for Grants {
    fn extend<I: IntoIterator<Item = (Capability, BTreeSet<String>)>>(&mut self, permissions: I) {
        for (capability, words) in permissions.into_iter().filter(|(_, words)| !words.is_empty()) {
            self.0.entry(capability).or_default().extend(words);
        }
    }
}

impl FromIterator<(Capability, BTreeSet<String>)> for Grants {
    fn from_iter<I: IntoIterator<Item = (Capability, BTreeSet<String>)>>(permissions: I) -> Self {
        let mut grants = Self::default();
        grants.extend(permissions);
        grants
    }
}

/// A word of a lock file that could not have been granted is an error: leaving it out would change what the file says.
impl<'de> Deserialize<'de> for Grants {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let permissions = BTreeMap::<Capability, BTreeSet<String>>::deserialize(deserializer)?;
        for (capability, words) in &permissions {
            for word in words {
                capability
                    .check_word(word)
                    .map_err(|expected| serde::de::Error::custom(format!("{capability} \"{word}\" is no grant: {expected}")))?;
            }
        }
        Ok(permissions.into_iter().collect())
    }
}

/// The words, one a line, or `nothing`.
impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        f.write_str(&self.words().join("\n"))
    }
}

fn split(word: &str) -> (&str, Option<&str>) {
    match word.split_once(':') {
        Some((capability, value)) => (capability, Some(value)),
        None => (word, None),
    }
}

/// Whether a text may be the name of a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let text = r#"
name = "p"
version = "0.1.0"
kind = "probe"
description = "d"
license = "Apache-2.0"
[capabilities.http]
target = true
hosts = ["a.example:443"]
reason = "r"
[capabilities.unix-http]
requests = ["/run/d.sock:GET /containers/json"]
reason = "r"
"#;
        Manifest::parse(text.as_bytes(), "t").unwrap()
    }

    #[test]
    fn words_widen_and_narrow_a_grant() {
        let mut grants = Grants::default();
        grants.grant(&manifest(), "http:target").unwrap();
        assert_eq!(grants.words(), ["http:target"]);
        grants.grant(&manifest(), "http:b.example:80").unwrap();
        grants.grant(&manifest(), "http").unwrap();
        assert_eq!(grants.words(), ["http:a.example:443", "http:b.example:80", "http:target"]);
        grants.revoke("p", "http:target").unwrap();
        assert_eq!(grants.words(), ["http:a.example:443", "http:b.example:80"]);
        grants.revoke("p", "http").unwrap();
        assert!(grants.is_empty());
        grants.grant(&manifest(), "unix-http:/run/d.sock:GET /containers/*/stats").unwrap();
        assert_eq!(grants.words(), ["unix-http:/run/d.sock:GET /containers/*/stats"]);
    }

    #[test]
    fn what_is_not_asked_for_is_not_granted() {
        let check = |word: &str, want: &str| {
            let message = Grants::default().grant(&manifest(), word).unwrap_err().to_string();
            assert!(message.contains(want), "{message}");
        };
        check("files", "the plugin does not ask for it");
        check("http:insecure", "the plugin does not ask for it");
        check("sockets", "no such capability; known are files, statfs, http");
        check("http:b.example", "expected host:port");
        check("unix-http:/run/d.sock", "expected SOCKET:METHOD PATH");
        let message = Grants::default().revoke("p", "http").unwrap_err().to_string();
        assert_eq!(message, "cannot revoke \"http\" for plugin \"p\": it has no grant at all");
    }

    #[test]
    fn the_difference_is_what_is_missing() {
        let asked = Grants::asked(&manifest().capabilities);
        let mut granted = asked.clone();
        assert!(asked.without(&granted).is_empty());
        granted.revoke("p", "http:a.example:443").unwrap();
        assert_eq!(asked.without(&granted).words(), ["http:a.example:443"]);
    }

    #[test]
    fn a_lock_file_says_only_what_can_be_granted() {
        let asked = Grants::asked(&manifest().capabilities);
        let text = toml::to_string(&asked).unwrap();
        assert_eq!(text, "http = [\"a.example:443\", \"target\"]\nunix-http = [\"/run/d.sock:GET /containers/json\"]\n");
        assert_eq!(toml::from_str::<Grants>(&text).unwrap(), asked);
        let message = toml::from_str::<Grants>("files = [\"etc/passwd\"]").unwrap_err().to_string();
        assert!(message.contains("files \"etc/passwd\" is no grant: expected an absolute path"), "{message}");
        assert!(toml::from_str::<Grants>("sockets = []").is_err());
    }
}
