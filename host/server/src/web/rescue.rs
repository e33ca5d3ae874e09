//! Snapshots, from which backups are made, and damaged blocks that are taken out of service.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use cepmon_model::Clock;
use cepmon_storage::{AUDIT, Cell};
use serde::Serialize;

use super::App;
use super::error::WebError;
use super::prometheus::ApiError;
use crate::clock::SystemClock;

/// The answer of Prometheus's API to a snapshot; `path` and `plugins_dir` are for `cepmon backup`, which runs beside the server.
#[derive(Debug, Serialize)]
pub(crate) struct SnapshotBody {
    status: &'static str,
    data: SnapshotData,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct SnapshotData {
    name: String,
    path: PathBuf,
    plugins_dir: PathBuf,
}

/// `POST /api/v1/admin/tsdb/snapshot`: everything of one moment, below the data directory.
pub(crate) async fn snapshot(State(app): State<Arc<App>>) -> Result<Json<SnapshotBody>, ApiError> {
    app.check_admin()?;
    let running = app.running()?;
    let storage = Arc::clone(&running.storage);
    let plugins_dir = absolute(running.plugins.plugins_dir().to_owned());
    let saved = tokio::task::spawn_blocking(move || storage.save_snapshot(SystemClock.now())).await.map_err(WebError::Crashed)?;
    let saved = saved.map_err(WebError::Storage)?;
    let data = SnapshotData { name: saved.name, path: absolute(saved.path), plugins_dir };
    Ok(Json(SnapshotBody { status: "success", data, warnings: saved.problems }))
}

/// What is missing from now on.
#[derive(Debug, Serialize)]
pub(crate) struct SetAsideBody {
    rows: u64,
    place: PathBuf,
}

/// `POST /api/v1/admin/blocks/{name}/set-aside`: only for a block that is damaged. It leaves a row in `audit`.
pub(crate) async fn set_aside(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<SetAsideBody>, WebError> {
    let storage = Arc::clone(&app.running()?.storage);
    let done = tokio::task::spawn_blocking(move || {
        let done = storage.set_aside(&name)?;
        let text = |text: String| Cell::Text(text);
        let detail = format!("{} rows; files in \"{}\"", done.rows, done.place.display());
        let row =
            vec![Cell::Time(SystemClock.now()), text("http".into()), text("set-aside".into()), text(format!("block {name}")), text(detail)];
        storage.append_rows(&AUDIT, &[row])?;
        Ok(done)
    });
    let done = done.await.map_err(WebError::Crashed)?.map_err(WebError::Storage)?;
    Ok(Json(SetAsideBody { rows: done.rows, place: absolute(done.place) }))
}

/// As another process finds it, whatever its folder is.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
