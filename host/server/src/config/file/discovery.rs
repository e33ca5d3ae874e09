//! Where targets come from, as Prometheus's files write it: the kinds that are served. The others are `foreign`'s.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::http_client::HttpClientSection;
use super::scalar::Span;

/// The lists of one job.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct DiscoverySections {
    /// Targets with labels of their own.
    pub static_configs: Vec<Option<StaticSection>>,
    /// Targets from files.
    pub file_sd_configs: Vec<FileSdSection>,
    /// Targets from a web service.
    pub http_sd_configs: Vec<HttpSdSection>,
    /// Targets from DNS.
    pub dns_sd_configs: Vec<DnsSdSection>,
    /// Targets from the containers of a Docker daemon.
    pub docker_sd_configs: Vec<DockerSdSection>,
}

/// One of `static_configs:`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct StaticSection {
    /// `host:port`, or what the plugin takes as an address.
    pub targets: Vec<String>,
    /// Labels for all of them.
    pub labels: BTreeMap<String, String>,
}

/// One of `file_sd_configs:`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct FileSdSection {
    /// Globs of JSON or YAML files; a `*` in the last part of a path only.
    pub files: Vec<String>,
    /// How often they are read even if nothing seems to change; 5m.
    pub refresh_interval: Option<Span>,
}

/// One of `http_sd_configs:`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct HttpSdSection {
    /// Where the list is.
    pub url: String,
    /// How often it is asked for; 1m.
    pub refresh_interval: Option<Span>,
    /// How it is asked for.
    #[serde(rename = "<http>")]
    pub http: HttpClientSection,
}

/// One of `dns_sd_configs:`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct DnsSdSection {
    /// Names to look up.
    pub names: Vec<String>,
    /// `SRV`, `A`, `AAAA`, `MX` or `NS`; SRV.
    #[serde(rename = "type")]
    pub record: Option<String>,
    /// Port of the targets, unless the answers bring one (SRV).
    pub port: Option<u16>,
    /// How often they are looked up; 30s.
    pub refresh_interval: Option<Span>,
}

/// One of `docker_sd_configs:`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct DockerSdSection {
    /// `unix:///var/run/docker.sock`, `tcp://host:port` or `http(s)://host:port`.
    pub host: String,
    /// Port of containers that expose none; 80.
    pub port: Option<u16>,
    /// Address of containers in the host's own network; localhost.
    pub host_networking_host: Option<String>,
    /// Of a container in several networks, take the first by name; true.
    pub match_first_network: Option<bool>,
    /// What Docker is asked to leave out.
    pub filters: Vec<FilterSection>,
    /// How often it is asked; 1m.
    pub refresh_interval: Option<Span>,
    /// How it is asked.
    #[serde(rename = "<http>")]
    pub http: HttpClientSection,
}

/// One of `filters:`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct FilterSection {
    /// What is looked at.
    pub name: String,
    /// Values that pass.
    pub values: Vec<String>,
}

impl DiscoverySections {
    /// Whether there is anything that could give a target.
    pub(in crate::config) fn has_any(&self) -> bool {
        !self.static_configs.is_empty()
            || !self.file_sd_configs.is_empty()
            || !self.http_sd_configs.is_empty()
            || !self.dns_sd_configs.is_empty()
            || !self.docker_sd_configs.is_empty()
    }
}
