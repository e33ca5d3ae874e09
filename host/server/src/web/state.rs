//! `GET /api/v1/cepmon/state`: all that the page shows, in one answer. Its form belongs to the page and changes with it; programs
//! use SQL and `/metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use cepmon_model::{Clock, FailureKind, TimestampMs};
use cepmon_plugin::{Grants, PluginState, PluginStatus};
use cepmon_storage::StorageStats;
use serde::Serialize;

use super::error::WebError;
use super::process::read_process;
use super::{App, Running, grant_words};
use crate::clock::SystemClock;
use crate::schedule::TargetStatus;

/// The page's data. Before the server is ready only the first three are there.
#[derive(Debug, Serialize)]
pub(crate) struct StateBody {
    version: &'static str,
    is_ready: bool,
    now_ms: TimestampMs,
    #[serde(flatten)]
    running: Option<RunningBody>,
}

#[derive(Debug, Serialize)]
struct RunningBody {
    targets: Vec<TargetState>,
    plugins: Vec<PluginBody>,
    storage: StorageBody,
    process: Option<ProcessBody>,
}

/// A target as the page shows it.
#[derive(Debug, Serialize)]
struct TargetState {
    job: String,
    instance: String,
    address: String,
    plugin: String,
    labels: BTreeMap<String, String>,
    health: &'static str,
    last_error: Option<String>,
    last_scrape_ms: Option<TimestampMs>,
    last_duration_seconds: f64,
    samples: usize,
    interval_seconds: f64,
}

#[derive(Debug, Serialize)]
struct PluginBody {
    name: String,
    version: String,
    kind: &'static str,
    description: String,
    digest: String,
    is_ready: bool,
    problem: Option<String>,
    may: Vec<PermissionBody>,
    missing: Vec<PermissionBody>,
    cannot: Option<&'static str>,
    calls: u64,
    failures: BTreeMap<&'static str, u64>,
    cpu_seconds: f64,
}

#[derive(Debug, Serialize)]
struct PermissionBody {
    verb: &'static str,
    objects: Vec<String>,
    /// The author's reason, on the last permission of its capability.
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct StorageBody {
    head_series: u64,
    head_bytes: u64,
    index_bytes: u64,
    wal_bytes: u64,
    blocks: u64,
    block_bytes: u64,
    appended_samples: u64,
    appended_log_entries: u64,
}

#[derive(Debug, Serialize)]
struct ProcessBody {
    resident_bytes: f64,
    uptime_seconds: f64,
}

/// Answers also while the server starts, so that the page can say so.
pub(crate) async fn show_state(State(app): State<Arc<App>>) -> Result<Json<StateBody>, WebError> {
    let body = tokio::task::spawn_blocking(move || state(&app)).await.map_err(WebError::Crashed)?;
    Ok(Json(body))
}

fn state(app: &App) -> StateBody {
    let now_ms = SystemClock.now();
    let running = app.running.get().map(|running| running_body(running, now_ms));
    StateBody { version: env!("CARGO_PKG_VERSION"), is_ready: running.is_some(), now_ms, running }
}

fn running_body(running: &Running, now_ms: TimestampMs) -> RunningBody {
    RunningBody {
        targets: running.control.targets().into_iter().map(TargetState::from).collect(),
        plugins: running.plugins.plugins().into_iter().map(plugin_body).collect(),
        storage: storage_body(&running.storage.stats()),
        process: process_body(now_ms),
    }
}

impl From<TargetStatus> for TargetState {
    fn from(target: TargetStatus) -> Self {
        Self {
            labels: target.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            job: target.job,
            instance: target.instance,
            address: target.address,
            plugin: target.plugin,
            health: target.health.as_str(),
            last_error: target.last_error,
            last_scrape_ms: target.last_scrape,
            last_duration_seconds: target.last_duration.as_secs_f64(),
            samples: target.samples,
            interval_seconds: target.interval.as_secs_f64(),
        }
    }
}

fn plugin_body(plugin: PluginStatus) -> PluginBody {
    let failures = FailureKind::ALL.into_iter().zip(plugin.stats.failures).filter(|(_, count)| *count > 0);
    let refusal = match &plugin.state {
        PluginState::Ready => None,
        PluginState::Refused(reason) => Some(reason.clone()),
    };
    PluginBody {
        is_ready: refusal.is_none(),
        problem: refusal.or(plugin.reload_problem.clone()).or_else(|| last_failure(&plugin)),
        may: permissions(&plugin.granted, &plugin),
        missing: permissions(&plugin.missing, &plugin),
        cannot: grant_words::cannot(&plugin.granted),
        calls: plugin.stats.calls,
        failures: failures.map(|(kind, count)| (kind.as_str(), count)).collect(),
        cpu_seconds: plugin.stats.cpu.as_secs_f64(),
        kind: plugin.kind.map_or("", |kind| kind.as_str()),
        digest: plugin.digest.map(|digest| digest.to_string()).unwrap_or_default(),
        name: plugin.name,
        version: plugin.version,
        description: plugin.description,
    }
}

/// The failure that makes a plugin wait; older ones are history that SQL tells better.
fn last_failure(plugin: &PluginStatus) -> Option<String> {
    let failure = plugin.stats.last_failure.as_ref().filter(|_| plugin.is_backing_off)?;
    Some(format!("waits after failures; the last one: {}: {}", failure.error.kind.as_str(), failure.error.message))
}

fn permissions(grants: &Grants, plugin: &PluginStatus) -> Vec<PermissionBody> {
    let words = grant_words::permissions(grants);
    let bodies = words.iter().enumerate().map(|(index, permission)| {
        let is_last = words.get(index + 1).is_none_or(|next| next.capability != permission.capability);
        let reason = plugin.reasons.iter().find(|(asked, _)| is_last && *asked == permission.capability);
        PermissionBody {
            verb: permission.verb,
            objects: permission.objects.iter().map(|&object| object.to_owned()).collect(),
            reason: reason.map(|(_, reason)| reason.clone()),
        }
    });
    bodies.collect()
}

fn storage_body(stats: &StorageStats) -> StorageBody {
    StorageBody {
        head_series: stats.head_series,
        head_bytes: stats.head_bytes,
        index_bytes: stats.index_bytes + stats.slot_bytes,
        wal_bytes: stats.wal_bytes,
        blocks: stats.blocks,
        block_bytes: stats.block_bytes,
        appended_samples: stats.appended_samples_total,
        appended_log_entries: stats.appended_log_entries_total,
    }
}

fn process_body(now_ms: TimestampMs) -> Option<ProcessBody> {
    let figures = read_process();
    let uptime_seconds = now_ms as f64 / 1000.0 - figures.start_seconds?;
    Some(ProcessBody { resident_bytes: figures.resident_bytes?, uptime_seconds: uptime_seconds.max(0.0) })
}
