//! Where a job's targets come from: groups that stand in the file, and places that are asked again and again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cepmon_model::NameScheme;
use cepmon_plugin::HttpOptions;
use url::Url;

use super::Checker;
use super::http_client::web_address_problem;
use crate::config::file::{DiscoverySections, DnsSdSection, DockerSdSection, FileSdSection, HttpSdSection, Span};
use crate::target::TargetGroup;

/// Prometheus's defaults (2.48).
const FILE_REFRESH: Duration = Duration::from_secs(5 * 60);
const HTTP_REFRESH: Duration = Duration::from_secs(60);
const DNS_REFRESH: Duration = Duration::from_secs(30);
const DOCKER_REFRESH: Duration = Duration::from_secs(60);
const DOCKER_PORT: u16 = 80;

/// A place that is asked for targets.
#[derive(Debug, Clone, PartialEq)]
pub enum DiscoveryConfig {
    /// Files with lists of targets.
    Files {
        /// Globs.
        patterns: Vec<PathBuf>,
        /// How often they are read even if nothing seems to change.
        refresh: Duration,
    },
    /// A web service.
    Http {
        /// Where the list is.
        url: String,
        /// How often it is asked for.
        refresh: Duration,
        /// How it is asked for.
        http: HttpOptions,
    },
    /// DNS.
    Dns {
        /// Names to look up.
        names: Vec<String>,
        /// What is asked for.
        record: DnsRecord,
        /// Port of targets whose answers bring none.
        port: u16,
        /// How often they are looked up.
        refresh: Duration,
    },
    /// A Docker daemon.
    Docker {
        /// `unix://`, `tcp://`, `http://` or `https://`.
        host: String,
        /// Port of containers that expose none.
        port: u16,
        /// Address of containers in the host's own network.
        host_networking_host: String,
        /// Of a container in several networks, take the first by name.
        match_first_network: bool,
        /// What Docker is asked to leave out, by name.
        filters: Vec<(String, Vec<String>)>,
        /// How often it is asked.
        refresh: Duration,
        /// How it is asked.
        http: HttpOptions,
    },
}

/// What DNS is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsRecord {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Services: hosts with ports.
    Srv,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
}

impl Checker<'_> {
    /// The groups that stand in the file; their labels and addresses are checked.
    pub(super) fn static_groups(&mut self, sections: &DiscoverySections, path: &str, names: NameScheme) -> Vec<TargetGroup> {
        let mut groups = Vec::new();
        for (index, section) in sections.static_configs.iter().enumerate() {
            let path = format!("{path}.static_configs[{index}]");
            let Some(section) = section else {
                self.problem(&path, "this group is empty; give it targets, or remove it");
                continue;
            };
            let labels = self.labels(&section.labels, &format!("{path}.labels"), names).build();
            for (number, address) in section.targets.iter().enumerate() {
                if address.is_empty() || address.chars().any(char::is_whitespace) {
                    self.problem(&format!("{path}.targets[{number}]"), &format!("\"{address}\" is no address"));
                }
            }
            groups.push(TargetGroup::new(index.to_string(), section.targets.iter().map(String::as_str), labels));
        }
        groups
    }

    /// A classic target is `host:port`; a URL needs rules that take it apart.
    pub(super) fn no_urls(&mut self, sections: &DiscoverySections, path: &str) {
        for (index, section) in sections.static_configs.iter().enumerate() {
            for (number, address) in section.iter().flat_map(|section| &section.targets).enumerate() {
                if address.contains('/') {
                    let path = format!("{path}.static_configs[{index}].targets[{number}]");
                    self.problem(&path, &format!("\"{address}\" is no host; wanted host:port, with scheme and metrics_path beside it"));
                }
            }
        }
    }

    /// The places that are asked.
    pub(super) fn discoveries(&mut self, sections: &DiscoverySections, path: &str, base_dir: &Path) -> Vec<DiscoveryConfig> {
        let mut all = Vec::new();
        for (index, section) in sections.file_sd_configs.iter().enumerate() {
            all.push(self.file_sd(section, &format!("{path}.file_sd_configs[{index}]"), base_dir));
        }
        for (index, section) in sections.http_sd_configs.iter().enumerate() {
            all.push(self.http_sd(section, &format!("{path}.http_sd_configs[{index}]"), base_dir));
        }
        for (index, section) in sections.dns_sd_configs.iter().enumerate() {
            all.push(self.dns_sd(section, &format!("{path}.dns_sd_configs[{index}]")));
        }
        for (index, section) in sections.docker_sd_configs.iter().enumerate() {
            all.push(self.docker_sd(section, &format!("{path}.docker_sd_configs[{index}]"), base_dir));
        }
        all
    }

    fn file_sd(&mut self, section: &FileSdSection, path: &str, base_dir: &Path) -> DiscoveryConfig {
        if section.files.is_empty() {
            self.problem(path, "file_sd_configs needs files");
        }
        for (index, file) in section.files.iter().enumerate() {
            let is_served = [".json", ".yml", ".yaml"].iter().any(|ending| file.to_ascii_lowercase().ends_with(ending));
            if !is_served || !is_glob_of_files(file) {
                let message = format!("wanted a .json, .yml or .yaml file, with * in its name only, got \"{file}\"");
                self.problem(&format!("{path}.files[{index}]"), &message);
            }
        }
        DiscoveryConfig::Files {
            patterns: section.files.iter().map(|file| base_dir.join(file)).collect(),
            refresh: self.refresh(section.refresh_interval, FILE_REFRESH, path),
        }
    }

    fn http_sd(&mut self, section: &HttpSdSection, path: &str, base_dir: &Path) -> DiscoveryConfig {
        match web_address_problem(&section.url) {
            _ if section.url.is_empty() => self.problem(path, "http_sd_configs needs a url"),
            Some(problem) => self.problem(&format!("{path}.url"), &problem),
            None => {}
        }
        DiscoveryConfig::Http {
            url: section.url.clone(),
            refresh: self.refresh(section.refresh_interval, HTTP_REFRESH, path),
            http: self.http_client(&section.http, path, base_dir),
        }
    }

    fn dns_sd(&mut self, section: &DnsSdSection, path: &str) -> DiscoveryConfig {
        if section.names.is_empty() {
            self.problem(path, "dns_sd_configs needs names");
        }
        let record = match section.record.as_deref().unwrap_or("SRV").to_ascii_uppercase().as_str() {
            "SRV" => DnsRecord::Srv,
            "A" => DnsRecord::A,
            "AAAA" => DnsRecord::Aaaa,
            "MX" => DnsRecord::Mx,
            "NS" => DnsRecord::Ns,
            other => {
                self.problem(&format!("{path}.type"), &format!("wanted SRV, A, AAAA, MX or NS, got \"{other}\""));
                DnsRecord::Srv
            }
        };
        let port = section.port.unwrap_or(0);
        if port == 0 && record != DnsRecord::Srv {
            self.problem(path, "dns_sd_configs needs a port: only SRV answers bring one");
        }
        DiscoveryConfig::Dns {
            names: section.names.clone(),
            record,
            port,
            refresh: self.refresh(section.refresh_interval, DNS_REFRESH, path),
        }
    }

    fn docker_sd(&mut self, section: &DockerSdSection, path: &str, base_dir: &Path) -> DiscoveryConfig {
        let schemes = ["unix", "tcp", "http", "https"];
        let is_address = Url::parse(&section.host).is_ok_and(|url| schemes.contains(&url.scheme()));
        if !is_address {
            let message = "docker_sd_configs needs a host: unix:///var/run/docker.sock, tcp://host:port or http(s)://host:port";
            self.problem(&format!("{path}.host"), message);
        }
        DiscoveryConfig::Docker {
            host: section.host.clone(),
            port: section.port.unwrap_or(DOCKER_PORT),
            host_networking_host: section.host_networking_host.clone().unwrap_or_else(|| "localhost".to_owned()),
            match_first_network: section.match_first_network.unwrap_or(true),
            filters: section.filters.iter().map(|filter| (filter.name.clone(), filter.values.clone())).collect(),
            refresh: self.refresh(section.refresh_interval, DOCKER_REFRESH, path),
            http: self.http_client(&section.http, path, base_dir),
        }
    }

    fn refresh(&mut self, given: Option<Span>, default: Duration, path: &str) -> Duration {
        let refresh = given.map_or(default, |span| span.0);
        self.positive(refresh, &format!("{path}.refresh_interval"));
        refresh
    }
}

/// A path whose last part alone may hold one `*` (Prometheus 2.48).
pub(in crate::config) fn is_glob_of_files(path: &str) -> bool {
    path.split_once('*').is_none_or(|(_, rest)| !rest.contains(['*', '/']))
}
