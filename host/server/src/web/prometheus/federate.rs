//! `/federate`: the youngest samples of selected series as a page, for another Prometheus to scrape (`web/federate.go`, 2.48).

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use cepmon_model::{Clock, LabelSet, METRIC_NAME, Matcher, TimestampMs, is_stale};
use cepmon_storage::{SampleScan, Snapshot};

use super::super::App;
use super::super::error::WebError;
use super::ApiError;
use super::number::push_general;
use super::parameter::Parameters;
use super::selector::selectors;
use crate::clock::SystemClock;

/// The text format 0.0.4.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `match[]`: series that any of them selects.
pub(super) async fn federate(State(app): State<Arc<App>>, parameters: Parameters) -> Result<Response, ApiError> {
    let selectors = selectors(&parameters)?;
    let running = app.running()?;
    let (storage, external) = (Arc::clone(&running.storage), running.control.external_labels());
    let lookback_ms = app.options.promql.engine.lookback_ms;
    let work = move || page(&storage.snapshot(), selectors, SystemClock.now(), lookback_ms, &external);
    let page = tokio::task::spawn_blocking(work).await.map_err(WebError::Crashed)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], page.map_err(WebError::Storage)?).into_response())
}

fn page(
    snapshot: &Snapshot,
    selectors: Vec<Vec<Matcher>>,
    now: TimestampMs,
    lookback_ms: i64,
    external: &LabelSet,
) -> Result<Vec<u8>, cepmon_storage::Error> {
    let mut found: Vec<(Arc<LabelSet>, TimestampMs, f64)> = Vec::new();
    for matchers in selectors {
        for series in snapshot.scan_samples(&SampleScan { matchers, start: now - lookback_ms, end: now })? {
            let series = series?;
            if let (Some(&at), Some(&value)) = (series.timestamps.last(), series.values.last())
                && !is_stale(value)
                && !series.labels.metric_name().is_empty()
            {
                found.push((series.labels, at, value));
            }
        }
    }
    // A series may be selected more than once.
    found.sort_by(|left, right| left.0.cmp(&right.0));
    found.dedup_by(|left, right| left.0 == right.0);
    let mut out = Vec::new();
    let mut family = "";
    for (labels, at, value) in &found {
        if labels.metric_name() != family {
            family = labels.metric_name();
            out.extend_from_slice(format!("# TYPE {family} untyped\n").as_bytes());
        }
        push_series(&mut out, labels, external);
        out.push(b' ');
        push_general(&mut out, *value);
        out.extend_from_slice(format!(" {at}\n").as_bytes());
    }
    Ok(out)
}

/// A series without `instance` gets an empty one, so that the scraper's own does not take its place; external labels are added where the
/// series has none of that name.
fn push_series(out: &mut Vec<u8>, labels: &LabelSet, external: &LabelSet) {
    out.extend_from_slice(labels.metric_name().as_bytes());
    let has_instance = labels.get("instance").is_some() || external.get("instance").is_some();
    let own = labels.iter().filter(|(name, _)| *name != METRIC_NAME);
    let mut added: Vec<(&str, &str)> = external.iter().filter(|(name, _)| labels.get(name).is_none()).collect();
    added.extend((!has_instance).then_some(("instance", "")));
    added.sort_unstable();
    let mut separator = b'{';
    for (name, value) in own.chain(added) {
        out.push(separator);
        separator = b',';
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        for byte in value.bytes() {
            match byte {
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'"' => out.extend_from_slice(b"\\\""),
                b'\n' => out.extend_from_slice(b"\\n"),
                other => out.push(other),
            }
        }
        out.push(b'"');
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(labels: &[(&str, &str)], external: &[(&str, &str)]) -> String {
        let mut out = Vec::new();
        push_series(&mut out, &LabelSet::from_pairs(labels.iter().copied()), &LabelSet::from_pairs(external.iter().copied()));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn series_have_an_instance_and_the_labels_of_this_server() {
        let up = [("__name__", "up"), ("job", "a\"b\\\n"), ("zone", "x")];
        assert_eq!(text(&up, &[]), "up{job=\"a\\\"b\\\\\\n\",zone=\"x\",instance=\"\"}");
        let external = [("dc", "one"), ("zone", "y")];
        assert_eq!(text(&up, &external), "up{job=\"a\\\"b\\\\\\n\",zone=\"x\",dc=\"one\",instance=\"\"}");
        assert_eq!(text(&[("__name__", "up"), ("instance", "h")], &[]), "up{instance=\"h\"}");
    }
}
