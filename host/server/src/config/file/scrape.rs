//! `global:` and `scrape_configs:` as they are written.

use std::collections::BTreeMap;

use cepmon_model::RelabelEntry;
use serde::Deserialize;

use super::discovery::DiscoverySections;
use super::http_client::HttpClientSection;
use super::scalar::{SizeWithUnit, Span};

/// `global:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct GlobalSection {
    /// Time between two scrapes of a target; 1m.
    pub scrape_interval: Option<Span>,
    /// Time a scrape may take; 10s, never more than the interval.
    pub scrape_timeout: Option<Span>,
    /// Time between two evaluations of a rule group; 1m.
    pub evaluation_interval: Option<Span>,
    /// How far rule groups look back; 0s.
    pub rule_query_offset: Option<Span>,
    /// Labels that are added to everything that leaves this host.
    pub external_labels: BTreeMap<String, String>,
    /// Has no effect.
    pub query_log_file: Option<String>,
    /// Limits and formats of jobs that set none of their own.
    #[serde(rename = "<shared>")]
    pub shared: ScrapeDefaults,
}

/// What a job may set for itself and `global:` for all jobs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct ScrapeDefaults {
    /// A larger body (after decompression) fails the scrape; 0 = no limit.
    pub body_size_limit: Option<SizeWithUnit>,
    /// A scrape with more samples (after relabelling) fails; 0 = no limit.
    pub sample_limit: Option<u64>,
    /// With more targets (after relabelling) all scrapes of the job fail; 0 = no limit.
    pub target_limit: Option<u64>,
    /// A series with more labels fails the scrape; 0 = no limit.
    pub label_limit: Option<u64>,
    /// A longer label name fails the scrape; 0 = no limit.
    pub label_name_length_limit: Option<u64>,
    /// A longer label value fails the scrape; 0 = no limit.
    pub label_value_length_limit: Option<u64>,
    /// So many dropped targets are shown; 0 = all.
    pub keep_dropped_targets: Option<u64>,
    /// `utf8` or `legacy`: which names metrics and labels may have.
    pub metric_name_validation_scheme: Option<String>,
    /// How names that are not legacy are asked for: `allow-utf-8`, `underscores`, `dots` or `values`.
    pub metric_name_escaping_scheme: Option<String>,
    /// Formats that are asked for, the most wanted first.
    pub scrape_protocols: Option<Vec<String>>,
    /// Has no effect.
    pub scrape_failure_log_file: Option<String>,
    /// Has no effect but to ask for protobuf first: native histograms come in by remote write and OTLP only.
    pub scrape_native_histograms: Option<bool>,
    /// Has no effect.
    pub convert_classic_histograms_to_nhcb: Option<bool>,
    /// Keep the classic buckets of histograms that are native, too.
    pub always_scrape_classic_histograms: Option<bool>,
    /// Three more series per target: time-out, sample limit and size of the body.
    pub extra_scrape_metrics: Option<bool>,
}

/// One of `scrape_configs:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct ScrapeSection {
    /// The label `job`.
    pub job_name: String,
    /// An exporter or probe from the plugins folder; `prometheus` when targets are given.
    pub plugin: Option<String>,
    /// The plugin's settings.
    pub settings: Option<serde_json::Value>,
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
    /// End series with their own timestamps, too, when they disappear.
    pub track_timestamps_staleness: bool,
    /// Ask for compression; true.
    pub enable_compression: Option<bool>,
    /// Prometheus 2's name of `always_scrape_classic_histograms`.
    pub scrape_classic_histograms: Option<bool>,
    /// The format of a target that names none.
    pub fallback_scrape_protocol: Option<String>,
    /// Has no effect: native histograms of scrapes are not stored.
    pub native_histogram_bucket_limit: Option<u64>,
    /// Has no effect: native histograms of scrapes are not stored.
    pub native_histogram_min_bucket_factor: Option<f64>,
    /// Rules for targets.
    pub relabel_configs: Vec<Option<RelabelEntry>>,
    /// Rules for series.
    pub metric_relabel_configs: Vec<Option<RelabelEntry>>,
    /// Limits and formats.
    #[serde(rename = "<shared>")]
    pub shared: ScrapeDefaults,
    /// Where targets come from.
    #[serde(rename = "<sources>")]
    pub sources: DiscoverySections,
    /// How requests are made.
    #[serde(rename = "<http>")]
    pub http: HttpClientSection,
}
