//! `/api/v1/series`, `/api/v1/labels` and `/api/v1/label/<name>/values`: which series and labels there are. No sample is read.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use cepmon_model::LabelSet;
use cepmon_storage::Snapshot;

use super::super::App;
use super::super::error::WebError;
use super::ApiError;
use super::answer::{Notes, envelope, into_response};
use super::parameter::Parameters;
use super::selector::label_scan;
use super::utf8_name::unescape_name;
use super::value::{push_labels, push_list, push_text};

/// `match[]`, `start`, `end`, `limit`.
pub(super) async fn series(State(app): State<Arc<App>>, parameters: Parameters) -> Result<Response, ApiError> {
    let scan = label_scan(&parameters)?;
    if scan.selectors.is_empty() {
        return Err(ApiError::BadData("no match[] parameter provided".to_owned()));
    }
    list(&app, &parameters, move |snapshot| snapshot.select_series(&scan), |out, labels: &LabelSet| push_labels(out, labels)).await
}

/// `match[]`, `start`, `end`, `limit`.
pub(super) async fn labels(State(app): State<Arc<App>>, parameters: Parameters) -> Result<Response, ApiError> {
    let scan = label_scan(&parameters)?;
    list(&app, &parameters, move |snapshot| snapshot.select_label_names(&scan), |out, name: &String| push_text(out, name)).await
}

/// `match[]`, `start`, `end`, `limit`.
pub(super) async fn label_values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let scan = label_scan(&parameters)?;
    let name = unescape_name(&name);
    list(&app, &parameters, move |snapshot| snapshot.select_label_values(&name, &scan), |out, value: &String| push_text(out, value)).await
}

/// Looks on another thread and answers with as much as `limit` allows.
async fn list<T: Send + 'static>(
    app: &App,
    parameters: &Parameters,
    look: impl FnOnce(&Snapshot) -> Result<BTreeSet<T>, cepmon_storage::Error> + Send + 'static,
    push_item: impl Fn(&mut Vec<u8>, &T) + Send + 'static,
) -> Result<Response, ApiError> {
    let limit = parameters.limit()?.unwrap_or(usize::MAX);
    let storage = Arc::clone(&app.running()?.storage);
    let work = move || {
        let items = look(&storage.snapshot())?;
        let notes = if items.len() > limit { Notes::truncated() } else { Notes::default() };
        Ok(envelope(|out| push_list(out, items.iter().take(limit), push_item), &notes))
    };
    let body = tokio::task::spawn_blocking(work).await.map_err(WebError::Crashed)?;
    Ok(into_response(body.map_err(WebError::Storage)?))
}
