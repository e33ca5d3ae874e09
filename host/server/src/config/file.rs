//! `cepmon.yml` as it is written: a `prometheus.yml` with more sections. Field for field the file's keys; what they mean together
//! is decided in `check`.

use std::collections::BTreeMap;
use std::time::Duration;

use cepmon_alert::Secret;
use serde::Deserialize;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConfigFile {
    /// Defaults for all jobs and rules.
    pub global: GlobalSection,
    /// What is scraped, probed and collected.
    pub scrape_configs: Vec<ScrapeSection>,
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
}

/// `global:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GlobalSection {
    /// Time between two scrapes of a target; 1m.
    pub scrape_interval: Option<Span>,
    /// Time a scrape may take; 10s, never more than the interval.
    pub scrape_timeout: Option<Span>,
    /// Time between two evaluations of a rule group; 1m.
    pub evaluation_interval: Option<Span>,
    /// Labels that are added to everything that leaves this host.
    pub external_labels: BTreeMap<String, String>,
}

/// One of `scrape_configs:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ScrapeSection {
    /// The label `job`.
    pub job_name: String,
    /// An exporter or probe from the plugins folder; `prometheus` when targets are given.
    pub plugin: Option<String>,
    /// The plugin's settings.
    pub settings: Option<serde_json::Value>,
    /// Targets with labels of their own.
    pub static_configs: Vec<StaticSection>,
    /// Time between two scrapes; `global.scrape_interval`.
    pub scrape_interval: Option<Span>,
    /// Time a scrape may take; `global.scrape_timeout`.
    pub scrape_timeout: Option<Span>,
    /// Path of the classic scrape; `/metrics`.
    pub metrics_path: Option<String>,
    /// `http` or `https` for the classic scrape.
    pub scheme: Option<String>,
    /// Query parameters.
    pub params: BTreeMap<String, Vec<String>>,
    /// Keep the target's own `job` and `instance` instead of renaming them to `exported_…`.
    pub honor_labels: bool,
    /// Keep the target's own timestamps; true.
    pub honor_timestamps: Option<bool>,
    /// A scrape with more samples fails; 0 = no limit.
    pub sample_limit: u64,
}

/// One of `static_configs:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StaticSection {
    /// `host:port`, or what the plugin takes as an address.
    pub targets: Vec<String>,
    /// Labels for all of them.
    pub labels: BTreeMap<String, String>,
}

/// `alerting:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AlertingSection {
    /// An Alertmanager file that is served in this process.
    pub config_file: Option<String>,
}

/// `logs:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogsSection {
    /// Files to follow.
    pub sources: Vec<LogSourceSection>,
}

/// One of `logs.sources:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogSourceSection {
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
pub(super) struct StorageSection {
    /// Memory of recent samples before they are written to Parquet; 64MiB.
    pub head_max_bytes: Option<Bytes>,
    /// When the log reaches the disk: `every_second` or `always`.
    pub fsync: Option<String>,
    /// How long and how much is kept.
    pub retention: RetentionSection,
}

/// `storage.retention:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RetentionSection {
    /// Of metrics.
    pub metrics: RetentionLimits,
    /// Of logs.
    pub logs: RetentionLimits,
}

/// One of `storage.retention:`; what is reached first counts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RetentionLimits {
    /// Age.
    pub time: Option<Span>,
    /// Size on disk.
    pub size: Option<Bytes>,
}

/// `plugins:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PluginsSection {
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
pub(super) struct PluginLimitsSection {
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
pub(super) struct SecretSection {
    /// The secret itself, best as `${VARIABLE}`.
    pub value: Option<Secret>,
    /// A file that holds it, relative to this one; read again at each reload.
    pub file: Option<String>,
}

/// `web:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WebSection {
    /// Address and port; the command line wins.
    pub listen: Option<String>,
    /// Host names under which this host is reached, beside loopback.
    pub hosts: Vec<String>,
    /// Listen beyond loopback without authentication.
    pub insecure: bool,
}

/// A duration in Prometheus's notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        cepmon_model::parse_duration(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A size such as `10GB`; units are powers of two, as in Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes(pub u64);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse_size(&String::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Reads a size as Prometheus does: units are powers of two, with or without an `i`.
///
/// # Errors
/// A text for people.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wanted = || format!("cannot read the size \"{text}\": wanted a number with B, KB, MB, GB or TB");
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "" | "B" => 0,
        "KB" | "KiB" => 10,
        "MB" | "MiB" => 20,
        "GB" | "GiB" => 30,
        "TB" | "TiB" => 40,
        "PB" | "PiB" => 50,
        _ => return Err(wanted()),
    };
    let number: u64 = number.parse().map_err(|_| wanted())?;
    number.checked_mul(1 << shift).ok_or_else(wanted)
}
