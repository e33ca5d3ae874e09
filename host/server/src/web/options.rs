//! What the web surface may do, decided by the command line. Everything is allowed unless somebody says otherwise: a server without
//! authentication listens on loopback only, and pages of other sites are kept out.

use std::collections::BTreeMap;

use super::prometheus::PromqlOptions;

/// Switches and limits of the web surface.
#[derive(Debug, Clone)]
pub(crate) struct WebOptions {
    /// What PromQL may cost.
    pub(crate) promql: PromqlOptions,
    /// Whether `/-/reload` and `/-/quit` work. Prometheus: `--web.enable-lifecycle`, off.
    pub(crate) is_lifecycle_enabled: bool,
    /// Whether `/api/v1/admin/tsdb/*` works. Prometheus: `--web.enable-admin-api`, off.
    pub(crate) is_admin_enabled: bool,
    /// Whether `/api/v1/write` works. Prometheus: `--web.enable-remote-write-receiver`, off.
    pub(crate) is_remote_write_enabled: bool,
    /// What `/api/v1/status/flags` shows.
    pub(crate) flags: BTreeMap<String, String>,
}

impl Default for WebOptions {
    fn default() -> Self {
        Self {
            promql: PromqlOptions::default(),
            is_lifecycle_enabled: true,
            is_admin_enabled: true,
            is_remote_write_enabled: true,
            flags: BTreeMap::new(),
        }
    }
}
