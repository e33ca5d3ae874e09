//! Errors in Prometheus's form, `{"status": "error", "errorType", "error"}`, with the statuses of `web/api/v1/api.go` (2.48).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cepmon_query::Error as QueryError;
use serde::Serialize;

use super::super::error::WebError;
use crate::chain::chain;

/// Why there is no data.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// A parameter is missing or cannot be read.
    #[error("invalid parameter {name:?}: {problem}")]
    Parameter { name: String, problem: String },
    /// The request as a whole asks for something that cannot be.
    #[error("{0}")]
    BadData(String),
    /// The query has no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// There is nothing of that name.
    #[error("{0}")]
    NotFound(String),
    /// What can go wrong on every path.
    #[error(transparent)]
    Other(#[from] WebError),
}

impl ApiError {
    /// A parameter with its problem.
    pub(super) fn parameter(name: &str, problem: impl Into<String>) -> Self {
        Self::Parameter { name: name.to_owned(), problem: problem.into() }
    }

    fn status_and_type(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Parameter { .. } | Self::BadData(_) => (StatusCode::BAD_REQUEST, "bad_data"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::Query(error) => query_status(error),
            Self::Other(error) => match error.status() {
                status @ StatusCode::SERVICE_UNAVAILABLE => (status, "unavailable"),
                status @ StatusCode::NOT_FOUND => (status, "not_found"),
                status @ StatusCode::NOT_ACCEPTABLE => (status, "not_acceptable"),
                status if status.is_client_error() => (status, "bad_data"),
                status => (status, "internal"),
            },
        }
    }
}

/// 499 is nginx's number for a client that has gone; Prometheus answers with it too.
fn query_status(error: &QueryError) -> (StatusCode, &'static str) {
    match error {
        QueryError::Timeout { .. } => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
        QueryError::Cancelled => (StatusCode::from_u16(499).expect("BUG: 499 is a status"), "canceled"),
        QueryError::NotForRange { .. } | QueryError::BadRange { .. } => (StatusCode::BAD_REQUEST, "bad_data"),
        QueryError::Source(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        // Execution, too many samples, and what a later version may know.
        _ => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body {
            status: &'static str,
            error_type: &'static str,
            error: String,
        }
        let (status, error_type) = self.status_and_type();
        let error = chain(&self);
        if error_type == "internal" {
            tracing::error!(%status, error, "request failed");
        }
        (status, Json(Body { status: "error", error_type, error })).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_error_has_its_status_and_type() {
        let of = |error: ApiError| {
            let (status, error_type) = error.status_and_type();
            (status.as_u16(), error_type)
        };
        assert_eq!(of(ApiError::parameter("time", "x")), (400, "bad_data"));
        assert_eq!(of(ApiError::NotFound("x".to_owned())), (404, "not_found"));
        assert_eq!(of(QueryError::Timeout { timeout: Duration::from_secs(1) }.into()), (503, "timeout"));
        assert_eq!(of(QueryError::Cancelled.into()), (499, "canceled"));
        assert_eq!(of(QueryError::TooManySamples { limit: 1 }.into()), (422, "execution"));
        assert_eq!(of(QueryError::Execution("x".to_owned()).into()), (422, "execution"));
        assert_eq!(of(QueryError::Source("the disk".into()).into()), (500, "internal"));
        assert_eq!(of(WebError::NotReady.into()), (503, "unavailable"));
        assert_eq!(of(WebError::Parameter { problem: "x".to_owned() }.into()), (400, "bad_data"));
    }
}
