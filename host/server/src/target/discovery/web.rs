//! Targets from a web service: a JSON list of groups (Prometheus 2.48, `http_sd_configs`).

use std::time::Duration;

use cepmon_plugin::{HttpOptions, HttpRequest, PluginHost};

use super::{ANSWER_TIME, DiscoveryError, MAX_ANSWER_BYTES};
use crate::target::TargetGroup;
use crate::target::group::WrittenGroup;

pub(super) async fn ask(
    plugins: &PluginHost,
    url: &str,
    refresh: Duration,
    http: &HttpOptions,
) -> Result<Vec<TargetGroup>, DiscoveryError> {
    let fail = |problem: String| DiscoveryError::Answer { from: url.to_owned(), problem };
    let refresh = refresh.as_secs_f64().to_string();
    let headers = [("Accept", "application/json"), ("X-Prometheus-Refresh-Interval-Seconds", &refresh)];
    let request = HttpRequest { max_body_bytes: MAX_ANSWER_BYTES, timeout: ANSWER_TIME, ..HttpRequest::get(url, &headers) };
    let answer = plugins.fetch(&request, http).await.map_err(|error| fail(error.to_string()))?;
    if answer.status != 200 {
        return Err(fail(format!("the server answered with status {}", answer.status)));
    }
    let content_type = answer.header("content-type").unwrap_or_default().trim().to_owned();
    if !is_json(&content_type) {
        return Err(fail(format!("wanted the content type application/json, got \"{content_type}\"")));
    }
    let written: Vec<Option<WrittenGroup>> =
        serde_json::from_slice(&answer.body).map_err(|error| fail(format!("the answer is no list of targets: {error}")))?;
    let mut groups = Vec::new();
    for (index, group) in written.into_iter().enumerate() {
        let group = group.ok_or_else(|| fail(format!("entry {} is null", index + 1)))?;
        groups.push(group.into_group(format!("{url}:{index}"), ("__meta_url", url)));
    }
    Ok(groups)
}

/// `application/json`, in UTF-8 if it says so.
fn is_json(content_type: &str) -> bool {
    let (kind, parameter) = content_type.split_once(';').unwrap_or((content_type, ""));
    let parameter = parameter.trim().to_ascii_lowercase();
    kind.eq_ignore_ascii_case("application/json") && matches!(parameter.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"")
}
