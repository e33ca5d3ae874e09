//! The server's own life over HTTP: healthy, ready, reload, flush. Names and answers as Prometheus 2.53 gives them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::App;
use super::error::WebError;

/// `GET /-/healthy`: the process answers.
pub(crate) async fn healthy() -> &'static str {
    "cepmon is healthy.\n"
}

/// `GET /-/ready`: 503 until it is.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, WebError> {
    app.running().map(|_| "cepmon is ready.\n")
}

/// `POST /-/reload`: everything or nothing; the message of a refusal is the one that `cepmon check` prints.
pub(crate) async fn reload(State(app): State<Arc<App>>) -> Result<&'static str, WebError> {
    app.check_lifecycle()?;
    app.running()?.control.reload().await.map_err(|refusal| WebError::Reload(refusal.to_string()))?;
    Ok("")
}

/// `POST /-/quit`: the answer comes before the end.
pub(crate) async fn quit(State(app): State<Arc<App>>) -> Result<&'static str, WebError> {
    app.check_lifecycle()?;
    app.running()?.control.quit();
    Ok("Requesting termination... Goodbye!")
}

/// What a flush wrote.
#[derive(Debug, Serialize)]
pub(crate) struct Flushed {
    samples: u64,
    series: u64,
    log_entries: u64,
    rows: u64,
    bytes: u64,
}

/// `POST /api/v1/admin/flush`: answers when memory and log are in Parquet.
pub(crate) async fn flush(State(app): State<Arc<App>>) -> Result<Json<Flushed>, WebError> {
    let storage = Arc::clone(&app.running()?.storage);
    let report = tokio::task::spawn_blocking(move || storage.flush()).await.map_err(WebError::Crashed)?.map_err(WebError::Storage)?;
    let (samples, series, log_entries, rows, bytes) = (report.samples, report.series, report.log_entries, report.rows, report.bytes);
    Ok(Json(Flushed { samples, series, log_entries, rows, bytes }))
}
