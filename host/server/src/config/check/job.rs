//! One scrape configuration: defaults of `global:` filled in, what excludes what, the bundled scraper's settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cepmon_model::{NameScheme, RelabelEntry, RelabelRule};
use cepmon_plugin::HttpOptions;
use serde_json::{Value, json};

use super::Checker;
use super::discovery::DiscoveryConfig;
use crate::config::file::{GlobalSection, ScrapeDefaults, ScrapeSection};
use crate::target::TargetGroup;

/// Prometheus's defaults (2.48).
const SCRAPE_INTERVAL: Duration = Duration::from_secs(60);
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);
const METRICS_PATH: &str = "/metrics";
/// The plugin that scrapes classic targets.
pub const CLASSIC_PLUGIN: &str = "prometheus";

/// Formats that a target may be asked for, by their names in the file.
const PROTOCOLS: [&str; 5] =
    ["PrometheusProto", "PrometheusText0.0.4", "PrometheusText1.0.0", "OpenMetricsText0.0.1", "OpenMetricsText1.0.0"];
/// What is asked for by default, the most wanted first (Prometheus 3); with native histograms protobuf comes before all.
const DEFAULT_PROTOCOLS: [&str; 4] = ["OpenMetricsText1.0.0", "OpenMetricsText0.0.1", "PrometheusText1.0.0", "PrometheusText0.0.4"];
const ESCAPINGS: [&str; 4] = ["allow-utf-8", "underscores", "dots", "values"];

/// One scrape configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The label `job`, unless a rule changes it.
    pub name: String,
    /// The file that it stands in, if that is not the main one.
    pub file: Option<PathBuf>,
    /// Where it stands in its file: `scrape_configs[0]`.
    pub path: String,
    /// The exporter or probe.
    pub plugin: String,
    /// Its settings, not yet checked against its manifest.
    pub settings: Value,
    /// Query parameters by name.
    pub parameters: BTreeMap<String, Vec<String>>,
    /// `http` or `https`, of classic targets.
    pub scheme: String,
    /// Path of classic targets.
    pub metrics_path: String,
    /// Time between two scrapes.
    pub interval: Duration,
    /// Time a scrape may take.
    pub timeout: Duration,
    /// Keep the target's own `job` and `instance`.
    pub honor_labels: bool,
    /// Keep the target's own timestamps.
    pub honor_timestamps: bool,
    /// End series with times of their own, too.
    pub ends_timed_series: bool,
    /// Three more series per target.
    pub has_extra_metrics: bool,
    /// Bounds of the job's targets and series.
    pub limits: JobLimits,
    /// Which names metrics and labels may have.
    pub names: NameScheme,
    /// How requests are made.
    pub http: Arc<HttpOptions>,
    /// Rules for targets.
    pub relabel: Vec<RelabelRule>,
    /// Rules for series.
    pub metric_relabel: Arc<[RelabelRule]>,
    /// Targets that stand in the file.
    pub groups: Vec<TargetGroup>,
    /// Places that are asked for targets.
    pub discoveries: Vec<DiscoveryConfig>,
    /// The plugin looks at the host itself: one target without an address.
    pub is_of_this_host: bool,
}

/// Bounds; 0 = no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct JobLimits {
    /// Bytes of a body after decompression.
    pub body_bytes: u64,
    /// Samples of a scrape after relabelling.
    pub samples: u64,
    /// Targets of the job after relabelling.
    pub targets: u64,
    /// Labels of a series.
    pub labels: u64,
    /// Bytes of a label's name.
    pub label_name_bytes: u64,
    /// Bytes of a label's value.
    pub label_value_bytes: u64,
    /// Dropped targets that are shown.
    pub dropped_targets: u64,
}

/// `global:` as far as jobs see it.
pub(super) struct JobDefaults<'a> {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) names: NameScheme,
    pub(super) shared: &'a ScrapeDefaults,
}

impl Job {
    /// Whether its targets are classic ones: `/metrics` pages.
    pub fn is_classic(&self) -> bool {
        self.plugin == CLASSIC_PLUGIN
    }
}

impl Checker<'_> {
    pub(super) fn job_defaults<'a>(&mut self, global: &'a GlobalSection) -> JobDefaults<'a> {
        let given = |span: Option<crate::config::file::Span>| span.map(|span| span.0).filter(|span| !span.is_zero());
        let interval = given(global.scrape_interval).unwrap_or(SCRAPE_INTERVAL);
        let timeout = given(global.scrape_timeout).unwrap_or(SCRAPE_TIMEOUT.min(interval));
        if timeout > interval {
            self.problem("global.scrape_timeout", "the scrape timeout is longer than the scrape interval");
        }
        let names = self.name_scheme(&global.shared, "global", NameScheme::Utf8);
        if let Some(protocols) = &global.shared.scrape_protocols {
            self.protocols(protocols, "global.scrape_protocols");
        }
        self.warn_of_no_effect(&global.shared, "global");
        JobDefaults { interval, timeout, names, shared: &global.shared }
    }

    pub(super) fn job(&mut self, section: &ScrapeSection, path: &str, defaults: &JobDefaults<'_>, base_dir: &Path) -> Job {
        if section.job_name.is_empty() {
            self.problem(path, "a scrape configuration needs a job_name");
        }
        let plugin = section.plugin.as_deref().unwrap_or(CLASSIC_PLUGIN);
        let is_classic = plugin == CLASSIC_PLUGIN;
        let given = |span: Option<crate::config::file::Span>| span.map(|span| span.0).filter(|span| !span.is_zero());
        let interval = given(section.scrape_interval).unwrap_or(defaults.interval);
        let timeout = given(section.scrape_timeout);
        if timeout.is_some_and(|timeout| timeout > interval) {
            self.problem(&format!("{path}.scrape_timeout"), "the scrape timeout is longer than the scrape interval");
        }
        for (name, is_given) in [("metrics_path", section.metrics_path.is_some()), ("scheme", section.scheme.is_some())] {
            if is_given && !is_classic {
                let message = format!("\"{name}\" belongs to the plugin \"{CLASSIC_PLUGIN}\", not to \"{plugin}\"");
                self.problem(&format!("{path}.{name}"), &message);
            }
        }
        let scheme = section.scheme.as_deref().unwrap_or("http");
        if !matches!(scheme, "http" | "https") {
            self.problem(&format!("{path}.scheme"), &format!("wanted http or https, got \"{scheme}\""));
        }
        let names = self.name_scheme(&section.shared, path, defaults.names);
        self.warn_of_no_effect(&section.shared, path);
        let is_of_this_host = section.plugin.is_some() && !section.sources.has_any();
        if is_classic && section.relabel_configs.is_empty() {
            self.no_urls(&section.sources, path);
        }
        if section.native_histogram_bucket_limit.is_some() || section.native_histogram_min_bucket_factor.is_some() {
            self.warn(path, "native histograms of scrapes are not stored; limits for them have no effect");
        }
        Job {
            name: section.job_name.clone(),
            file: None,
            path: path.to_owned(),
            plugin: plugin.to_owned(),
            settings: self.settings(section, path, defaults, is_classic),
            parameters: section.params.clone(),
            scheme: scheme.to_owned(),
            metrics_path: section.metrics_path.clone().filter(|path| !path.is_empty()).unwrap_or_else(|| METRICS_PATH.to_owned()),
            interval,
            timeout: timeout.unwrap_or(defaults.timeout).min(interval),
            honor_labels: section.honor_labels,
            honor_timestamps: section.honor_timestamps.unwrap_or(true),
            ends_timed_series: section.track_timestamps_staleness,
            has_extra_metrics: section.shared.extra_scrape_metrics.or(defaults.shared.extra_scrape_metrics).unwrap_or(false),
            limits: limits(&section.shared, defaults.shared),
            names,
            http: Arc::new(self.http_client(&section.http, path, base_dir)),
            relabel: self.rules(&section.relabel_configs, &format!("{path}.relabel_configs"), names),
            metric_relabel: self.rules(&section.metric_relabel_configs, &format!("{path}.metric_relabel_configs"), names).into(),
            groups: self.static_groups(&section.sources, path, names),
            discoveries: self.discoveries(&section.sources, path, base_dir),
            is_of_this_host,
        }
    }

    /// Rules of `…_relabel_configs`.
    pub(super) fn rules(&mut self, entries: &[Option<RelabelEntry>], path: &str, names: NameScheme) -> Vec<RelabelRule> {
        let mut rules = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match entry.as_ref().map(|entry| entry.check(names)) {
                Some(Ok(rule)) => rules.push(rule),
                Some(Err(error)) => {
                    let path = error.key().map_or_else(|| path.clone(), |key| format!("{path}.{key}"));
                    self.problem(&path, &crate::chain::chain(&error));
                }
                None => self.problem(&path, "this rule is empty; give it an action, or remove it"),
            }
        }
        rules
    }

    /// Settings of the plugin; a classic job's keys become settings of the bundled scraper.
    fn settings(&mut self, section: &ScrapeSection, path: &str, defaults: &JobDefaults<'_>, is_classic: bool) -> Value {
        let mut settings = section.settings.clone().unwrap_or_else(|| json!({}));
        if !settings.is_object() {
            self.problem(&format!("{path}.settings"), "wanted a mapping of settings");
            settings = json!({});
        }
        let shared = &section.shared;
        let wants_native = shared.scrape_native_histograms.or(defaults.shared.scrape_native_histograms).unwrap_or(false);
        let protocols = match shared.scrape_protocols.as_ref().or(defaults.shared.scrape_protocols.as_ref()) {
            Some(protocols) => protocols.clone(),
            None if wants_native => [PROTOCOLS[0]].into_iter().chain(DEFAULT_PROTOCOLS).map(str::to_owned).collect(),
            None => DEFAULT_PROTOCOLS.map(str::to_owned).to_vec(),
        };
        if shared.scrape_protocols.is_some() {
            self.protocols(&protocols, &format!("{path}.scrape_protocols"));
        }
        let fallback = section.fallback_scrape_protocol.as_deref().unwrap_or_default();
        if !fallback.is_empty() {
            self.protocols(&[fallback.to_owned()], &format!("{path}.fallback_scrape_protocol"));
        }
        let limits = limits(shared, defaults.shared);
        let own = [
            ("honor_timestamps", Value::from(section.honor_timestamps.unwrap_or(true))),
            ("scrape_protocols", protocols.into()),
            ("fallback_scrape_protocol", fallback.into()),
            ("enable_compression", section.enable_compression.unwrap_or(true).into()),
            ("body_size_limit", limits.body_bytes.into()),
            ("escaping", self.escaping(section, path, defaults).into()),
        ];
        if let Some(settings) = settings.as_object_mut().filter(|_| is_classic) {
            for (key, value) in own {
                settings.entry(key).or_insert(value);
            }
        }
        settings
    }

    fn protocols(&mut self, protocols: &[String], path: &str) {
        if protocols.is_empty() {
            self.problem(path, "wanted at least one format");
        }
        for (index, protocol) in protocols.iter().enumerate() {
            if !PROTOCOLS.contains(&protocol.as_str()) {
                self.problem(path, &format!("no format is called \"{protocol}\"; wanted {}", PROTOCOLS.join(", ")));
            }
            if protocols[..index].iter().any(|before| before.eq_ignore_ascii_case(protocol)) {
                self.problem(path, &format!("the format \"{protocol}\" stands twice"));
            }
        }
    }

    fn name_scheme(&mut self, section: &ScrapeDefaults, path: &str, default: NameScheme) -> NameScheme {
        match section.metric_name_validation_scheme.as_deref() {
            None | Some("") => default,
            Some("utf8") => NameScheme::Utf8,
            Some("legacy") => NameScheme::Legacy,
            Some(other) => {
                self.problem(&format!("{path}.metric_name_validation_scheme"), &format!("wanted utf8 or legacy, got \"{other}\""));
                default
            }
        }
    }

    /// How names that are not legacy are asked for.
    fn escaping(&mut self, section: &ScrapeSection, path: &str, defaults: &JobDefaults<'_>) -> &'static str {
        let default = |names| if names == NameScheme::Legacy { "underscores" } else { "allow-utf-8" };
        let own_names = self.name_scheme(&section.shared, path, defaults.names);
        let has_own_names = section.shared.metric_name_validation_scheme.as_deref().is_some_and(|scheme| !scheme.is_empty());
        let given = section.shared.metric_name_escaping_scheme.as_deref().filter(|text| !text.is_empty());
        let global = defaults.shared.metric_name_escaping_scheme.as_deref().filter(|text| !text.is_empty() && !has_own_names);
        let Some(wanted) = given.or(global) else { return default(own_names) };
        let key = format!("{path}.metric_name_escaping_scheme");
        let Some(found) = ESCAPINGS.iter().find(|known| **known == wanted) else {
            self.problem(&key, &format!("wanted {}, got \"{wanted}\"", ESCAPINGS.join(", ")));
            return default(own_names);
        };
        if *found == ESCAPINGS[0] && own_names == NameScheme::Legacy {
            self.problem(&key, "UTF-8 names are asked for, but metric_name_validation_scheme is legacy");
        }
        found
    }

    fn warn_of_no_effect(&mut self, section: &ScrapeDefaults, path: &str) {
        if section.scrape_native_histograms == Some(true) || section.convert_classic_histograms_to_nhcb == Some(true) {
            self.warn(path, "native histograms of scrapes are not stored: they are counted and left out, classic buckets are kept");
        }
        if section.scrape_failure_log_file.as_ref().is_some_and(|file| !file.is_empty()) {
            self.warn(
                &format!("{path}.scrape_failure_log_file"),
                "scrape failures are rows of the SQL table \"scrapes\"; no file is written",
            );
        }
    }
}

fn limits(own: &ScrapeDefaults, global: &ScrapeDefaults) -> JobLimits {
    let pick = |own: Option<u64>, global: Option<u64>| own.filter(|limit| *limit > 0).or(global).unwrap_or(0);
    JobLimits {
        body_bytes: pick(own.body_size_limit.map(|size| size.0), global.body_size_limit.map(|size| size.0)),
        samples: pick(own.sample_limit, global.sample_limit),
        targets: pick(own.target_limit, global.target_limit),
        labels: pick(own.label_limit, global.label_limit),
        label_name_bytes: pick(own.label_name_length_limit, global.label_name_length_limit),
        label_value_bytes: pick(own.label_value_length_limit, global.label_value_length_limit),
        dropped_targets: pick(own.keep_dropped_targets, global.keep_dropped_targets),
    }
}
