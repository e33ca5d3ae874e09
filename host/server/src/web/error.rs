//! From errors to HTTP: the only place that knows which status an error gets. The body is always
//! `{"error": {"message", "kind"}}`, for SQL also `line` and `column` where they are known. Paths that Prometheus has too put these
//! errors into Prometheus's form, in `prometheus/error.rs`.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::chain::chain;

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// The statement gave no answer.
    #[error(transparent)]
    Sql(cepmon_sql::Error),
    /// The disk refused.
    #[error(transparent)]
    Storage(cepmon_storage::Error),
    /// The body is not what the path takes.
    #[error("cannot read request body: {}; send {{\"query\": \"SELECT …\"}} with Content-Type: application/json", .0.body_text())]
    Body(JsonRejection),
    /// A remote-write body that no repetition mends, as a whole or in part.
    #[error("{0}")]
    Write(String),
    /// A remote-write body in another form.
    #[error(
        "cannot read a body of type \"{content_type}\" with encoding \"{encoding}\"; send remote write 1.0 or 2.0: application/x-protobuf \
         (prometheus.WriteRequest or io.prometheus.write.v2.Request) with encoding snappy"
    )]
    WriteForm { content_type: String, encoding: String },
    /// A body of OTLP in another form.
    #[error(
        "cannot read a body of type \"{content_type}\" with encoding \"{encoding}\"; send OTLP metrics as application/x-protobuf or \
         application/json, plain or with encoding gzip"
    )]
    OtlpForm { content_type: String, encoding: String },
    /// A parameter of the request says nothing that can be done.
    #[error("{problem}")]
    Parameter { problem: String },
    /// None of our forms of a result is acceptable.
    #[error(
        "cannot answer in a form of \"{accept}\"; accept application/json, text/csv, text/plain, application/vnd.apache.arrow.stream \
         or application/vnd.apache.parquet"
    )]
    NotAcceptable { accept: String },
    /// The request was addressed to a name that is not ours.
    #[error("cannot serve host \"{host}\": without authentication only loopback names are served (DNS rebinding); add it to web.hosts")]
    ForeignHost { host: String },
    /// A web page of another site sent the request.
    #[error("cannot accept a request from a page of \"{origin}\": only pages of this server may change something")]
    ForeignOrigin { origin: String },
    /// The new configuration was refused; the old one goes on.
    #[error("cannot reload the configuration, the old one stays in force: {0}")]
    Reload(String),
    /// Whoever started the server allowed no requests that end or reload it.
    #[error("lifecycle API is not enabled; start with --web.enable-lifecycle, or send SIGHUP or SIGTERM")]
    LifecycleDisabled,
    /// Whoever started the server allowed nobody to write to it.
    #[error("remote write receiver needs to be enabled with --web.enable-remote-write-receiver")]
    WriteDisabled,
    /// Whoever started the server allowed no deletion and no snapshots over HTTP.
    #[error("admin APIs disabled; start with --web.enable-admin-api")]
    AdminDisabled,
    /// The server is still starting.
    #[error("cannot answer yet: the write-ahead log is read again and plugins are loaded; try again in a moment")]
    NotReady,
    /// There is nothing at this path.
    #[error("cannot find \"{path}\"; see / for the page and /metrics, /api/v1/sql for the rest")]
    NoSuchPath { path: String },
    /// No plugin has this name.
    #[error("cannot find plugin \"{name}\"; run: cepmon plugin list")]
    NoSuchPlugin { name: String },
    /// Work on another thread ended by a panic: a bug, reported in the log.
    #[error("cannot finish the request: the work for it crashed; see the server's log")]
    Crashed(#[source] tokio::task::JoinError),
}

impl WebError {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Sql(error) => sql_status(error),
            Self::Storage(error) if error.is_retryable() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Storage(cepmon_storage::Error::Refused { .. }) => StatusCode::BAD_REQUEST,
            Self::Storage(_) | Self::Crashed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Body(rejection) => rejection.status(),
            Self::NotAcceptable { .. } => StatusCode::NOT_ACCEPTABLE,
            Self::ForeignHost { .. } | Self::ForeignOrigin { .. } | Self::LifecycleDisabled => StatusCode::FORBIDDEN,
            // Prometheus says so: to its clients it is the same as a server that is not there.
            Self::AdminDisabled => StatusCode::SERVICE_UNAVAILABLE,
            Self::WriteForm { .. } | Self::OtlpForm { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Reload(_) | Self::Write(_) | Self::Parameter { .. } => StatusCode::BAD_REQUEST,
            Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::WriteDisabled | Self::NoSuchPath { .. } | Self::NoSuchPlugin { .. } => StatusCode::NOT_FOUND,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Sql(error) => sql_kind(error),
            Self::Storage(_) => "storage",
            Self::Body(_)
            | Self::NotAcceptable { .. }
            | Self::Write(_)
            | Self::WriteForm { .. }
            | Self::OtlpForm { .. }
            | Self::Parameter { .. } => "request",
            Self::ForeignHost { .. } => "host",
            Self::ForeignOrigin { .. } => "origin",
            Self::Reload(_) => "configuration",
            Self::LifecycleDisabled | Self::AdminDisabled | Self::WriteDisabled => "disabled",
            Self::NotReady => "starting",
            Self::NoSuchPath { .. } => "path",
            Self::NoSuchPlugin { .. } => "plugin",
            Self::Crashed(_) => "crash",
        }
    }
}

/// 408 and 413 are the time and the memory limit; other statements' faults are 400, ours 500.
fn sql_status(error: &cepmon_sql::Error) -> StatusCode {
    match error {
        cepmon_sql::Error::Timeout { .. } => StatusCode::REQUEST_TIMEOUT,
        cepmon_sql::Error::Memory { .. } | cepmon_sql::Error::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        error if error.is_user_error() => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn sql_kind(error: &cepmon_sql::Error) -> &'static str {
    match error {
        cepmon_sql::Error::Syntax { .. } => "syntax",
        cepmon_sql::Error::Plan { .. } => "plan",
        cepmon_sql::Error::ReadOnly { .. } => "read-only",
        cepmon_sql::Error::TooLong { .. } => "too-long",
        cepmon_sql::Error::Timeout { .. } => "timeout",
        cepmon_sql::Error::Memory { .. } => "memory",
        cepmon_sql::Error::Execution { .. } => "execution",
        cepmon_sql::Error::Storage(_) => "storage",
        _ => "engine",
    }
}

#[derive(Serialize)]
struct Body {
    error: BodyError,
}

#[derive(Serialize)]
struct BodyError {
    message: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u64>,
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        let status = self.status();
        let message = chain(&self);
        if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
            tracing::error!(%status, error = message, "request failed");
        }
        let position = match &self {
            Self::Sql(error) => error.position(),
            _ => None,
        };
        let error = BodyError { message, kind: self.kind(), line: position.map(|at| at.line), column: position.map(|at| at.column) };
        (status, Json(Body { error })).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;
    use std::time::Duration;

    #[test]
    fn each_kind_of_sql_error_has_its_status() {
        let of = |error: cepmon_sql::Error| {
            let error = WebError::Sql(error);
            (error.status().as_u16(), error.kind())
        };
        let text = || "x".to_owned();
        assert_eq!(of(cepmon_sql::Error::Syntax { position: None, message: text() }), (400, "syntax"));
        assert_eq!(of(cepmon_sql::Error::Plan { position: None, message: text() }), (400, "plan"));
        assert_eq!(of(cepmon_sql::Error::ReadOnly { statement: text() }), (400, "read-only"));
        assert_eq!(of(cepmon_sql::Error::Timeout { limit: Duration::from_secs(1) }), (408, "timeout"));
        assert_eq!(of(cepmon_sql::Error::Memory { limit_bytes: 1, detail: text() }), (413, "memory"));
        assert_eq!(of(cepmon_sql::Error::Execution { message: text() }), (400, "execution"));
        let source: Box<dyn Error + Send + Sync> = "the table is gone".into();
        assert_eq!(of(cepmon_sql::Error::Live { table: text(), source }), (500, "engine"));
    }

    #[test]
    fn the_message_holds_its_causes() {
        let source: Box<dyn Error + Send + Sync> = "the lock is poisoned".into();
        let error = WebError::Sql(cepmon_sql::Error::Live { table: "plugins".to_owned(), source });
        assert_eq!(chain(&error), "cannot read table \"plugins\": the lock is poisoned");
    }
}
