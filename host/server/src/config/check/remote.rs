//! Sections of Prometheus's file that concern other systems: checked as Prometheus checks them (2.48 and 3), and a warning where they have
//! no effect here. Other Alertmanagers are told of alerts.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use cepmon_model::{LabelSet, NameScheme, RelabelRule, is_label_name, relabel};
use cepmon_plugin::HttpOptions;
use url::Url;

use super::Checker;
use crate::config::file::{
    AlertingSection, AlertmanagerSection, ConfigFile, HttpClientSection, OtlpSection, RemoteReadSection, RemoteWriteSection,
    StorageSection, TracingSection,
};
use crate::target::{ADDRESS, TargetGroup};

/// Prometheus's default (2.48).
const ALERTMANAGER_TIMEOUT: Duration = Duration::from_secs(10);

/// Labels of an Alertmanager's address until rules have run.
const SCHEME: &str = "__scheme__";
const ALERTS_PATH: &str = "__alerts_path__";

/// One of `alerting.alertmanagers`: those of its `static_configs`.
#[derive(Debug, Clone, PartialEq)]
pub struct OtherAlertmanagers {
    /// Where alerts are posted.
    pub urls: Vec<String>,
    /// The time that a post may take.
    pub timeout: Duration,
    /// Credentials, TLS and proxy.
    pub http: HttpOptions,
    /// Rules for the labels of alerts that go there, after those for all.
    pub alert_rules: Vec<RelabelRule>,
}

/// Where a target takes alerts; nothing if rules drop it.
fn alertmanager_url(group: &TargetGroup, target: &LabelSet, scheme: &str, prefix: &str, rules: &[RelabelRule]) -> Option<String> {
    let mut labels = group.labels.to_builder();
    for (name, value) in target.iter() {
        labels.set(name, value);
    }
    let prefix = prefix.trim_matches('/');
    let path = if prefix.is_empty() { "/api/v2/alerts".to_owned() } else { format!("/{prefix}/api/v2/alerts") };
    labels.set(SCHEME, scheme).set(ALERTS_PATH, &path);
    if !relabel(rules, &mut labels) {
        return None;
    }
    let get = |name: &str| labels.get(name).unwrap_or_default();
    (!get(ADDRESS).is_empty()).then(|| format!("{}://{}{}", get(SCHEME), get(ADDRESS), get(ALERTS_PATH)))
}

impl Checker<'_> {
    /// All of them.
    pub(super) fn remotes(&mut self, file: &ConfigFile, base_dir: &Path) {
        let mut names = HashSet::new();
        for (index, section) in file.remote_write.iter().enumerate() {
            let path = format!("remote_write[{index}]");
            match section {
                Some(section) => self.remote_write(section, &path, base_dir, &mut names),
                None => self.problem(&path, "this entry is empty; give it a url, or remove it"),
            }
        }
        names.clear();
        for (index, section) in file.remote_read.iter().enumerate() {
            let path = format!("remote_read[{index}]");
            match section {
                Some(section) => self.remote_read(section, &path, base_dir, &mut names),
                None => self.problem(&path, "this entry is empty; give it a url, or remove it"),
            }
        }
        if !file.remote_write.is_empty() {
            self.warn("remote_write", "cepmon sends nothing by remote write; this section has no effect");
        }
        if !file.remote_read.is_empty() {
            self.warn("remote_read", "cepmon reads nothing by remote read; this section has no effect");
        }
        if let Some(section) = &file.tracing {
            self.tracing(section, base_dir);
        }
        if let Some(section) = &file.otlp {
            self.otlp(section);
        }
        if file.runtime.gogc.is_some() {
            self.warn("runtime.gogc", "cepmon has no garbage collector; this has no effect");
        }
        if file.global.query_log_file.as_ref().is_some_and(|file| !file.is_empty()) {
            self.warn("global.query_log_file", "queries are not logged; this has no effect");
        }
    }

    fn remote_write<'a>(&mut self, section: &'a RemoteWriteSection, path: &str, base_dir: &Path, names: &mut HashSet<&'a str>) {
        self.remote_url(section.url.as_deref(), path);
        self.name_of_remote(section.name.as_deref(), path, names);
        for name in section.headers.keys() {
            self.header_of_remote(name, &format!("{path}.headers.{name}"));
        }
        self.rules(&section.write_relabel_configs, &format!("{path}.write_relabel_configs"), NameScheme::Utf8);
        self.http_client(&section.http, path, base_dir);
        let message = section.protobuf_message.as_deref().unwrap_or("prometheus.WriteRequest");
        if !["prometheus.WriteRequest", "io.prometheus.write.v2.Request"].contains(&message) {
            let wanted = "wanted prometheus.WriteRequest or io.prometheus.write.v2.Request";
            self.problem(&format!("{path}.protobuf_message"), &format!("{wanted}, got \"{message}\""));
        }
        let other =
            [("sigv4", section.sigv4.is_some()), ("azuread", section.azuread.is_some()), ("google_iam", section.google_iam.is_some())];
        self.one_authorization(&section.http, &other, path);
        let queue = &section.queue_config;
        let counts = [
            ("min_shards", queue.min_shards),
            ("max_shards", queue.max_shards),
            ("max_samples_per_send", queue.max_samples_per_send),
            ("capacity", queue.capacity),
        ];
        for (key, _) in counts.into_iter().filter(|(_, count)| count.is_some_and(|count| count <= 0)) {
            self.problem(&format!("{path}.queue_config.{key}"), "must be above zero");
        }
        if let (Some(least), Some(most)) = (queue.min_shards, queue.max_shards)
            && least > most
        {
            self.problem(&format!("{path}.queue_config.min_shards"), "min_shards is above max_shards");
        }
    }

    fn remote_read<'a>(&mut self, section: &'a RemoteReadSection, path: &str, base_dir: &Path, names: &mut HashSet<&'a str>) {
        self.remote_url(section.url.as_deref(), path);
        self.name_of_remote(section.name.as_deref(), path, names);
        for name in section.headers.keys() {
            self.header_of_remote(name, &format!("{path}.headers.{name}"));
        }
        for name in section.required_matchers.keys().filter(|name| !is_label_name(name)) {
            self.problem(&format!("{path}.required_matchers.{name}"), &format!("\"{name}\" cannot be a label's name"));
        }
        self.http_client(&section.http, path, base_dir);
    }

    /// Go's reader of addresses takes `localhost:9090`, too.
    fn remote_url(&mut self, url: Option<&str>, path: &str) {
        match url {
            None | Some("") => self.problem(path, "it needs a url"),
            Some(url) if url.starts_with(':') || url.contains(char::is_whitespace) => {
                self.problem(&format!("{path}.url"), &format!("\"{url}\" is no address"));
            }
            Some(_) => {}
        }
    }

    fn name_of_remote<'a>(&mut self, name: Option<&'a str>, path: &str, names: &mut HashSet<&'a str>) {
        if let Some(name) = name.filter(|name| !name.is_empty())
            && !names.insert(name)
        {
            self.problem(&format!("{path}.name"), &format!("two entries are called \"{name}\""));
        }
    }

    fn header_of_remote(&mut self, name: &str, path: &str) {
        if name.eq_ignore_ascii_case("authorization") {
            self.problem(path, "credentials have keys of their own: basic_auth, authorization or oauth2");
        } else {
            self.reserved_header(name, path);
        }
    }

    fn one_authorization(&mut self, http: &HttpClientSection, other: &[(&str, bool)], path: &str) {
        let own =
            [("basic_auth", http.basic_auth.is_some()), ("authorization", http.authorization.is_some()), ("oauth2", http.oauth2.is_some())];
        let given: Vec<_> = own.iter().chain(other).filter(|(_, is_given)| *is_given).collect();
        // Two of an HTTP client's own are reported by its own check.
        if let [(first, _), .., (last, _)] = given[..]
            && other.iter().any(|(key, _)| key == last)
        {
            self.problem(&format!("{path}.{last}"), &format!("{first} is given already; one of the two is to go"));
        }
    }

    fn tracing(&mut self, section: &TracingSection, base_dir: &Path) {
        self.tls(&section.tls_config, "tracing.tls_config", base_dir);
        if section.endpoint.is_empty() {
            self.problem("tracing", "tracing needs an endpoint");
        }
        let client = section.client_type.as_deref().unwrap_or("grpc");
        if !matches!(client, "grpc" | "http") {
            self.problem("tracing.client_type", &format!("wanted grpc or http, got \"{client}\""));
        }
        let compression = section.compression.as_deref().unwrap_or_default();
        if !matches!(compression, "" | "gzip") {
            self.problem("tracing.compression", &format!("wanted gzip, got \"{compression}\""));
        }
        for name in section.headers.keys() {
            self.reserved_header(name, &format!("tracing.headers.{name}"));
        }
        self.warn("tracing", "cepmon sends no traces of itself; this section has no effect");
    }

    fn otlp(&mut self, section: &OtlpSection) {
        if section.promote_all_resource_attributes && !section.promote_resource_attributes.is_empty() {
            let message = "promote_all_resource_attributes says all already; one of the two is to go";
            self.problem("otlp.promote_resource_attributes", message);
        }
        if !section.promote_all_resource_attributes && !section.ignore_resource_attributes.is_empty() {
            self.problem("otlp.ignore_resource_attributes", "this needs promote_all_resource_attributes: true");
        }
        let lists = [
            ("promote_resource_attributes", &section.promote_resource_attributes),
            ("ignore_resource_attributes", &section.ignore_resource_attributes),
        ];
        for (key, list) in lists {
            let mut seen = HashSet::new();
            for name in list.iter().map(|name| name.trim()) {
                if name.is_empty() {
                    self.problem(&format!("otlp.{key}"), "an attribute without a name");
                } else if !seen.insert(name) {
                    self.problem(&format!("otlp.{key}"), &format!("the attribute \"{name}\" stands twice"));
                }
            }
        }
        const STRATEGIES: [&str; 4] =
            ["NoUTF8EscapingWithSuffixes", "UnderscoreEscapingWithSuffixes", "UnderscoreEscapingWithoutSuffixes", "NoTranslation"];
        if let Some(strategy) = section.translation_strategy.as_deref().filter(|text| !text.is_empty() && !STRATEGIES.contains(text)) {
            self.problem("otlp.translation_strategy", &format!("wanted {}, got \"{strategy}\"", STRATEGIES.join(", ")));
        }
        self.warn("otlp", "OTLP is taken without these options; this section has no effect");
    }

    /// Those that are told beside the one in this process.
    pub(super) fn alertmanagers(&mut self, section: &AlertingSection, base_dir: &Path) -> Vec<OtherAlertmanagers> {
        let sections = section.alertmanagers.iter().enumerate();
        sections.map(|(index, section)| self.alertmanager(section, &format!("alerting.alertmanagers[{index}]"), base_dir)).collect()
    }

    fn alertmanager(&mut self, section: &AlertmanagerSection, path: &str, base_dir: &Path) -> OtherAlertmanagers {
        let http = self.http_client(&section.http, path, base_dir);
        self.one_authorization(&section.http, &[("sigv4", section.sigv4.is_some())], path);
        if section.sigv4.is_some() {
            self.warn(&format!("{path}.sigv4"), "requests are not signed for AWS; this has no effect");
        }
        let groups = self.static_groups(&section.sources, path, NameScheme::Utf8);
        if !self.discoveries(&section.sources, path, base_dir).is_empty() {
            self.warn(path, "only Alertmanagers of static_configs are told; the discoveries have no effect");
        }
        if section.relabel_configs.is_empty() {
            self.no_urls(&section.sources, path);
        }
        let rules = self.rules(&section.relabel_configs, &format!("{path}.relabel_configs"), NameScheme::Utf8);
        let alert_rules = self.rules(&section.alert_relabel_configs, &format!("{path}.alert_relabel_configs"), NameScheme::Utf8);
        if section.api_version.as_deref().is_some_and(|version| !matches!(version, "v1" | "v2")) {
            self.problem(&format!("{path}.api_version"), "wanted v2");
        }
        let prefix = section.path_prefix.as_deref().unwrap_or_default();
        if Url::parse("http://host").is_ok_and(|base| base.join(prefix).is_err()) {
            self.problem(&format!("{path}.path_prefix"), &format!("\"{prefix}\" is no path"));
        }
        let scheme = section.scheme.as_deref().unwrap_or("http");
        let urls = groups.iter().flat_map(|group| group.targets.iter().map(move |target| (group, target)));
        let urls = urls.filter_map(|(group, target)| alertmanager_url(group, target, scheme, prefix, &rules)).collect();
        let timeout = section.timeout.map_or(ALERTMANAGER_TIMEOUT, |span| span.0);
        OtherAlertmanagers { urls, timeout, http, alert_rules }
    }

    /// Prometheus's own keys of `storage:`.
    pub(super) fn tsdb(&mut self, section: &StorageSection) {
        let tsdb = &section.tsdb;
        if let Some(floats) = tsdb.chunk_encoding.floats.as_deref().filter(|text| !matches!(*text, "xor" | "xor2")) {
            self.problem("storage.tsdb.chunk_encoding.floats", &format!("wanted xor or xor2, got \"{floats}\""));
        }
        let percentage = tsdb.retention.as_ref().and_then(|retention| retention.percentage);
        if percentage.is_some_and(|percentage| !(0.0..=100.0).contains(&percentage)) {
            self.problem("storage.tsdb.retention.percentage", "wanted a number from 0 to 100");
        } else if percentage.is_some_and(|percentage| percentage > 0.0) {
            self.warn("storage.tsdb.retention.percentage", "this has no effect; give storage.retention.metrics a size");
        }
        if tsdb.out_of_order_time_window.is_some() {
            self.warn(
                "storage.tsdb.out_of_order_time_window",
                "late samples are always taken, as far back as the retention; this has no effect",
            );
        }
        if section.exemplars.max_exemplars.is_some() {
            self.warn("storage.exemplars", "exemplars are stored as long as samples, however many there are; this has no effect");
        }
    }
}
