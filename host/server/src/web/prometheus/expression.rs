//! `/api/v1/format_query` and `/api/v1/parse_query`: what can be said of an expression without evaluating it.

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

/// The parameter `query`.
pub(super) fn expression(parameters: &Parameters) -> Result<Expr, ApiError> {
    let text = parameters.get("query").unwrap_or_default();
    cepmon_query::parse(text).map_err(|error| ApiError::parameter("query", error.to_string()))
}
