//! What an exporter or a probe is asked about, and the job's settings as the plugin's own type.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::Error;
use crate::bindings::types;

/// What one call is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// `host:port`, a URL or a host, as the configuration says; empty for an exporter that looks at the host itself.
    pub address: String,
    /// `params` of the scrape configuration, in order; names may repeat.
    pub parameters: Vec<(String, String)>,
    /// The job's `settings` as a JSON object, checked against `plugin.toml`, defaults filled in. See [`Target::settings`].
    pub settings_json: String,
    /// What is left of the scrape timeout.
    pub timeout: Duration,
}

impl Target {
    /// The job's settings as `T`. The host has checked them against the schema of `plugin.toml` and filled in the defaults.
    ///
    /// # Errors
    /// [`Error::Config`] with the key's place when the JSON does not fit `T`.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Error> {
        parse_settings(&self.settings_json)
    }
}

pub(crate) fn parse_settings<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    let json = if json.is_empty() { "{}" } else { json };
    serde_json::from_str(json).map_err(|error| Error::Config(format!("cannot use the settings: {error}")))
}

impl From<types::Target> for Target {
    fn from(target: types::Target) -> Self {
        Self {
            address: target.address,
            parameters: target.parameters,
            settings_json: target.settings,
            timeout: Duration::from_nanos(target.timeout_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_do_not_fit_name_the_key() {
        #[derive(Debug, serde::Deserialize)]
        struct Settings {
            #[allow(dead_code, reason = "only its type matters here")]
            samples: u32,
        }
        let target = Target { settings_json: r#"{"samples":"many"}"#.into(), ..Target::default() };
        let error = target.settings::<Settings>().unwrap_err();
        assert!(error.to_string().starts_with("cannot use the settings: invalid type: string \"many\""), "{error}");
        let target = Target::default();
        assert!(target.settings::<Settings>().unwrap_err().to_string().contains("missing field `samples`"));
    }
}
