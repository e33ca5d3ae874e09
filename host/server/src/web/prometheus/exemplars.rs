//! `/api/v1/query_exemplars`: exemplars of the series that an expression selects. It is not evaluated, and its offsets do not count.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cepmon_model::{Matcher, TimestampMs};
use cepmon_query::Expr;
use cepmon_query::ast::ExprKind;
use cepmon_storage::SeriesExemplar;

use super::super::App;
use super::super::error::WebError;
use super::ApiError;
use super::answer::{Notes, envelope, into_response};
use super::expression::expression;
use super::number::{push_time, push_value};
use super::parameter::Parameters;
use super::value::{push_labels, push_list};

/// Exemplars of one answer; Prometheus keeps no more at all (2.48, `max_exemplars`).
const MAX_EXEMPLARS: usize = 100_000;

/// `query`, `start`, `end`. Of an expression without selectors nothing can be said.
pub(super) async fn query_exemplars(State(app): State<Arc<App>>, parameters: Parameters) -> Result<Response, ApiError> {
    let start = parameters.time("start")?.unwrap_or(TimestampMs::MIN);
    let end = parameters.time("end")?.unwrap_or(TimestampMs::MAX);
    if end < start {
        return Err(ApiError::BadData("end timestamp must not be before start timestamp".to_owned()));
    }
    let mut selectors = Vec::new();
    collect_selectors(&expression(&parameters)?, &mut selectors);
    if selectors.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let snapshot = app.running()?.storage.snapshot();
    let work = tokio::task::spawn_blocking(move || snapshot.exemplars(&selectors, start, end, MAX_EXEMPLARS));
    match work.await.map_err(WebError::Crashed)? {
        Ok(found) => Ok(into_response(envelope(|out| push_exemplars(out, &found), &Notes::default()))),
        Err(error @ cepmon_storage::Error::Refused { .. }) => Err(ApiError::BadData(error.to_string())),
        Err(error) => Err(WebError::Storage(error).into()),
    }
}

fn collect_selectors(expr: &Expr, selectors: &mut Vec<Vec<Matcher>>) {
    match &expr.kind {
        ExprKind::Selector(selector) => selectors.push(selector.matchers.clone()),
        ExprKind::Range(range) => selectors.push(range.selector.matchers.clone()),
        _ => expr.children().into_iter().for_each(|child| collect_selectors(child, selectors)),
    }
}

/// Those of one series come together.
fn push_exemplars(out: &mut Vec<u8>, exemplars: &[SeriesExemplar]) {
    let series: Vec<&[SeriesExemplar]> = exemplars.chunk_by(|left, right| left.series == right.series).collect();
    push_list(out, &series, |out, exemplars| {
        out.extend_from_slice(b"{\"seriesLabels\":");
        push_labels(out, &exemplars[0].series);
        out.extend_from_slice(b",\"exemplars\":");
        push_list(out, *exemplars, |out, exemplar| {
            out.extend_from_slice(b"{\"labels\":");
            push_labels(out, &exemplar.labels);
            out.extend_from_slice(b",\"value\":\"");
            push_value(out, exemplar.value);
            out.extend_from_slice(b"\",\"timestamp\":");
            push_time(out, exemplar.timestamp);
            out.push(b'}');
        });
        out.push(b'}');
    });
}
