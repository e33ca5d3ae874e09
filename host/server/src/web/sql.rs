//! `POST /api/v1/sql`: one statement in, its answer in the form that `Accept` asks for. Limits of time, memory and statements at
//! once are the engine's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use cepmon_sql::{Parameter, QueryOptions, QueryResult, format};
use serde::Deserialize;

use super::App;
use super::accept::{ResultForm, choose_form};
use super::error::WebError;

/// The longest body that a statement may have.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;

/// Says that rows are missing in forms that have no place for it.
const TRUNCATED: HeaderName = HeaderName::from_static("x-cepmon-truncated");

/// The body of the request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlRequest {
    /// The statement.
    query: String,
    /// Stop after so many rows; the answer then says that it is truncated.
    max_rows: Option<usize>,
    /// Values for `$1`, `$2`, …: null, true, false, numbers and text.
    #[serde(default)]
    params: Vec<serde_json::Value>,
}

/// Answers a statement. Requiring a JSON body also keeps other sites' forms out: a browser asks before it sends one across sites.
pub(crate) async fn answer_sql(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Json<SqlRequest>, JsonRejection>,
) -> Result<Response, WebError> {
    let Json(request) = body.map_err(WebError::Body)?;
    let accept = headers.get(header::ACCEPT).map(|value| value.to_str().unwrap_or("(not text)"));
    let form = choose_form(accept).ok_or_else(|| WebError::NotAcceptable { accept: accept.unwrap_or_default().to_owned() })?;
    let parameters = request.params.iter().map(|value| {
        let refused =
            || WebError::Parameter { problem: format!("cannot use {value} in params: want null, true, false, a number or a text") };
        parameter(value).ok_or_else(refused)
    });
    let parameters = parameters.collect::<Result<Vec<_>, WebError>>()?;
    let options = QueryOptions { max_rows: request.max_rows, parameters, ..QueryOptions::default() };
    let result = app.running()?.sql.query_with(&request.query, options).await.map_err(WebError::Sql)?;
    let is_truncated = result.truncated;
    // Encoding a large answer takes as long as computing it.
    let body = tokio::task::spawn_blocking(move || encode(form, &result)).await.map_err(WebError::Crashed)?.map_err(WebError::Sql)?;
    let mut response = ([(header::CONTENT_TYPE, form.content_type())], body).into_response();
    if is_truncated {
        response.headers_mut().insert(TRUNCATED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// A value of JSON for a place in a statement; none for arrays and objects.
pub(crate) fn parameter(value: &serde_json::Value) -> Option<Parameter> {
    use serde_json::Value;
    match value {
        Value::Null => Some(Parameter::Null),
        Value::Bool(value) => Some(Parameter::Bool(*value)),
        Value::String(text) => Some(Parameter::Text(text.clone())),
        Value::Number(number) => number.as_i64().map(Parameter::Int).or_else(|| number.as_f64().map(Parameter::Float)),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// The bytes of an answer.
pub(crate) fn encode(form: ResultForm, result: &QueryResult) -> Result<Vec<u8>, cepmon_sql::Error> {
    match form {
        ResultForm::Json => Ok(format::json(result).into_bytes()),
        ResultForm::Csv => Ok(format::csv(result).into_bytes()),
        ResultForm::Table => Ok(format::table(result).into_bytes()),
        ResultForm::Arrow => format::arrow(result),
        ResultForm::Parquet => format::parquet(result),
    }
}
