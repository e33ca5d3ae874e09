//! `cepmon.yml` as it is written: a `prometheus.yml` with more sections. Field for field the file's keys; what they mean together
//! is decided in `check`.

mod discovery;
mod http_client;
mod remote;
mod scalar;
mod scrape;

use std::collections::BTreeMap;

use cepmon_model::{RelabelEntry, Secret};
use serde::Deserialize;

pub(super) use discovery::{DiscoverySections, DnsSdSection, DockerSdSection, FileSdSection, HttpSdSection};
pub(super) use http_client::{AuthorizationSection, BasicAuthSection, HttpClientSection, OAuth2Section, ProxySection, TlsSection};
pub(super) use remote::{
    AlertmanagerSection, ExemplarsSection, OtlpSection, RemoteReadSection, RemoteWriteSection, RuntimeSection, TracingSection, TsdbSection,
};
pub use scalar::parse_size;
pub(super) use scalar::{Bytes, Span};
pub(super) use scrape::{GlobalSection, ScrapeDefaults, ScrapeSection};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct ConfigFile {
    /// Defaults for all jobs and rules.
    pub global: GlobalSection,
    /// What is scraped, probed and collected.
    pub scrape_configs: Vec<ScrapeSection>,
    /// Globs of files with more `scrape_configs`, relative to this file.
    pub scrape_config_files: Vec<String>,
    /// Globs of rule files, relative to this file.
    pub rule_files: Vec<String>,
    /// Where alerts go.
    pub alerting: AlertingSection,
    /// Which logs are collected.
    pub logs: LogsSection,
    /// How much is kept, and how safely.
    pub storage: StorageSection,
    /// Where plugins lie.
    pub plugins: PluginsSection,
    /// The HTTP surface.
    pub web: WebSection,
    /// Has no effect.
    pub remote_write: Vec<Option<RemoteWriteSection>>,
    /// Has no effect.
    pub remote_read: Vec<Option<RemoteReadSection>>,
    /// Has no effect.
    pub tracing: Option<TracingSection>,
    /// Has no effect.
    pub otlp: Option<OtlpSection>,
    /// Has no effect.
    pub runtime: RuntimeSection,
}

/// `alerting:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct AlertingSection {
    /// An Alertmanager file that is served in this process.
    pub config_file: Option<String>,
    /// Has no effect: alerts are routed in this process.
    pub alertmanagers: Vec<AlertmanagerSection>,
    /// Has no effect.
    pub alert_relabel_configs: Vec<Option<RelabelEntry>>,
}

/// A file of `scrape_config_files:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ScrapeConfigFile {
    /// What is scraped, probed and collected.
    pub scrape_configs: Vec<ScrapeSection>,
}

/// `logs:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct LogsSection {
    /// Files to follow.
    pub sources: Vec<LogSourceSection>,
}

/// One of `logs.sources:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct LogSourceSection {
    /// The label `job`.
    pub job_name: String,
    /// Globs of files.
    pub paths: Vec<String>,
    /// A log parser from the plugins folder; without one lines are stored as they are.
    pub plugin: Option<String>,
    /// The parser's settings.
    pub settings: Option<serde_json::Value>,
    /// Labels of the stream, beside `job` and `filename`.
    pub labels: BTreeMap<String, String>,
}

/// `storage:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct StorageSection {
    /// Memory of recent samples before they are written to Parquet; 48MiB.
    pub head_max_bytes: Option<Bytes>,
    /// When the log reaches the disk: `every_second` or `always`.
    pub fsync: Option<String>,
    /// How long and how much is kept.
    pub retention: RetentionSection,
    /// Prometheus's own storage; its retention counts here, too.
    pub tsdb: TsdbSection,
    /// Has no effect.
    pub exemplars: ExemplarsSection,
}

/// `storage.retention:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct RetentionSection {
    /// Of metrics.
    pub metrics: RetentionLimits,
    /// Of logs.
    pub logs: RetentionLimits,
}

/// One of `storage.retention:`; what is reached first counts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct RetentionLimits {
    /// Age.
    pub time: Option<Span>,
    /// Size on disk.
    pub size: Option<Bytes>,
}

/// `plugins:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct PluginsSection {
    /// The operator's plugins folder; the command line wins.
    pub dir: Option<String>,
    /// Where `cepmon plugin install NAME` looks names up: a path relative to this file, or an `https://` URL.
    pub index: Option<String>,
    /// Public keys (minisign) whose signatures let a plugin in that comes over the network.
    pub trusted_keys: Vec<String>,
    /// Certificates of authorities to trust beside the system's when a plugin is downloaded.
    pub ca_file: Option<String>,
    /// Run exactly the files that the lock files name, or do not start.
    pub locked: bool,
    /// Passwords and tokens by name; each plugin sees those that it was granted.
    pub secrets: BTreeMap<String, SecretSection>,
    /// Limits of single plugins, by name, where the usual ones do not do.
    pub limits: BTreeMap<String, PluginLimitsSection>,
}

/// One of `plugins.limits:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct PluginLimitsSection {
    /// Memory of one guest; 64MiB, of the scraper 192MiB; at most 256MiB.
    pub memory: Option<Bytes>,
    /// CPU time of one call; 1s.
    pub cpu: Option<Span>,
    /// Samples of one call; 50000, of the scraper 500000.
    pub samples: Option<u64>,
    /// Bytes of series texts of one call; 8MiB, of the scraper 64MiB.
    pub series_bytes: Option<Bytes>,
    /// Log output of one call; 64KiB.
    pub log: Option<Bytes>,
    /// One HTTP body; 64MiB.
    pub body: Option<Bytes>,
    /// What one call moves over the network; 256MiB.
    pub network: Option<Bytes>,
    /// Guests at work at the same time; 64.
    pub guests: Option<u64>,
    /// Living series over all its targets; new ones beyond are dropped. No limit.
    pub series: Option<u64>,
}

/// One of `plugins.secrets:`; one of the two.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct SecretSection {
    /// The secret itself, best as `${VARIABLE}`.
    pub value: Option<Secret>,
    /// A file that holds it, relative to this one; read again at each reload.
    pub file: Option<String>,
}

/// `web:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct WebSection {
    /// Address and port; the command line wins.
    pub listen: Option<String>,
    /// Host names under which this host is reached, beside loopback.
    pub hosts: Vec<String>,
    /// Listen beyond loopback without authentication.
    pub insecure: bool,
}
