//! The job's settings: the keys of a `scrape_config` that concern one request, flattened.

use std::collections::BTreeMap;

use serde::Deserialize;

/// See `plugin.toml` for what each key means.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub scheme: String,
    pub metrics_path: String,
    pub honor_timestamps: bool,
    pub follow_redirects: bool,
    /// Bytes; 0 = what the host takes.
    pub body_size_limit: u32,
    pub headers: BTreeMap<String, String>,
    pub username: String,
    pub password: String,
    pub bearer_token: String,
    pub tls_server_name: String,
    pub tls_ca: String,
    pub tls_insecure_skip_verify: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            scheme: "http".to_owned(),
            metrics_path: "/metrics".to_owned(),
            honor_timestamps: true,
            follow_redirects: true,
            body_size_limit: 0,
            headers: BTreeMap::new(),
            username: String::new(),
            password: String::new(),
            bearer_token: String::new(),
            tls_server_name: String::new(),
            tls_ca: String::new(),
            tls_insecure_skip_verify: false,
        }
    }
}

impl Settings {
    /// The most bytes of a body that are read; the host has a bound of its own.
    #[must_use]
    pub fn body_limit(&self) -> u32 {
        if self.body_size_limit == 0 { u32::MAX } else { self.body_size_limit }
    }
}
