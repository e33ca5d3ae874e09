//! A plugin's description of itself, `plugin.toml`, embedded unchanged as the component's custom section `cepmon:manifest`.
//! It is the only description; whether the component keeps to it is checked in `package.rs`. Settings values are checked in
//! `settings.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

use cepmon_model::MetricKind;

use crate::Error;
use crate::grant::{Capability, INSECURE, SYSTEM, TARGET};

/// The custom section that holds the manifest.
pub const MANIFEST_SECTION: &str = "cepmon:manifest";

/// What a plugin is, what it asks for and how it is set up.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `[a-z][a-z0-9-]{0,62}`; the file is `NAME.wasm`.
    pub name: String,
    /// Semantic version of the plugin itself.
    pub version: semver::Version,
    /// Which world it implements.
    pub kind: PluginKind,
    /// One sentence for people.
    pub description: String,
    /// SPDX expression.
    pub license: String,
    /// Who wrote it.
    #[serde(default)]
    pub authors: Vec<String>,
    /// Where its source lies.
    pub source: Option<String>,
    /// Whether one guest may serve many calls.
    #[serde(default)]
    pub reuse: bool,
    /// What it asks for, each with a reason.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// Its settings, by key.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    /// Metrics it may emit.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// Limits it asks for; never more than the host's.
    #[serde(default)]
    pub limits: AskedLimits,
}

/// The plugin kinds, each a world of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// Gives samples of a target or of this host.
    Exporter,
    /// Says whether a target is up.
    Probe,
    /// Makes rows of fields out of log lines.
    LogParser,
}

impl PluginKind {
    /// The word of the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exporter => "exporter",
            Self::Probe => "probe",
            Self::LogParser => "log-parser",
        }
    }

    /// The interface that a component of this kind exports.
    pub(crate) fn export(self) -> &'static str {
        match self {
            Self::Exporter => "exporter-api",
            Self::Probe => "probe-api",
            Self::LogParser => "log-parser-api",
        }
    }

    pub(crate) const ALL: [Self; 3] = [Self::Exporter, Self::Probe, Self::LogParser];
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a plugin asks for. `log`, `config` and `clock` need no entry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Capabilities {
    /// Files it reads.
    pub files: Option<AskedPaths>,
    /// Paths whose file systems it sizes.
    pub statfs: Option<AskedPaths>,
    /// Hosts it talks to over HTTP.
    pub http: Option<AskedHosts>,
    /// Hosts it connects to.
    pub tcp: Option<AskedHosts>,
    /// Hosts it exchanges datagrams with.
    pub udp: Option<AskedHosts>,
    /// Name servers it asks.
    pub dns: Option<AskedHosts>,
    /// Hosts it pings.
    pub icmp: Option<AskedHosts>,
    /// Requests it makes on Unix sockets.
    pub unix_http: Option<AskedRequests>,
    /// What it keeps.
    pub state: Option<AskedState>,
    /// Secrets it sees.
    pub secrets: Option<AskedSecrets>,
}

impl Capabilities {
    /// The author's reason for a capability.
    pub fn reason(&self, capability: Capability) -> Option<&str> {
        let reason = match capability {
            Capability::Files | Capability::Statfs => &self.paths(capability)?.reason,
            Capability::UnixHttp => &self.unix_http.as_ref()?.reason,
            Capability::State => &self.state.as_ref()?.reason,
            Capability::Secrets => &self.secrets.as_ref()?.reason,
            _ => &self.hosts(capability)?.reason,
        };
        Some(reason)
    }

    /// What is asked of a capability, as the words of a grant.
    pub(crate) fn words(&self, capability: Capability) -> Option<BTreeSet<String>> {
        let words = match capability {
            Capability::Files | Capability::Statfs => self.paths(capability)?.paths.clone(),
            Capability::UnixHttp => self.unix_http.as_ref()?.requests.clone(),
            Capability::State => vec![self.state.as_ref()?.quota.clone()],
            Capability::Secrets => self.secrets.as_ref()?.names.clone(),
            _ => self.hosts(capability)?.words(),
        };
        Some(words.into_iter().collect())
    }

    fn paths(&self, capability: Capability) -> Option<&AskedPaths> {
        match capability {
            Capability::Files => self.files.as_ref(),
            _ => self.statfs.as_ref(),
        }
    }

    fn hosts(&self, capability: Capability) -> Option<&AskedHosts> {
        match capability {
            Capability::Tcp => self.tcp.as_ref(),
            Capability::Udp => self.udp.as_ref(),
            Capability::Dns => self.dns.as_ref(),
            Capability::Icmp => self.icmp.as_ref(),
            _ => self.http.as_ref(),
        }
    }

    fn check(&self, kind: PluginKind) -> Result<(), String> {
        for capability in Capability::ALL {
            let (Some(words), Some(reason)) = (self.words(capability), self.reason(capability)) else { continue };
            if kind == PluginKind::LogParser {
                return Err(format!("capabilities.{capability}: a log-parser cannot have it"));
            }
            if reason.trim().is_empty() {
                return Err(format!("capabilities.{capability}.reason: expected a reason for the operator, it is empty"));
            }
            let key = match capability {
                Capability::Files | Capability::Statfs => "paths",
                Capability::UnixHttp => "requests",
                Capability::State => "quota",
                Capability::Secrets => "names",
                _ => "hosts",
            };
            if words.iter().all(|word| word == INSECURE) {
                let expected = if key == "hosts" { "target = true or hosts".to_owned() } else { format!("at least one of {key}") };
                return Err(format!("capabilities.{capability}: expected {expected}; leave the section out to ask for none"));
            }
            for word in &words {
                let problem = match (key, word.as_str()) {
                    ("hosts", TARGET | INSECURE | SYSTEM) if !capability.flags().contains(&word.as_str()) => {
                        return Err(format!("capabilities.{capability}.{word}: {capability} has no such permission"));
                    }
                    _ => capability.check_word(word),
                };
                problem.map_err(|problem| format!("capabilities.{capability}.{key} \"{word}\": {problem}"))?;
            }
        }
        Ok(())
    }
}

/// Paths asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedPaths {
    /// Absolute globs: `*` within a segment, `**` across segments.
    pub paths: Vec<String>,
    /// Shown when the operator is asked.
    pub reason: String,
}

/// Hosts asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedHosts {
    /// The host (and port) of each call's own target.
    #[serde(default)]
    pub target: bool,
    /// `host:port`, with `icmp` only the host; `*` for any port, `*.example.com:443` for every name below.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// `http`, `tcp`: may switch the verification of certificates off.
    #[serde(default)]
    pub insecure: bool,
    /// `dns`: the system's own name servers.
    #[serde(default)]
    pub system: bool,
    /// Shown when the operator is asked.
    pub reason: String,
}

impl AskedHosts {
    fn words(&self) -> Vec<String> {
        let flags = [(self.target, TARGET), (self.insecure, INSECURE), (self.system, SYSTEM)];
        let flags = flags.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, word)| word.to_owned());
        flags.chain(self.hosts.iter().cloned()).collect()
    }
}

/// Requests on Unix sockets asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedRequests {
    /// `SOCKET:METHOD PATH`, such as `/run/docker.sock:GET /containers/*/stats`.
    pub requests: Vec<String>,
    /// Shown when the operator is asked.
    pub reason: String,
}

/// Room for values asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedState {
    /// Keys and values together, such as `64KiB`.
    #[serde(default = "default_quota")]
    pub quota: String,
    /// Shown when the operator is asked.
    pub reason: String,
}

fn default_quota() -> String {
    "1MiB".to_owned()
}

/// Secrets asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedSecrets {
    /// Their names; the operator's configuration gives the values.
    pub names: Vec<String>,
    /// Shown when the operator is asked.
    pub reason: String,
}

/// A key of the settings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What its value is.
    #[serde(rename = "type")]
    pub kind: SettingKind,
    /// What stands for it when it is left out.
    pub default: Option<serde_json::Value>,
    /// One sentence for people.
    #[serde(default)]
    pub doc: String,
    /// Whether it may not be left out.
    #[serde(default)]
    pub required: bool,
}

/// Types of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingKind {
    /// A string.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Decimal,
    /// True or false.
    Boolean,
    /// A Prometheus duration such as `1m30s`; it stays text.
    Duration,
    /// A list of strings.
    TextList,
    /// Strings by string.
    TextMap,
}

impl SettingKind {
    /// The word of the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Boolean => "boolean",
            Self::Duration => "duration",
            Self::TextList => "text-list",
            Self::TextMap => "text-map",
        }
    }
}

/// A metric that the plugin may emit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name; a last `*` stands for any ending.
    pub name: String,
    /// `counter`, `gauge`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Its unit, if any.
    #[serde(default)]
    pub unit: String,
    /// What it tells.
    pub help: String,
}

/// Limits asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedLimits {
    /// Linear memory, such as `32MiB`.
    pub memory: Option<String>,
}

impl AskedLimits {
    /// The memory asked for, in bytes.
    pub fn memory_bytes(&self) -> Option<usize> {
        parse_size(self.memory.as_deref()?)
    }
}

impl Manifest {
    /// Reads and checks `plugin.toml`; `origin` names it in errors.
    pub fn parse(text: &[u8], origin: &str) -> Result<Self, Error> {
        let fail = |problem: String| Error::Manifest { origin: origin.to_owned(), problem };
        let text = std::str::from_utf8(text).map_err(|error| fail(format!("byte {}: not UTF-8", error.valid_up_to())))?;
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            fail(format!("{at}{}", error.message().replace('\n', " ")))
        })?;
        manifest.check().map_err(fail)?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        if !is_plugin_name(&self.name) {
            return Err(format!("name \"{}\": expected [a-z][a-z0-9-]{{0,62}}", self.name));
        }
        if self.description.trim().is_empty() {
            return Err("description: expected a sentence, it is empty".to_owned());
        }
        self.capabilities.check(self.kind)?;
        for (key, setting) in &self.settings {
            if let Some(default) = &setting.default {
                crate::settings::check_value(setting.kind, default).map_err(|problem| format!("settings.{key}.default: {problem}"))?;
                if setting.required {
                    return Err(format!("settings.{key}: a required setting has no default; remove one of the two"));
                }
            }
        }
        for metric in &self.metrics {
            if MetricKind::from_name(&metric.kind).is_none() {
                return Err(format!("metrics \"{}\": unknown type \"{}\"", metric.name, metric.kind));
            }
        }
        match &self.limits.memory {
            Some(memory) if parse_size(memory).is_none() => Err(format!("limits.memory \"{memory}\": expected a size such as \"32MiB\"")),
            _ => Ok(()),
        }
    }
}

/// Whether a text may be a plugin's name (and so part of a file's).
pub(crate) fn is_plugin_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && name.len() <= 63
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Bytes of a size such as `64KiB`.
pub(crate) fn parse_size(text: &str) -> Option<usize> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: usize = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "B" | "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests;
