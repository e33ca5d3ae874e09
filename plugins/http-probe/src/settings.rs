//! The job's settings: the keys of a blackbox `http` module that a guest can keep, flattened, with its defaults.

use std::collections::BTreeMap;

use cepmon_sdk::Error;
use regex_lite::Regex;
use serde::Deserialize;

/// Bodies are read to the end for their length and kept for the patterns; a guest has 64 MiB in all.
const DEFAULT_MAX_BODY: u32 = 8 << 20;

/// See `plugin.toml` for what each key means.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) method: String,
    pub(crate) body: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) compression: String,
    pub(crate) follow_redirects: bool,
    pub(crate) body_size_limit: u32,
    pub(crate) valid_status_codes: Vec<String>,
    pub(crate) valid_http_versions: Vec<String>,
    pub(crate) fail_if_ssl: bool,
    pub(crate) fail_if_not_ssl: bool,
    pub(crate) fail_if_body_matches_regexp: Vec<String>,
    pub(crate) fail_if_body_not_matches_regexp: Vec<String>,
    pub(crate) fail_if_header_matches: BTreeMap<String, String>,
    pub(crate) fail_if_header_not_matches: BTreeMap<String, String>,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) bearer_token: String,
    pub(crate) tls_server_name: String,
    pub(crate) tls_ca: String,
    pub(crate) tls_insecure_skip_verify: bool,
    pub(crate) preferred_ip_protocol: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            body: String::new(),
            headers: BTreeMap::new(),
            compression: String::new(),
            follow_redirects: true,
            body_size_limit: 0,
            valid_status_codes: Vec::new(),
            valid_http_versions: Vec::new(),
            fail_if_ssl: false,
            fail_if_not_ssl: false,
            fail_if_body_matches_regexp: Vec::new(),
            fail_if_body_not_matches_regexp: Vec::new(),
            fail_if_header_matches: BTreeMap::new(),
            fail_if_header_not_matches: BTreeMap::new(),
            username: String::new(),
            password: String::new(),
            bearer_token: String::new(),
            tls_server_name: String::new(),
            tls_ca: String::new(),
            tls_insecure_skip_verify: false,
            preferred_ip_protocol: String::new(),
        }
    }
}

/// The settings that need compiling.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) status_codes: Vec<(u16, u16)>,
    pub(crate) body_matches: Vec<Regex>,
    pub(crate) body_not_matches: Vec<Regex>,
    pub(crate) header_matches: Vec<(String, Regex)>,
    pub(crate) header_not_matches: Vec<(String, Regex)>,
}

impl Settings {
    pub(crate) fn compile(&self) -> Result<Rules, Error> {
        if !matches!(self.compression.as_str(), "" | "gzip" | "identity") {
            return Err(Error::Config(format!("cannot use compression \"{}\": the host undoes gzip only", self.compression)));
        }
        Ok(Rules {
            status_codes: self.status_codes()?,
            body_matches: compile_list("fail_if_body_matches_regexp", &self.fail_if_body_matches_regexp)?,
            body_not_matches: compile_list("fail_if_body_not_matches_regexp", &self.fail_if_body_not_matches_regexp)?,
            header_matches: compile_map("fail_if_header_matches", &self.fail_if_header_matches)?,
            header_not_matches: compile_map("fail_if_header_not_matches", &self.fail_if_header_not_matches)?,
        })
    }

    /// Inclusive ranges: `204`, `2xx`; 2xx when none is set.
    fn status_codes(&self) -> Result<Vec<(u16, u16)>, Error> {
        if self.valid_status_codes.is_empty() {
            return Ok(vec![(200, 299)]);
        }
        let parse = |text: &String| {
            let range = match text.strip_suffix("xx") {
                Some(hundreds) => {
                    hundreds.parse::<u16>().ok().filter(|hundreds| (1..=9).contains(hundreds)).map(|h| (h * 100, h * 100 + 99))
                }
                None => text.parse().ok().filter(|code| (100..=999).contains(code)).map(|code| (code, code)),
            };
            range.ok_or_else(|| Error::Config(format!("cannot use \"{text}\" of valid_status_codes: expected a code or 2xx")))
        };
        self.valid_status_codes.iter().map(parse).collect()
    }

    pub(crate) fn body_limit(&self) -> u32 {
        if self.body_size_limit == 0 { DEFAULT_MAX_BODY } else { self.body_size_limit }
    }

    /// What is set and has no effect here.
    pub(crate) fn ignored(&self) -> Option<String> {
        let is_default = matches!(self.preferred_ip_protocol.as_str(), "" | "ip6");
        (!is_default)
            .then(|| "preferred_ip_protocol is ignored: the host resolves the name and takes the first address that answers".to_owned())
    }
}

fn compile_list(key: &str, patterns: &[String]) -> Result<Vec<Regex>, Error> {
    patterns.iter().map(|pattern| compile(key, pattern)).collect()
}

fn compile_map(key: &str, patterns: &BTreeMap<String, String>) -> Result<Vec<(String, Regex)>, Error> {
    patterns.iter().map(|(header, pattern)| Ok((header.clone(), compile(key, pattern)?))).collect()
}

fn compile(key: &str, pattern: &str) -> Result<Regex, Error> {
    Regex::new(pattern).map_err(|error| Error::Config(format!("cannot use \"{pattern}\" of {key}: {error}")))
}
