//! From what the file says to what the host does: defaults filled in, cross-field rules checked, every mistake with its place.
//! It touches neither the network nor the plugins.

mod discovery;
mod http_client;
mod job;
mod plugin;
mod remote;

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cepmon_model::{LabelSet, LabelSetBuilder, NameScheme, RelabelRule};
use serde_json::{Value, json};

use super::file::{ConfigFile, RetentionLimits, StorageSection};
use super::problem::Problem;
use super::yaml::Node;
use super::{Findings, ScrapeFile};

pub(super) use discovery::is_glob_of_files;
pub use discovery::{DiscoveryConfig, DnsRecord};
pub(super) use http_client::{http_client_problems, web_address_problem};
pub use job::{CLASSIC_PLUGIN, Job, JobLimits};
pub use plugin::{PluginLimits, PluginSources, SecretSource};
pub use remote::OtherAlertmanagers;

/// Prometheus's default (2.48).
const EVALUATION_INTERVAL: Duration = Duration::from_secs(60);
/// Loopback only: there is no authentication yet.
const DEFAULT_LISTEN: &str = "127.0.0.1:9090";

/// A configuration that can run.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file as it may be shown: its YAML with secrets masked.
    pub yaml: String,
    /// Labels that are added to everything that leaves this host.
    pub external_labels: LabelSet,
    /// Time between two evaluations of a rule group that has none of its own.
    pub evaluation_interval: Duration,
    /// How far back in time a rule group is evaluated that does not say so itself.
    pub rule_query_offset: Duration,
    /// Rules for the labels of alerts that are told.
    pub alert_rules: Vec<RelabelRule>,
    /// Alertmanagers that are told beside the one in this process.
    pub other_alertmanagers: Vec<OtherAlertmanagers>,
    /// What is scraped, probed and collected.
    pub jobs: Vec<Job>,
    /// Globs of rule files, absolute or relative to the working directory.
    pub rule_files: Vec<PathBuf>,
    /// The Alertmanager file.
    pub alertmanager_file: Option<PathBuf>,
    /// Logs to follow.
    pub log_sources: Vec<LogSource>,
    /// How much is kept, and how safely.
    pub storage: StorageConfig,
    /// The operator's plugins folder.
    pub plugins_dir: Option<PathBuf>,
    /// Where plugins may come from.
    pub plugin_sources: PluginSources,
    /// Run exactly the files that the lock files name, or do not start.
    pub are_plugins_locked: bool,
    /// Where the secrets of plugins come from, by name.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Limits of single plugins, by name.
    pub plugin_limits: BTreeMap<String, PluginLimits>,
    /// The HTTP surface.
    pub web: WebConfig,
}

/// Files to follow.
#[derive(Debug, Clone, PartialEq)]
pub struct LogSource {
    /// The label `job`.
    pub name: String,
    /// Globs of files.
    pub paths: Vec<String>,
    /// The log parser; none = lines are stored as they are.
    pub plugin: Option<String>,
    /// Its settings, not yet checked against its manifest.
    pub settings: Value,
    /// Labels of the stream, `job` included.
    pub labels: LabelSet,
}

/// `storage:`
#[derive(Debug, Clone, PartialEq)]
pub struct StorageConfig {
    /// Memory of recent samples before they are written to Parquet.
    pub head_max_bytes: u64,
    /// Whether an append waits for the disk.
    pub fsync_always: bool,
    /// Age and size of metrics.
    pub metrics: Retention,
    /// Age and size of logs.
    pub logs: Retention,
}

/// What is kept; none = no limit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Retention {
    /// Age.
    pub time: Option<Duration>,
    /// Bytes on disk.
    pub bytes: Option<u64>,
}

/// `web:`
#[derive(Debug, Clone, PartialEq)]
pub struct WebConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Host names under which this host is reached, beside loopback.
    pub hosts: Vec<String>,
    /// Listen beyond loopback without authentication.
    pub is_insecure: bool,
}

/// Checks a file. `root` is the tree it was read from, for places; paths are taken relative to `base_dir`. `others` are the files of
/// `scrape_config_files`.
pub(super) fn check(file: &ConfigFile, root: &Node, base_dir: &Path, others: &mut [ScrapeFile], found: &mut Findings) -> Config {
    let mut checker = Checker { root, problems: &mut found.problems, warnings: Vec::new() };
    let global = &file.global;
    let defaults = checker.job_defaults(global);
    let mut jobs = Vec::new();
    for (index, section) in file.scrape_configs.iter().enumerate() {
        jobs.push(checker.job(section, &format!("scrape_configs[{index}]"), &defaults, base_dir));
    }
    for other in others {
        let mut checker = Checker { root: &other.root, problems: &mut other.found.problems, warnings: Vec::new() };
        let base_dir = other.path.parent().unwrap_or(Path::new(""));
        for (index, section) in other.file.scrape_configs.iter().enumerate() {
            let job = checker.job(section, &format!("scrape_configs[{index}]"), &defaults, base_dir);
            jobs.push(Job { file: Some(other.path.clone()), ..job });
        }
        other.found.warnings.append(&mut checker.warnings);
    }
    checker.unique_names(&jobs);
    checker.remotes(file, base_dir);
    let alert_rules = checker.rules(&file.alerting.alert_relabel_configs, "alerting.alert_relabel_configs", NameScheme::Utf8);
    let other_alertmanagers = checker.alertmanagers(&file.alerting, base_dir);
    checker.tsdb(&file.storage);
    for (index, pattern) in file.rule_files.iter().enumerate().filter(|(_, pattern)| !discovery::is_glob_of_files(pattern)) {
        checker.problem(&format!("rule_files[{index}]"), &format!("a * may stand in the last part of a path only, got \"{pattern}\""));
    }
    let log_sources = file.logs.sources.iter().enumerate().map(|(index, section)| checker.log_source(section, index)).collect();
    let secrets = file.plugins.secrets.iter().filter_map(|(name, section)| checker.secret(name, section, base_dir)).collect();
    let plugin_limits = file.plugins.limits.iter().map(|(name, section)| (name.clone(), checker.plugin_limits(name, section))).collect();
    let listen = file.web.listen.as_deref().unwrap_or(DEFAULT_LISTEN);
    let listen = listen.parse().unwrap_or_else(|_| {
        checker.problem("web.listen", &format!("cannot read the address \"{listen}\"; wanted IP:PORT, as in {DEFAULT_LISTEN}"));
        SocketAddr::from(([127, 0, 0, 1], 0))
    });
    let fsync_always = match file.storage.fsync.as_deref() {
        None | Some("every_second") => false,
        Some("always") => true,
        Some(other) => {
            checker.problem("storage.fsync", &format!("wanted every_second or always, got \"{other}\""));
            false
        }
    };
    let config = Config {
        yaml: String::new(),
        external_labels: checker.labels(&global.external_labels, "global.external_labels", defaults.names).build(),
        evaluation_interval: global.evaluation_interval.map(|span| span.0).filter(|span| !span.is_zero()).unwrap_or(EVALUATION_INTERVAL),
        rule_query_offset: global.rule_query_offset.map(|span| span.0).unwrap_or_default(),
        alert_rules,
        other_alertmanagers,
        jobs,
        rule_files: file.rule_files.iter().map(|glob| base_dir.join(glob)).collect(),
        alertmanager_file: file.alerting.config_file.as_ref().map(|path| base_dir.join(path)),
        log_sources,
        storage: StorageConfig {
            head_max_bytes: file.storage.head_max_bytes.map_or(cepmon_storage::HEAD_MAX_BYTES, |bytes| bytes.0),
            fsync_always,
            metrics: metrics_retention(&file.storage),
            logs: retention(&file.storage.retention.logs),
        },
        plugins_dir: file.plugins.dir.as_ref().map(|dir| base_dir.join(dir)),
        plugin_sources: checker.plugin_sources(&file.plugins, base_dir),
        are_plugins_locked: file.plugins.locked,
        secrets,
        plugin_limits,
        web: WebConfig { listen, hosts: file.web.hosts.clone(), is_insecure: file.web.insecure },
    };
    let mut warnings = checker.warnings;
    found.warnings.append(&mut warnings);
    config
}

struct Checker<'a> {
    root: &'a Node,
    problems: &'a mut Vec<Problem>,
    /// What is taken and has no effect.
    warnings: Vec<Problem>,
}

impl Checker<'_> {
    fn problem(&mut self, path: &str, message: &str) {
        self.problems.push(Problem::new(self.root.at(path).position, message));
    }

    fn warn(&mut self, path: &str, message: &str) {
        self.warnings.push(Problem::new(self.root.at(path).position, message));
    }

    fn unique_names(&mut self, jobs: &[Job]) {
        let mut names = HashSet::new();
        for job in jobs.iter().filter(|job| !job.name.is_empty() && !names.insert(&job.name)) {
            let path = job.file.as_ref().map_or_else(|| format!("{}.job_name", job.path), |_| "scrape_config_files".to_owned());
            self.problem(&path, &format!("two scrape configurations are called \"{}\"", job.name));
        }
    }

    fn positive(&mut self, duration: Duration, path: &str) {
        if duration.is_zero() {
            self.problem(path, "must be longer than zero");
        }
    }

    fn labels(&mut self, labels: &BTreeMap<String, String>, path: &str, names: NameScheme) -> LabelSetBuilder {
        let mut builder = LabelSetBuilder::default();
        for (name, value) in labels {
            if !names.is_label_name(name) || name == cepmon_model::METRIC_NAME {
                self.problem(&format!("{path}.{name}"), &format!("\"{name}\" cannot be a label's name; wanted [a-zA-Z_][a-zA-Z0-9_]*"));
            }
            builder.set(name, value);
        }
        builder
    }

    fn log_source(&mut self, section: &super::file::LogSourceSection, index: usize) -> LogSource {
        let path = format!("logs.sources[{index}]");
        if section.job_name.is_empty() {
            self.problem(&path, "a log source needs a job_name");
        }
        if section.paths.is_empty() {
            self.problem(&path, "a log source needs paths");
        }
        for (number, glob) in section.paths.iter().enumerate() {
            if let Err(error) = globset::Glob::new(glob) {
                self.problem(&format!("{path}.paths[{number}]"), &error.to_string());
            }
        }
        let mut labels = self.labels(&section.labels, &format!("{path}.labels"), NameScheme::Legacy);
        labels.set("job", &section.job_name);
        LogSource {
            name: section.job_name.clone(),
            paths: section.paths.clone(),
            plugin: section.plugin.clone(),
            settings: section.settings.clone().unwrap_or_else(|| json!({})),
            labels: labels.build(),
        }
    }
}

fn retention(limits: &RetentionLimits) -> Retention {
    Retention { time: limits.time.map(|span| span.0), bytes: limits.size.map(|bytes| bytes.0) }
}

/// cepmon's own key wins over Prometheus's.
fn metrics_retention(section: &StorageSection) -> Retention {
    let own = retention(&section.retention.metrics);
    let tsdb = section.tsdb.retention.as_ref();
    let time = tsdb.and_then(|limits| limits.time).map(|span| span.0).filter(|time| !time.is_zero());
    let bytes = tsdb.and_then(|limits| limits.size).map(|size| size.0).filter(|bytes| *bytes > 0);
    Retention { time: own.time.or(time), bytes: own.bytes.or(bytes) }
}
