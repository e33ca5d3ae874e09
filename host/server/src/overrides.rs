//! What a command line decides beside the configuration file. `cepmon serve` decides nothing of it; the command line of Prometheus does.

use std::collections::BTreeMap;

use tracing::level_filters::LevelFilter;

use crate::alerting::AlertTimes;
use crate::config::{Retention, WebFile};
use crate::web::WebOptions;

/// Decisions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// What is kept of metrics, whatever the file says.
    pub(crate) metrics_retention: Option<Retention>,
    /// What is kept of metrics if neither this command line nor the file says it.
    pub(crate) default_metrics_retention: Option<Retention>,
    /// The address under which people reach the server, without a slash at the end.
    pub(crate) external_url: Option<String>,
    /// What every path begins with: a slash and no slash at the end, or nothing.
    pub(crate) route_prefix: String,
    /// TLS, users, headers.
    pub(crate) web_file: WebFile,
    /// The least severe lines of the log.
    pub(crate) log_level: Option<LevelFilter>,
    /// How often and how long alerts are told.
    pub(crate) alert_times: AlertTimes,
    /// Switches and limits of the web surface.
    pub(crate) web: WebOptions,
    /// More for `/api/v1/status/flags`, over what the server says itself.
    pub(crate) flags: BTreeMap<String, String>,
}

impl Overrides {
    /// What is kept of metrics.
    pub(crate) fn metrics_retention(&self, configured: &Retention) -> Retention {
        let is_configured = configured.time.is_some() || configured.bytes.is_some();
        match (&self.metrics_retention, &self.default_metrics_retention) {
            (Some(decided), _) => *decided,
            (None, Some(default)) if !is_configured => *default,
            _ => *configured,
        }
    }
}
