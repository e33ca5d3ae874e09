//! `/api/v1/format_query`, `/api/v1/parse_query` and `/api/v1/query_exemplars`: what can be said of an expression without evaluating it.

use axum::response::Response;
use cepmon_query::Expr;

use super::ApiError;
use super::answer::success;
use super::parameter::Parameters;
use super::syntax_tree::tree;

/// `query`: the same expression in lines for people.
pub(super) async fn format_query(parameters: Parameters) -> Result<Response, ApiError> {
    Ok(success(&expression(&parameters)?.pretty()))
}

/// `query`: its syntax tree.
pub(super) async fn parse_query(parameters: Parameters) -> Result<Response, ApiError> {
    Ok(success(&tree(&expression(&parameters)?)))
}

/// `query`, `start`, `end`: none, since exemplars are not kept; Grafana asks beside every panel.
pub(super) async fn query_exemplars(parameters: Parameters) -> Result<Response, ApiError> {
    let (start, end) = (parameters.needed_time("start")?, parameters.needed_time("end")?);
    if end < start {
        return Err(ApiError::BadData("end timestamp must not be before start timestamp".to_owned()));
    }
    expression(&parameters)?;
    Ok(success(&[(); 0]))
}

fn expression(parameters: &Parameters) -> Result<Expr, ApiError> {
    let text = parameters.get("query").unwrap_or_default();
    cepmon_query::parse(text).map_err(|error| ApiError::parameter("query", error.to_string()))
}
