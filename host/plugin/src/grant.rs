//! What the operator lets a plugin do: the recorded grant is the effective grant. One place reads, widens and narrows it; where it
//! is recorded is `lock.rs`, how it is enforced stands beside each capability.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::capability::glob::check_pattern;
use crate::capability::http::address::HostPattern;
use crate::manifest::{Capabilities, Manifest};

/// Permissions given (or asked for). Nothing is granted by default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// Globs of files that may be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Globs of paths whose file systems may be sized.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statfs: Vec<String>,
    /// What may be asked over HTTP.
    #[serde(default, skip_serializing_if = "HttpGrant::is_empty")]
    pub http: HttpGrant,
}

/// Permissions of the `http` interface.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// The host and port of each call's own target.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub target: bool,
    /// Further hosts, `host:port`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// May switch the verification of certificates off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
}

impl HttpGrant {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The capabilities that have to be granted, by the names that the manifest and the command line use.
pub const CAPABILITIES: [&str; 3] = ["files", "statfs", "http"];

impl Grants {
    /// Everything that a manifest asks for.
    pub fn asked(capabilities: &Capabilities) -> Self {
        let paths = |asked: &Option<crate::manifest::AskedPaths>| asked.as_ref().map(|asked| asked.paths.clone()).unwrap_or_default();
        let http = capabilities.http.as_ref();
        Self {
            files: paths(&capabilities.files),
            statfs: paths(&capabilities.statfs),
            http: http
                .map(|asked| HttpGrant { target: asked.target, hosts: asked.hosts.clone(), insecure: asked.insecure })
                .unwrap_or_default(),
        }
        .sorted()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the capability of that name may be used at all, which decides whether its interface is linked.
    pub fn allows(&self, capability: &str) -> bool {
        match capability {
            "files" => !self.files.is_empty(),
            "statfs" => !self.statfs.is_empty(),
            "http" => self.http.target || !self.http.hosts.is_empty(),
            _ => false,
        }
    }

    /// What `self` has and `other` has not.
    pub fn without(&self, other: &Self) -> Self {
        let minus = |these: &[String], those: &[String]| these.iter().filter(|item| !those.contains(item)).cloned().collect();
        Self {
            files: minus(&self.files, &other.files),
            statfs: minus(&self.statfs, &other.statfs),
            http: HttpGrant {
                target: self.http.target && !other.http.target,
                hosts: minus(&self.http.hosts, &other.http.hosts),
                insecure: self.http.insecure && !other.http.insecure,
            },
        }
    }

    /// Adds what a word of the command line names: a capability (then all that the manifest asks of it), `files:GLOB`,
    /// `statfs:GLOB`, `http:target`, `http:insecure` or `http:HOST:PORT`. Only what the manifest asks for can be granted, with
    /// one exception: hosts that it could not know, for a plugin that asks for `http` at all.
    pub fn grant(&mut self, manifest: &Manifest, word: &str) -> Result<(), Error> {
        let asked = Self::asked(&manifest.capabilities);
        let fail = |problem: String| Error::Grant { action: "grant", capability: word.to_owned(), plugin: manifest.name.clone(), problem };
        let (capability, value) = split(word);
        if !CAPABILITIES.contains(&capability) {
            return Err(fail(format!("no such capability; known are {}", CAPABILITIES.join(", "))));
        }
        if !asked.allows(capability) {
            return Err(fail("the plugin does not ask for it, so it would have no effect".to_owned()));
        }
        match (capability, value) {
            ("files", None) => self.files.extend(asked.files),
            ("statfs", None) => self.statfs.extend(asked.statfs),
            ("files" | "statfs", Some(glob)) => {
                check_pattern(glob).map_err(|problem| fail(problem.to_owned()))?;
                let list = if capability == "files" { &mut self.files } else { &mut self.statfs };
                list.push(glob.to_owned());
            }
            (_, None) => {
                self.http.target |= asked.http.target;
                self.http.insecure |= asked.http.insecure;
                self.http.hosts.extend(asked.http.hosts);
            }
            (_, Some("target")) if asked.http.target => self.http.target = true,
            (_, Some("insecure")) if asked.http.insecure => self.http.insecure = true,
            (_, Some("target" | "insecure")) => return Err(fail("the plugin does not ask for it, so it would have no effect".to_owned())),
            (_, Some(host)) => {
                HostPattern::parse(host).map_err(|problem| fail(problem.to_owned()))?;
                self.http.hosts.push(host.to_owned());
            }
        }
        *self = std::mem::take(self).sorted();
        Ok(())
    }

    /// Takes back what a word names, in the spelling of [`Grants::grant`].
    pub fn revoke(&mut self, plugin: &str, word: &str) -> Result<(), Error> {
        let before = self.clone();
        let (capability, value) = split(word);
        match (capability, value) {
            ("files", None) => self.files.clear(),
            ("statfs", None) => self.statfs.clear(),
            ("http", None) => self.http = HttpGrant::default(),
            ("files", Some(glob)) => self.files.retain(|item| item != glob),
            ("statfs", Some(glob)) => self.statfs.retain(|item| item != glob),
            ("http", Some("target")) => self.http.target = false,
            ("http", Some("insecure")) => self.http.insecure = false,
            ("http", Some(host)) => self.http.hosts.retain(|item| item != host),
            _ => {}
        }
        if *self == before {
            let problem = match before.words() {
                words if words.is_empty() => "it has no grant at all".to_owned(),
                words => format!("it is not granted; granted are {}", words.join(", ")),
            };
            return Err(Error::Grant { action: "revoke", capability: word.to_owned(), plugin: plugin.to_owned(), problem });
        }
        Ok(())
    }

    /// The grant as words of the command line.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.files.iter().map(|glob| format!("files:{glob}")).collect();
        words.extend(self.statfs.iter().map(|glob| format!("statfs:{glob}")));
        words.extend(self.http.target.then(|| "http:target".to_owned()));
        words.extend(self.http.insecure.then(|| "http:insecure".to_owned()));
        words.extend(self.http.hosts.iter().map(|host| format!("http:{host}")));
        words
    }

    fn sorted(mut self) -> Self {
        for list in [&mut self.files, &mut self.statfs, &mut self.http.hosts] {
            list.sort_unstable();
            list.dedup();
        }
        self
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
        assert_eq!(grants.words(), ["http:target", "http:a.example:443", "http:b.example:80"]);
        grants.revoke("p", "http:target").unwrap();
        assert_eq!(grants.words(), ["http:a.example:443", "http:b.example:80"]);
        grants.revoke("p", "http").unwrap();
        assert!(grants.is_empty());
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
}
