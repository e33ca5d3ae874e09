//! `/api/v1/metadata` and `/api/v1/targets/metadata`: type, unit and help of metrics. What is in memory counts: metrics that were
//! scraped or received within the last hours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use cepmon_model::{LabelSet, MatchOp, Matcher, MetricKind, MetricMetadata};
use serde::Serialize;

use super::super::App;
use super::super::error::WebError;
use super::ApiError;
use super::answer::success;
use super::parameter::Parameters;
use crate::selector::parse_selector;

#[derive(Debug, Serialize)]
struct MetadataBody {
    #[serde(rename = "type")]
    kind: &'static str,
    help: String,
    unit: String,
}

impl From<MetricMetadata> for MetadataBody {
    fn from(metadata: MetricMetadata) -> Self {
        Self { kind: metadata.kind.as_str(), help: metadata.help, unit: metadata.unit }
    }
}

#[derive(Debug, Serialize)]
struct TargetMetadataBody {
    target: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    #[serde(flatten)]
    metadata: MetadataBody,
}

/// `metric`, `limit` (metrics), `limit_per_metric`.
pub(super) async fn metadata(State(app): State<Arc<App>>, parameters: Parameters) -> Result<Response, ApiError> {
    let limit = count(&parameters, "limit")?.unwrap_or(usize::MAX);
    let per_metric = count(&parameters, "limit_per_metric")?.unwrap_or(usize::MAX);
    let wanted = parameters.get("metric").map(str::to_owned);
    let storage = Arc::clone(&app.running()?.storage);
    let found = tokio::task::spawn_blocking(move || storage.snapshot().metadata(&[])).await.map_err(WebError::Crashed)?;
    let families = by_family(found).into_iter().filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name));
    let bodies = |all: BTreeSet<MetricMetadata>| all.into_iter().take(per_metric).map(MetadataBody::from).collect::<Vec<_>>();
    let body: BTreeMap<String, Vec<MetadataBody>> = families.take(limit).map(|(name, all)| (name, bodies(all))).collect();
    Ok(success(&body))
}

/// `match_target`, `metric`, `limit` (targets).
pub(super) async fn target_metadata(State(app): State<Arc<App>>, parameters: Parameters) -> Result<Response, ApiError> {
    let limit = count(&parameters, "limit")?.unwrap_or(usize::MAX);
    let wanted = parameters.get("metric").map(str::to_owned);
    let matchers = parameters.get("match_target").map(parse_selector).transpose();
    let matchers = matchers.map_err(|error| ApiError::parameter("match_target", error.to_string()))?.unwrap_or_default();
    let running = app.running()?;
    let is_wanted = |labels: &LabelSet| matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()));
    let targets: Vec<LabelSet> =
        running.control.targets().into_iter().map(|target| target.labels).filter(|labels| is_wanted(labels)).take(limit).collect();
    let storage = Arc::clone(&running.storage);
    let work = move || {
        let snapshot = storage.snapshot();
        let mut bodies = Vec::new();
        for labels in targets {
            let target: BTreeMap<String, String> = labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let own = ["job", "instance"].into_iter().filter_map(|name| {
                Some(Matcher::new(name, MatchOp::Equal, labels.get(name)?).expect("BUG: no pattern that could be wrong"))
            });
            for (name, all) in by_family(snapshot.metadata(&own.collect::<Vec<_>>())) {
                if wanted.as_ref().is_some_and(|wanted| *wanted != name) {
                    continue;
                }
                let metric = wanted.is_none().then_some(name);
                bodies.extend(all.into_iter().map(|metadata| TargetMetadataBody {
                    target: target.clone(),
                    metric: metric.clone(),
                    metadata: metadata.into(),
                }));
            }
        }
        bodies
    };
    let bodies = tokio::task::spawn_blocking(work).await.map_err(WebError::Crashed)?;
    if bodies.is_empty() {
        return Err(ApiError::NotFound("specified metadata not found".to_owned()));
    }
    Ok(success(&bodies))
}

fn count(parameters: &Parameters, name: &str) -> Result<Option<usize>, ApiError> {
    // A negative number has no limit in Prometheus.
    let read = |text: &str| text.parse::<i64>().map(|count| usize::try_from(count).ok());
    let count = parameters.get(name).map(read).transpose().map_err(|_| ApiError::BadData(format!("{name} must be a number")))?;
    Ok(count.flatten())
}

/// What a page says of a family stands at each of its series here; series without metadata say nothing.
fn by_family(series: BTreeMap<String, BTreeSet<MetricMetadata>>) -> BTreeMap<String, BTreeSet<MetricMetadata>> {
    let mut families: BTreeMap<String, BTreeSet<MetricMetadata>> = BTreeMap::new();
    for (name, all) in series {
        for metadata in all.into_iter().filter(|metadata| *metadata != MetricMetadata::default()) {
            families.entry(family_name(&name, metadata.kind).to_owned()).or_default().insert(metadata);
        }
    }
    families
}

fn family_name(series_name: &str, kind: MetricKind) -> &str {
    let suffixes: &[&str] = match kind {
        MetricKind::Histogram => &["_bucket", "_sum", "_count"],
        MetricKind::GaugeHistogram => &["_bucket", "_gsum", "_gcount"],
        MetricKind::Summary => &["_sum", "_count"],
        _ => &[],
    };
    suffixes.iter().find_map(|suffix| series_name.strip_suffix(suffix)).unwrap_or(series_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_a_histogram_are_one_family() {
        let metadata = |kind, help: &str| BTreeSet::from([MetricMetadata { kind, unit: String::new(), help: help.to_owned() }]);
        let series = [
            ("h_bucket", metadata(MetricKind::Histogram, "H")),
            ("h_count", metadata(MetricKind::Histogram, "H")),
            ("h_sum", metadata(MetricKind::Histogram, "H")),
            ("rows_count", metadata(MetricKind::Gauge, "Rows")),
            ("s", metadata(MetricKind::Summary, "S")),
            ("s_sum", metadata(MetricKind::Summary, "S")),
            ("up", BTreeSet::from([MetricMetadata::default()])),
        ];
        let families = by_family(series.map(|(name, all)| (name.to_owned(), all)).into());
        let text: Vec<String> = families.iter().map(|(name, all)| format!("{name} {}", all.len())).collect();
        assert_eq!(text, ["h 1", "rows_count 1", "s 1"]);
    }
}
