//! Whether an answer counts as up, in the order in which blackbox_exporter asks.

use cepmon_sdk::Verdict;
use cepmon_sdk::http::Response;
use regex_lite::Regex;

use crate::settings::{Rules, Settings};

#[derive(Debug, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    /// `probe_failed_due_to_regex`.
    pub(crate) is_regex_failure: bool,
}

impl Judgement {
    pub(crate) fn failed(detail: String) -> Self {
        Self { verdict: Verdict::down(detail), is_regex_failure: false }
    }
}

pub(crate) fn judge(response: &Response, settings: &Settings, rules: &Rules) -> Judgement {
    let status = response.status;
    if !rules.status_codes.iter().any(|&(first, last)| (first..=last).contains(&status)) {
        return Judgement::failed(format!("invalid status code {status}"));
    }
    if let Some(detail) = failed_pattern(response, rules) {
        return Judgement { verdict: Verdict::down(detail), is_regex_failure: true };
    }
    if response.is_truncated && settings.body_size_limit > 0 {
        return Judgement::failed(format!("the body is larger than {} bytes", settings.body_size_limit));
    }
    let version = format!("HTTP/{}", response.version);
    if !settings.valid_http_versions.is_empty() && !settings.valid_http_versions.contains(&version) {
        return Judgement::failed(format!("invalid HTTP version {version}"));
    }
    match response.tls {
        Some(_) if settings.fail_if_ssl => Judgement::failed("the final request was over TLS".to_owned()),
        None if settings.fail_if_not_ssl => Judgement::failed("the final request was not over TLS".to_owned()),
        _ => Judgement { verdict: Verdict::up(format!("status code {status} from {}", response.url)), is_regex_failure: false },
    }
}

/// Why a pattern fails the probe. A header that is missing fails it too, as in blackbox_exporter without `allow_missing`.
fn failed_pattern(response: &Response, rules: &Rules) -> Option<String> {
    for (header, pattern) in &rules.header_matches {
        match any_value_matches(response, header, pattern) {
            None => return Some(format!("header {header} is missing")),
            Some(true) => return Some(format!("header {header} matches \"{pattern}\"")),
            Some(false) => {}
        }
    }
    for (header, pattern) in &rules.header_not_matches {
        match any_value_matches(response, header, pattern) {
            None => return Some(format!("header {header} is missing")),
            Some(false) => return Some(format!("header {header} does not match \"{pattern}\"")),
            Some(true) => {}
        }
    }
    if rules.body_matches.is_empty() && rules.body_not_matches.is_empty() {
        return None;
    }
    let body = String::from_utf8_lossy(&response.body);
    let matching = rules.body_matches.iter().find(|pattern| pattern.is_match(&body));
    if let Some(pattern) = matching {
        return Some(format!("the body matches \"{pattern}\""));
    }
    let missing = rules.body_not_matches.iter().find(|pattern| !pattern.is_match(&body));
    missing.map(|pattern| format!("the body does not match \"{pattern}\""))
}

/// None when there is no such header.
fn any_value_matches(response: &Response, header: &str, pattern: &Regex) -> Option<bool> {
    let mut values = response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(header)).peekable();
    values.peek()?;
    Some(values.any(|(_, value)| pattern.is_match(&String::from_utf8_lossy(value))))
}
