//! Deletion over HTTP, in the forms that others know: Prometheus's `POST /api/v1/admin/tsdb/delete_series` for samples and Loki's
//! `POST /loki/api/v1/delete` for log lines. Both take `dry_run=true`, which only counts, and both have deleted when they answer.
//!
//! Prometheus wants a flag before it deletes anything; here it is allowed unless the command line says otherwise (see `options`).

use std::sync::Arc;

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use axum::Form;
use axum::Json;
use axum::extract::{FromRequest, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use cepmon_model::Clock;
use cepmon_storage::{Deletion, DeletionReport, Storage};
use serde::Serialize;

use super::App;
use super::error::WebError;
use super::prometheus::ApiError;
use crate::clock::SystemClock;
use crate::selector::parse_selector;

const NS_PER_MS: i64 = 1_000_000;

/// Selectors that one request may name: each is looked for on its own.
const MAX_SELECTORS: usize = 64;

/// Parameters of the URL and of the form in the body, in that order; a name may come more than once.
type Parameters = Vec<(String, String)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Series,
    Logs,
}

#[derive(Debug, Serialize)]
struct Counted {
    status: &'static str,
    data: CountedData,
}

/// What a dry run counted.
#[derive(Debug, Serialize)]
struct CountedData {
    /// Series or log streams.
    series: u64,
    /// Samples or log lines.
    rows: u64,
}

/// `POST /api/v1/admin/tsdb/delete_series` with `match[]`, `start`, `end`: 204 when they are gone.
pub(crate) async fn delete_series(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    app.check_admin()?;
    Ok(delete(&app, What::Series, request).await?)
}

/// `POST /loki/api/v1/delete` with `query`, `start`, `end`: 204 when they are gone.
pub(crate) async fn delete_logs(State(app): State<Arc<App>>, request: Request) -> Result<Response, WebError> {
    delete(&app, What::Logs, request).await
}

/// `POST /api/v1/admin/tsdb/clean_tombstones`: there are none, what is deleted is gone at once.
pub(crate) async fn clean_tombstones(State(app): State<Arc<App>>) -> Result<StatusCode, ApiError> {
    app.check_admin()?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(app: &App, what: What, request: Request) -> Result<Response, WebError> {
    let storage = Arc::clone(&app.running()?.storage);
    let parameters = parameters(request).await?;
    let deletion = deletion(what, &parameters)?;
    let is_dry_run = is_dry_run(&parameters)?;
    let work = move || if is_dry_run { count(&storage, what, &deletion) } else { carry_out(&storage, what, &deletion) };
    let report = tokio::task::spawn_blocking(work).await.map_err(WebError::Crashed)?.map_err(WebError::Storage)?;
    if is_dry_run {
        let data = CountedData { series: report.series, rows: report.rows };
        return Ok(Json(Counted { status: "success", data }).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn count(storage: &Storage, what: What, deletion: &Deletion) -> Result<DeletionReport, cepmon_storage::Error> {
    match what {
        What::Series => storage.count_series(deletion),
        What::Logs => storage.count_logs(deletion),
    }
}

fn carry_out(storage: &Storage, what: What, deletion: &Deletion) -> Result<DeletionReport, cepmon_storage::Error> {
    let now = SystemClock.now();
    let report = match what {
        What::Series => storage.delete_series(deletion, "http", now),
        What::Logs => storage.delete_logs(deletion, "http", now),
    }?;
    tracing::info!(?what, series = report.series, rows = report.rows, blocks = report.blocks, "deleted");
    Ok(report)
}

async fn parameters(request: Request) -> Result<Parameters, WebError> {
    let refused = |problem: String| WebError::Parameter { problem };
    let Query(mut parameters) =
        Query::<Parameters>::try_from_uri(request.uri()).map_err(|rejection| refused(format!("cannot read the URL: {rejection}")))?;
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.starts_with("application/x-www-form-urlencoded") {
        let form = Form::<Parameters>::from_request(request, &()).await;
        let Form(body) = form.map_err(|rejection| refused(format!("cannot read the form in the body: {rejection}")))?;
        parameters.extend(body);
    }
    Ok(parameters)
}

fn deletion(what: What, parameters: &Parameters) -> Result<Deletion, WebError> {
    let refused = |problem: String| WebError::Parameter { problem };
    let (name, unit) = match what {
        What::Series => ("match[]", NS_PER_MS),
        What::Logs => ("query", 1),
    };
    let known = [name, "start", "end", "dry_run"];
    if let Some((unknown, _)) = parameters.iter().find(|(given, _)| !known.contains(&given.as_str())) {
        // A misspelt limit must not delete more than was meant.
        return Err(refused(format!("cannot use parameter \"{unknown}\": there are {}", known.join(", "))));
    }
    let of = |wanted: &str| parameters.iter().filter(move |(given, _)| given == wanted).map(|(_, value)| value.clone()).collect::<Vec<_>>();
    let selectors = of(name).iter().map(|text| parse_selector(text)).collect::<Result<Vec<_>, _>>();
    let selectors = selectors.map_err(|error| refused(error.to_string()))?;
    if selectors.is_empty() {
        return Err(refused(format!("cannot delete without a parameter \"{name}\": give it a selector such as {{job=\"node\"}}")));
    }
    if selectors.len() > MAX_SELECTORS {
        return Err(refused(format!("cannot delete {} selectors at once; send at most {MAX_SELECTORS}", selectors.len())));
    }
    let time = |name: &str, otherwise: i64| match of(name).as_slice() {
        [] => Ok(otherwise),
        [text] => Ok(i64::try_from(time_ns(name, text)?.div_euclid(i128::from(unit))).unwrap_or(otherwise)),
        _ => Err(refused(format!("cannot use parameter \"{name}\" more than once"))),
    };
    let (start, end) = (time("start", i64::MIN)?, time("end", i64::MAX)?);
    if start > end {
        return Err(refused("cannot delete from \"start\" to \"end\": the end is before the start".to_owned()));
    }
    Ok(Deletion { selectors, start, end })
}

/// Unix seconds, with or without a fraction, or RFC 3339; in nanoseconds.
fn time_ns(name: &str, text: &str) -> Result<i128, WebError> {
    if let Ok(seconds) = text.parse::<f64>()
        && seconds.is_finite()
    {
        // Milliseconds are as exact as a number of seconds in f64 is.
        return Ok(((seconds * 1000.0).round() as i128).saturating_mul(i128::from(NS_PER_MS)));
    }
    let problem = format!("cannot read {name} \"{text}\": want Unix seconds or a time such as 2026-11-24T12:00:00Z");
    string_to_timestamp_nanos(text).map(i128::from).map_err(|_| WebError::Parameter { problem })
}

fn is_dry_run(parameters: &Parameters) -> Result<bool, WebError> {
    match parameters.iter().find(|(name, _)| name == "dry_run").map(|(_, value)| value.as_str()) {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1" | "") => Ok(true),
        Some(other) => Err(WebError::Parameter { problem: format!("cannot read dry_run \"{other}\": want true or false") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(what: What, parameters: &[(&str, &str)]) -> Result<Deletion, String> {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        deletion(what, &parameters).map_err(|error| error.to_string())
    }

    #[test]
    fn times_are_unix_seconds_or_rfc_3339() {
        let span = |what, start: &str, end: &str| {
            let name = if what == What::Series { "match[]" } else { "query" };
            let deletion = read(what, &[(name, "{job=\"a\"}"), ("start", start), ("end", end)]).unwrap();
            (deletion.start, deletion.end)
        };
        assert_eq!(span(What::Series, "1700000000", "1700000000.5"), (1_700_000_000_000, 1_700_000_000_500));
        assert_eq!(span(What::Series, "2023-11-14T22:13:20Z", "2023-11-15T00:13:21+02:00"), (1_700_000_000_000, 1_700_000_001_000));
        assert_eq!(span(What::Logs, "1700000000", "1e300"), (1_700_000_000_000_000_000, i64::MAX));
        let all = read(What::Series, &[("match[]", "up"), ("match[]", "{a=~\"b.*\"}")]).unwrap();
        assert_eq!((all.start, all.end, all.selectors.len()), (i64::MIN, i64::MAX, 2));
    }

    #[test]
    fn what_could_delete_more_than_was_meant_is_refused() {
        for (parameters, word) in [
            (vec![], "match[]"),
            (vec![("match[]", "{}")], "selector"),
            (vec![("match[]", "rate(up[5m])")], "selector"),
            (vec![("match[]", "up offset 1h")], "selector"),
            (vec![("match[]", "up"), ("strat", "5")], "strat"),
            (vec![("match[]", "up"), ("start", "yesterday")], "yesterday"),
            (vec![("match[]", "up"), ("start", "5"), ("end", "4")], "before"),
            (vec![("match[]", "up"), ("end", "5"), ("end", "4")], "once"),
        ] {
            let problem = read(What::Series, &parameters).unwrap_err();
            assert!(problem.contains(word), "{problem}");
        }
    }
}
