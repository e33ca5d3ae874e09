//! Sections of Prometheus's file that concern other systems, as they are written: they are read and checked, and have no effect here.

use std::collections::BTreeMap;

use cepmon_model::RelabelEntry;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::discovery::DiscoverySections;
use super::http_client::{HttpClientSection, TlsSection};
use super::scalar::{SizeWithUnit, Span};

/// One of `remote_write:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct RemoteWriteSection {
    pub url: Option<String>,
    pub name: Option<String>,
    pub remote_timeout: Option<Span>,
    pub headers: BTreeMap<String, String>,
    pub write_relabel_configs: Vec<Option<RelabelEntry>>,
    pub send_exemplars: bool,
    pub send_native_histograms: bool,
    pub round_robin_dns: bool,
    pub protobuf_message: Option<String>,
    pub queue_config: QueueSection,
    pub metadata_config: MetadataSection,
    pub sigv4: Option<SigV4Section>,
    pub azuread: Option<IgnoredAny>,
    pub google_iam: Option<IgnoredAny>,
    #[serde(rename = "<http>")]
    pub http: HttpClientSection,
}

/// `queue_config:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct QueueSection {
    pub capacity: Option<i64>,
    pub max_shards: Option<i64>,
    pub min_shards: Option<i64>,
    pub max_samples_per_send: Option<i64>,
    pub batch_send_deadline: Option<Span>,
    pub min_backoff: Option<Span>,
    pub max_backoff: Option<Span>,
    pub retry_on_http_429: bool,
    pub sample_age_limit: Option<Span>,
    /// Prometheus before 2.0.
    pub max_retries: Option<i64>,
}

/// `metadata_config:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct MetadataSection {
    pub send: Option<bool>,
    pub send_interval: Option<Span>,
    pub max_samples_per_send: Option<i64>,
}

/// `sigv4:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct SigV4Section {
    pub region: Option<String>,
    pub access_key: Option<String>,
    pub secret_key: Option<IgnoredAny>,
    pub profile: Option<String>,
    pub role_arn: Option<String>,
    pub external_id: Option<String>,
    pub use_fips_sts_endpoint: bool,
    pub service_name: Option<String>,
}

/// One of `remote_read:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct RemoteReadSection {
    pub url: Option<String>,
    pub name: Option<String>,
    pub remote_timeout: Option<Span>,
    pub headers: BTreeMap<String, String>,
    pub read_recent: bool,
    pub chunked_read_limit: Option<u64>,
    pub required_matchers: BTreeMap<String, String>,
    pub filter_external_labels: Option<bool>,
    #[serde(rename = "<http>")]
    pub http: HttpClientSection,
}

/// One of `alerting.alertmanagers:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct AlertmanagerSection {
    pub scheme: Option<String>,
    pub path_prefix: Option<String>,
    pub timeout: Option<Span>,
    pub api_version: Option<String>,
    pub relabel_configs: Vec<Option<RelabelEntry>>,
    pub alert_relabel_configs: Vec<Option<RelabelEntry>>,
    pub sigv4: Option<SigV4Section>,
    #[serde(rename = "<sources>")]
    pub sources: DiscoverySections,
    #[serde(rename = "<http>")]
    pub http: HttpClientSection,
}

/// `tracing:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct TracingSection {
    pub client_type: Option<String>,
    pub endpoint: String,
    pub sampling_fraction: Option<f64>,
    pub insecure: bool,
    pub tls_config: TlsSection,
    pub headers: BTreeMap<String, String>,
    pub compression: Option<String>,
    pub timeout: Option<Span>,
}

/// `otlp:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct OtlpSection {
    pub promote_all_resource_attributes: bool,
    pub promote_resource_attributes: Vec<String>,
    pub ignore_resource_attributes: Vec<String>,
    pub translation_strategy: Option<String>,
    pub keep_identifying_resource_attributes: bool,
    pub convert_histograms_to_nhcb: bool,
    pub promote_scope_metadata: bool,
    pub label_name_underscore_sanitization: Option<bool>,
    pub label_name_preserve_multiple_underscores: Option<bool>,
}

/// `runtime:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct RuntimeSection {
    pub gogc: Option<i64>,
}

/// `storage.tsdb:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct TsdbSection {
    pub out_of_order_time_window: Option<Span>,
    pub retention: Option<TsdbRetentionSection>,
    pub chunk_encoding: ChunkEncodingSection,
    pub stale_series_compaction_threshold: Option<f64>,
}

/// `storage.tsdb.retention:` of Prometheus 3.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct TsdbRetentionSection {
    /// The same as `storage.retention.metrics.time`.
    pub time: Option<Span>,
    /// The same as `storage.retention.metrics.size`.
    pub size: Option<SizeWithUnit>,
    pub percentage: Option<f64>,
}

/// `storage.tsdb.chunk_encoding:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct ChunkEncodingSection {
    pub floats: Option<String>,
}

/// `storage.exemplars:`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::config) struct ExemplarsSection {
    pub max_exemplars: Option<i64>,
}
