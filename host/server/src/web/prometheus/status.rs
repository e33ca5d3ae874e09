//! `/api/v1/status/*` and `/version`: how this server was built, started and configured, and what its memory holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use cepmon_model::TimestampMs;
use cepmon_storage::Cardinality;
use serde::Serialize;

use super::super::App;
use super::super::error::WebError;
use super::super::process::read_process;
use super::ApiError;
use super::answer::success;
use super::moment::rfc3339;
use super::parameter::Parameters;

/// The version whose API this is. Grafana switches functions on by it.
pub(crate) const PROMETHEUS_VERSION: &str = "2.48.0";

/// Items of each list of `/api/v1/status/tsdb`.
const LIST_LENGTH: usize = 10;

/// The parts of a build. Grafana takes a server whose answer has `features` for Mimir, so there are none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BuildInfo {
    version: &'static str,
    revision: String,
    branch: &'static str,
    build_user: &'static str,
    build_date: &'static str,
    go_version: &'static str,
}

fn build_info() -> BuildInfo {
    let revision = format!("cepmon-{}", env!("CARGO_PKG_VERSION"));
    BuildInfo { version: PROMETHEUS_VERSION, revision, branch: "", build_user: "", build_date: "", go_version: "" }
}

pub(super) async fn build() -> Response {
    success(&build_info())
}

/// `GET /version`: the same without the envelope.
pub(super) async fn version() -> Json<BuildInfo> {
    Json(build_info())
}

/// The keys are Prometheus's; those of Go's runtime say what comes closest here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeInfo {
    start_time: String,
    #[serde(rename = "CWD")]
    cwd: String,
    reload_config_success: bool,
    last_config_time: String,
    corruption_count: u64,
    /// Threads of the process.
    goroutine_count: u64,
    /// Cores that may be used.
    #[serde(rename = "GOMAXPROCS")]
    gomaxprocs: usize,
    #[serde(rename = "GOMEMLIMIT")]
    gomemlimit: i64,
    #[serde(rename = "GOGC")]
    gogc: &'static str,
    #[serde(rename = "GODEBUG")]
    godebug: &'static str,
    storage_retention: String,
}

pub(super) async fn runtime(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let info = tokio::task::spawn_blocking(move || runtime_info(&app)).await.map_err(WebError::Crashed)??;
    Ok(success(&info))
}

fn runtime_info(app: &App) -> Result<RuntimeInfo, ApiError> {
    let running = app.running()?;
    let process = read_process();
    Ok(RuntimeInfo {
        start_time: rfc3339(process.start_seconds.map(|seconds| (seconds * 1000.0) as TimestampMs)),
        cwd: std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default(),
        reload_config_success: app.stats.is_configured(),
        last_config_time: rfc3339(app.stats.configured_at()),
        corruption_count: running.storage.stats().damaged_blocks,
        goroutine_count: process.threads.unwrap_or_default() as u64,
        gomaxprocs: std::thread::available_parallelism().map_or(1, usize::from),
        gomemlimit: i64::MAX,
        gogc: "",
        godebug: "",
        storage_retention: running.control.retention(),
    })
}

#[derive(Debug, Serialize)]
struct ConfigText {
    yaml: String,
}

/// The configuration in force, its secrets as `<secret>`.
pub(super) async fn config(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    Ok(success(&ConfigText { yaml: app.running()?.control.config_yaml() }))
}

/// What Prometheus's command line would have had to say, by flag.
pub(super) async fn flags(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    Ok(success(&app.options.flags))
}

/// The log that is read again at start; when this can be asked for, it was.
pub(super) async fn wal_replay(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let is_done = u64::from(app.running.get().is_some());
    Ok(success(&BTreeMap::from([("min", 0), ("max", 1), ("current", is_done)])))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TsdbStatus {
    head_stats: HeadStats,
    series_count_by_metric_name: Vec<Item>,
    label_value_count_by_label_name: Vec<Item>,
    memory_in_bytes_by_label_name: Vec<Item>,
    series_count_by_label_value_pair: Vec<Item>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HeadStats {
    num_series: u64,
    num_label_pairs: u64,
    chunk_count: u64,
    min_time: TimestampMs,
    max_time: TimestampMs,
}

#[derive(Debug, Serialize)]
struct Item {
    name: String,
    value: u64,
}

/// `limit`: items of each list.
pub(super) async fn tsdb(State(app): State<Arc<App>>, parameters: Parameters) -> Result<Response, ApiError> {
    let limit = parameters.limit()?.unwrap_or(LIST_LENGTH);
    let storage = Arc::clone(&app.running()?.storage);
    let found = tokio::task::spawn_blocking(move || storage.snapshot().cardinality(limit)).await.map_err(WebError::Crashed)?;
    Ok(success(&tsdb_status(found)))
}

fn tsdb_status(found: Cardinality) -> TsdbStatus {
    // An empty memory has the times that Prometheus shows for an empty head.
    let (min_time, max_time) = found.span.unwrap_or((TimestampMs::MAX, TimestampMs::MIN));
    let items = |list: Vec<(String, u64)>| list.into_iter().map(|(name, value)| Item { name, value }).collect();
    TsdbStatus {
        head_stats: HeadStats {
            num_series: found.series,
            num_label_pairs: found.label_pairs,
            chunk_count: found.chunks,
            min_time,
            max_time,
        },
        series_count_by_metric_name: items(found.series_by_metric),
        label_value_count_by_label_name: items(found.values_by_label),
        memory_in_bytes_by_label_name: items(found.bytes_by_label),
        series_count_by_label_value_pair: items(found.series_by_pair),
    }
}
