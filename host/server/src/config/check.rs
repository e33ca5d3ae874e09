//! From what the file says to what the host does: defaults filled in, cross-field rules checked, every mistake with its place.
//! It touches neither the network nor the plugins.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cepmon_alert::Secret;
use cepmon_model::{LabelSet, LabelSetBuilder, is_label_name};
use cepmon_plugin::{LimitOverrides, Limits, TrustedKey};
use serde_json::{Value, json};

use super::file::{Bytes, ConfigFile, PluginLimitsSection, PluginsSection, RetentionLimits, ScrapeSection, SecretSection, StaticSection};
use super::problem::Problem;
use super::yaml::Node;

/// Prometheus's defaults (2.48).
const SCRAPE_INTERVAL: Duration = Duration::from_secs(60);
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);
const EVALUATION_INTERVAL: Duration = Duration::from_secs(60);
/// Recent samples in memory; over it they are written to Parquet.
const HEAD_MAX_BYTES: u64 = 64 << 20;
/// The plugin that scrapes classic targets.
pub const CLASSIC_PLUGIN: &str = "prometheus";
/// Loopback only: there is no authentication yet.
const DEFAULT_LISTEN: &str = "127.0.0.1:9090";

/// A configuration that can run.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Labels that are added to everything that leaves this host.
    pub external_labels: LabelSet,
    /// Time between two evaluations of a rule group that has none of its own.
    pub evaluation_interval: Duration,
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
    /// The file as it may be shown.
    pub yaml: String,
}

/// One scrape configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The label `job`.
    pub name: String,
    /// The exporter or probe.
    pub plugin: String,
    /// Its settings, not yet checked against its manifest.
    pub settings: Value,
    /// Query parameters.
    pub parameters: Vec<(String, String)>,
    /// Time between two scrapes.
    pub interval: Duration,
    /// Time a scrape may take.
    pub timeout: Duration,
    /// Keep the target's own `job` and `instance`.
    pub honor_labels: bool,
    /// Keep the target's own timestamps.
    pub honor_timestamps: bool,
    /// A scrape with more samples fails; 0 = no limit.
    pub sample_limit: u64,
    /// Targets; one with an empty address for a plugin that looks at the host itself.
    pub targets: Vec<TargetConfig>,
}

/// A target of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetConfig {
    /// What the plugin takes as an address; empty = the host itself.
    pub address: String,
    /// Labels of the configuration, without `job`; `instance` if the file sets it.
    pub labels: LabelSet,
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

/// What one plugin may take.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PluginLimits {
    /// Of its calls.
    pub calls: LimitOverrides,
    /// Living series over all its targets.
    pub series: Option<u64>,
}

/// Where plugins may come from; for the command line, the server downloads nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PluginSources {
    /// The index of names, a path or a URL.
    pub index: Option<String>,
    /// Whose signatures count.
    pub trusted_keys: Vec<TrustedKey>,
    /// Authorities beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// Where a secret of plugins comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum SecretSource {
    /// The configuration itself.
    Value(Secret),
    /// A file, read at start and at each reload.
    File(PathBuf),
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

/// Checks a file. `root` is the tree it was read from, for places; paths are taken relative to `base_dir`.
pub(super) fn check(file: &ConfigFile, root: &Node, base_dir: &Path, problems: &mut Vec<Problem>) -> Config {
    let mut checker = Checker { root, problems };
    let global = &file.global;
    let interval = global.scrape_interval.map_or(SCRAPE_INTERVAL, |span| span.0);
    let timeout = global.scrape_timeout.map_or(SCRAPE_TIMEOUT.min(interval), |span| span.0);
    checker.positive(interval, "global.scrape_interval");
    if timeout > interval {
        checker.problem("global.scrape_timeout", "the scrape timeout is longer than the scrape interval");
    }
    let mut names = HashSet::new();
    let mut jobs = Vec::new();
    for (index, section) in file.scrape_configs.iter().enumerate() {
        let path = format!("scrape_configs[{index}]");
        if !names.insert(section.job_name.as_str()) && !section.job_name.is_empty() {
            checker.problem(&format!("{path}.job_name"), &format!("two scrape configurations are called \"{}\"", section.job_name));
        }
        jobs.push(checker.job(section, &path, interval, timeout));
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
    Config {
        external_labels: checker.labels(&global.external_labels, "global.external_labels").build(),
        evaluation_interval: global.evaluation_interval.map_or(EVALUATION_INTERVAL, |span| span.0),
        jobs,
        rule_files: file.rule_files.iter().map(|glob| base_dir.join(glob)).collect(),
        alertmanager_file: file.alerting.config_file.as_ref().map(|path| base_dir.join(path)),
        log_sources,
        storage: StorageConfig {
            head_max_bytes: file.storage.head_max_bytes.map_or(HEAD_MAX_BYTES, |bytes| bytes.0),
            fsync_always,
            metrics: retention(&file.storage.retention.metrics),
            logs: retention(&file.storage.retention.logs),
        },
        plugins_dir: file.plugins.dir.as_ref().map(|dir| base_dir.join(dir)),
        plugin_sources: checker.plugin_sources(&file.plugins, base_dir),
        are_plugins_locked: file.plugins.locked,
        secrets,
        plugin_limits,
        web: WebConfig { listen, hosts: file.web.hosts.clone(), is_insecure: file.web.insecure },
        yaml: String::new(),
    }
}

struct Checker<'a> {
    root: &'a Node,
    problems: &'a mut Vec<Problem>,
}

impl Checker<'_> {
    fn problem(&mut self, path: &str, message: &str) {
        self.problems.push(Problem::new(self.root.at(path).position, message));
    }

    fn plugin_sources(&mut self, section: &PluginsSection, base_dir: &Path) -> PluginSources {
        let mut trusted_keys = Vec::new();
        for (index, text) in section.trusted_keys.iter().enumerate() {
            match TrustedKey::parse(text) {
                Ok(key) => trusted_keys.push(key),
                Err(error) => self.problem(&format!("plugins.trusted_keys[{index}]"), &error.to_string()),
            }
        }
        let index = section.index.as_ref().map(|index| match index.contains("://") {
            true => index.clone(),
            false => base_dir.join(index).display().to_string(),
        });
        PluginSources { index, trusted_keys, ca_file: section.ca_file.as_ref().map(|path| base_dir.join(path)) }
    }

    fn positive(&mut self, duration: Duration, path: &str) {
        if duration.is_zero() {
            self.problem(path, "must be longer than zero");
        }
    }

    fn labels(&mut self, labels: &BTreeMap<String, String>, path: &str) -> LabelSetBuilder {
        let mut builder = LabelSetBuilder::default();
        for (name, value) in labels {
            if !is_label_name(name) || name == cepmon_model::METRIC_NAME {
                self.problem(&format!("{path}.{name}"), &format!("\"{name}\" cannot be a label's name; wanted [a-zA-Z_][a-zA-Z0-9_]*"));
            }
            builder.set(name, value);
        }
        builder
    }

    fn job(&mut self, section: &ScrapeSection, path: &str, interval: Duration, timeout: Duration) -> Job {
        if section.job_name.is_empty() {
            self.problem(path, "a scrape configuration needs a job_name");
        }
        let plugin = section.plugin.as_deref().unwrap_or(CLASSIC_PLUGIN);
        let is_classic = plugin == CLASSIC_PLUGIN;
        let interval = section.scrape_interval.map_or(interval, |span| span.0);
        self.positive(interval, &format!("{path}.scrape_interval"));
        let wanted_timeout = section.scrape_timeout.map(|span| span.0);
        if wanted_timeout.is_some_and(|timeout| timeout > interval) {
            self.problem(&format!("{path}.scrape_timeout"), "the scrape timeout is longer than the scrape interval");
        }
        let mut settings = section.settings.clone().unwrap_or_else(|| json!({}));
        if !settings.is_object() {
            self.problem(&format!("{path}.settings"), "wanted a mapping of settings");
            settings = json!({});
        }
        let classic = [("metrics_path", &section.metrics_path), ("scheme", &section.scheme)];
        for (name, value) in classic.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            if is_classic {
                settings[name] = Value::from(value.as_str());
            } else {
                self.problem(
                    &format!("{path}.{name}"),
                    &format!("\"{name}\" belongs to the plugin \"{CLASSIC_PLUGIN}\", not to \"{plugin}\""),
                );
            }
        }
        if let Some(scheme) = section.scheme.as_deref().filter(|scheme| !matches!(*scheme, "http" | "https")) {
            self.problem(&format!("{path}.scheme"), &format!("wanted http or https, got \"{scheme}\""));
        }
        let parameters = section.params.iter().flat_map(|(name, values)| values.iter().map(|value| (name.clone(), value.clone())));
        let mut targets = Vec::new();
        for (index, group) in section.static_configs.iter().enumerate() {
            self.targets(group, &format!("{path}.static_configs[{index}]"), &mut targets);
        }
        if section.static_configs.is_empty() {
            match &section.plugin {
                None => self.problem(path, "this job has nothing to scrape; give it static_configs, or a plugin that looks at the host"),
                Some(_) => targets.push(TargetConfig { address: String::new(), labels: LabelSet::default() }),
            }
        }
        Job {
            name: section.job_name.clone(),
            plugin: plugin.to_owned(),
            settings,
            parameters: parameters.collect(),
            interval,
            timeout: wanted_timeout.unwrap_or(timeout).min(interval),
            honor_labels: section.honor_labels,
            honor_timestamps: section.honor_timestamps.unwrap_or(true),
            sample_limit: section.sample_limit,
            targets,
        }
    }

    fn targets(&mut self, group: &StaticSection, path: &str, targets: &mut Vec<TargetConfig>) {
        let labels = self.labels(&group.labels, &format!("{path}.labels")).build();
        for (index, address) in group.targets.iter().enumerate() {
            if address.is_empty() || address.chars().any(char::is_whitespace) {
                self.problem(&format!("{path}.targets[{index}]"), &format!("\"{address}\" is no address"));
            }
            let target = TargetConfig { address: address.clone(), labels: labels.clone() };
            if targets.contains(&target) {
                self.problem(&format!("{path}.targets[{index}]"), &format!("the target \"{address}\" stands twice in this job"));
            } else {
                targets.push(target);
            }
        }
    }

    fn plugin_limits(&mut self, name: &str, section: &PluginLimitsSection) -> PluginLimits {
        let path = format!("plugins.limits.{name}");
        let size = |bytes: Option<Bytes>| bytes.map(|bytes| usize::try_from(bytes.0).unwrap_or(usize::MAX));
        let count = |count: Option<u64>| count.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        let memory_bytes = size(section.memory);
        let largest = Limits::default().plugin_memory_bytes();
        if memory_bytes.is_some_and(|bytes| bytes > largest) {
            self.problem(
                &format!("{path}.memory"),
                &format!("the guests of one plugin together have {} MiB; no single one can have more", largest >> 20),
            );
        }
        if let Some(cpu) = section.cpu {
            self.positive(cpu.0, &format!("{path}.cpu"));
        }
        if section.guests == Some(0) {
            self.problem(&format!("{path}.guests"), "must be at least 1");
        }
        let calls = LimitOverrides {
            memory_bytes,
            cpu: section.cpu.map(|span| span.0),
            samples: count(section.samples),
            series_bytes: size(section.series_bytes),
            log_bytes: size(section.log),
            body_bytes: size(section.body),
            network_bytes: size(section.network),
            guests: count(section.guests),
        };
        PluginLimits { calls, series: section.series }
    }

    fn secret(&mut self, name: &str, section: &SecretSection, base_dir: &Path) -> Option<(String, SecretSource)> {
        let path = format!("plugins.secrets.{name}");
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            self.problem(&path, &format!("\"{name}\" cannot be a secret's name; wanted letters, digits, - and _"));
        }
        let source = match (&section.value, &section.file) {
            (Some(value), None) => SecretSource::Value(value.clone()),
            (None, Some(file)) => SecretSource::File(base_dir.join(file)),
            _ => {
                self.problem(&path, "a secret needs either a value or a file");
                return None;
            }
        };
        Some((name.to_owned(), source))
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
        let mut labels = self.labels(&section.labels, &format!("{path}.labels"));
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
