//! `GET /api/v1/admin/plugins/NAME/failures`: the last failed calls of a plugin with their inputs and what the host answered, secrets
//! masked, for `cepmon plugin replay`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use cepmon_plugin::Recording;

use super::App;
use super::error::WebError;

/// The last one first; an empty list when no call failed.
pub(crate) async fn show_failures(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Vec<Recording>>, WebError> {
    let plugins = Arc::clone(&app.running()?.plugins);
    let plugin = name.clone();
    // Making text of recordings takes a while and may touch a megabyte.
    let failures = tokio::task::spawn_blocking(move || plugins.failures(&plugin)).await.map_err(WebError::Crashed)?;
    failures.map(Json).ok_or(WebError::NoSuchPlugin { name })
}
