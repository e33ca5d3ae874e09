//! `GET /metrics`: cepmon's own metrics, put together from the counters of its parts at the time of the scrape. Each file writes the
//! families of one part; nothing else in cepmon writes exposition text.

mod exposition;
mod plugins;
mod process;
mod prometheus;
mod server;
mod storage;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::App;
use super::error::WebError;
use super::process::read_process;
use exposition::Exposition;

/// Answers also while the server starts; parts that are not there yet are left out.
pub(crate) async fn show_metrics(State(app): State<Arc<App>>) -> Result<Response, WebError> {
    // Files of /proc and the locks of storage may block.
    let text = tokio::task::spawn_blocking(move || page(&app)).await.map_err(WebError::Crashed)?;
    Ok(([(header::CONTENT_TYPE, exposition::CONTENT_TYPE)], text).into_response())
}

fn page(app: &App) -> String {
    let mut page = Exposition::default();
    server::write_server(&mut page, &app.stats);
    prometheus::write_configuration(&mut page, &app.stats, &app.promql, app.running.get().is_some());
    if let Some(running) = app.running.get() {
        let (targets, stats) = (running.control.targets(), running.storage.stats());
        server::write_targets(&mut page, &targets);
        storage::write_storage(&mut page, &stats);
        prometheus::write_running(&mut page, running, &targets, &stats);
        plugins::write_plugins(&mut page, &running.plugins.plugins(), running.plugins.guest_memory_bytes());
    }
    process::write_process(&mut page, &read_process());
    page.finish()
}
