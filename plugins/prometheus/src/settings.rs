//! The job's settings: the keys of a `scrape_config` that concern one request and its answer. Credentials, TLS and proxy are not among them:
//! the host adds those to the request itself.

use cepmon_prometheus_parser::Format;
use serde::Deserialize;

/// See `plugin.toml` for what each key means.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub scheme: String,
    pub metrics_path: String,
    pub honor_timestamps: bool,
    pub scrape_protocols: Vec<Protocol>,
    /// Empty = text 0.0.4.
    pub fallback_scrape_protocol: String,
    pub escaping: String,
    pub enable_compression: bool,
    pub follow_redirects: bool,
    /// Bytes; 0 = what the host takes.
    pub body_size_limit: u64,
}

/// A format by its name in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Protocol {
    #[serde(rename = "PrometheusProto")]
    Protobuf,
    #[serde(rename = "PrometheusText0.0.4")]
    Text0_0_4,
    #[serde(rename = "PrometheusText1.0.0")]
    Text1_0_0,
    #[serde(rename = "OpenMetricsText0.0.1")]
    OpenMetrics0_0_1,
    #[serde(rename = "OpenMetricsText1.0.0")]
    OpenMetrics1_0_0,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            scheme: "http".to_owned(),
            metrics_path: "/metrics".to_owned(),
            honor_timestamps: true,
            scrape_protocols: vec![Protocol::OpenMetrics1_0_0, Protocol::OpenMetrics0_0_1, Protocol::Text1_0_0, Protocol::Text0_0_4],
            fallback_scrape_protocol: String::new(),
            escaping: "allow-utf-8".to_owned(),
            enable_compression: true,
            follow_redirects: true,
            body_size_limit: 0,
        }
    }
}

impl Settings {
    /// The most bytes of a body that are read; the host has a bound of its own.
    #[must_use]
    pub fn body_limit(&self) -> u32 {
        if self.body_size_limit == 0 { u32::MAX } else { u32::try_from(self.body_size_limit).unwrap_or(u32::MAX) }
    }

    /// The format of a body whose content type says nothing that we know.
    #[must_use]
    pub fn fallback(&self) -> Format {
        match self.fallback_scrape_protocol.as_str() {
            "PrometheusProto" => Format::Protobuf,
            other if other.starts_with("OpenMetrics") => Format::OpenMetrics,
            _ => Format::Text,
        }
    }
}
