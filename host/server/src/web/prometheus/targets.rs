//! `/api/v1/targets`, `/api/v1/scrape_pools` and `/api/v1/alertmanagers`: what is scraped, and who is told of alerts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use cepmon_model::{LabelSet, format_duration};
use serde::Serialize;

use super::super::App;
use super::ApiError;
use super::answer::success;
use super::moment::rfc3339;
use super::parameter::Parameters;
use crate::schedule::TargetStatus;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Targets {
    active_targets: Vec<ActiveTarget>,
    dropped_targets: Vec<DroppedTargetBody>,
    dropped_target_counts: BTreeMap<String, usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActiveTarget {
    discovered_labels: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    scrape_pool: String,
    scrape_url: String,
    global_url: String,
    last_error: String,
    last_scrape: String,
    last_scrape_duration: f64,
    health: &'static str,
    scrape_interval: String,
    scrape_timeout: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DroppedTargetBody {
    discovered_labels: BTreeMap<String, String>,
    scrape_pool: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ScrapePools {
    scrape_pools: BTreeSet<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Alertmanagers {
    active_alertmanagers: Vec<Alertmanager>,
    dropped_alertmanagers: Vec<Alertmanager>,
}

#[derive(Debug, Serialize)]
struct Alertmanager {
    url: String,
}

/// `state` (active, dropped, any), `scrapePool`.
pub(super) async fn targets(State(app): State<Arc<App>>, parameters: Parameters) -> Result<Response, ApiError> {
    let state = parameters.get("state").unwrap_or("any");
    let pool = parameters.get("scrapePool");
    let control = &app.running()?.control;
    let mut active = if state == "dropped" { Vec::new() } else { control.targets() };
    active.retain(|target| pool.is_none_or(|pool| pool == target.scrape_pool));
    let (mut dropped, mut counts) = if state == "active" { Default::default() } else { control.dropped_targets() };
    dropped.retain(|target| pool.is_none_or(|pool| pool == target.scrape_pool));
    counts.retain(|name, _| pool.is_none_or(|pool| pool == name));
    let dropped = dropped
        .into_iter()
        .map(|target| DroppedTargetBody { discovered_labels: map(&target.discovered_labels), scrape_pool: target.scrape_pool });
    Ok(success(&Targets {
        active_targets: active.into_iter().map(ActiveTarget::from).collect(),
        dropped_targets: dropped.collect(),
        dropped_target_counts: counts,
    }))
}

/// The names of all jobs.
pub(super) async fn scrape_pools(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let scrape_pools = app.running()?.control.dropped_targets().1.into_keys().collect();
    Ok(success(&ScrapePools { scrape_pools }))
}

/// The one in this process, if it has receivers, and the others.
pub(super) async fn alertmanagers(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let control = &app.running()?.control;
    let urls = control.alertmanager_url().into_iter().chain(control.sent_alerts().into_keys());
    let active_alertmanagers = urls.map(|url| Alertmanager { url }).collect();
    Ok(success(&Alertmanagers { active_alertmanagers, dropped_alertmanagers: Vec::new() }))
}

impl From<TargetStatus> for ActiveTarget {
    fn from(target: TargetStatus) -> Self {
        Self {
            discovered_labels: map(&target.discovered_labels),
            labels: map(&target.labels),
            scrape_pool: target.scrape_pool,
            global_url: target.scrape_url.clone(),
            scrape_url: target.scrape_url,
            last_error: target.last_error.unwrap_or_default(),
            last_scrape: rfc3339(target.last_scrape),
            last_scrape_duration: target.last_duration.as_secs_f64(),
            health: target.health.as_str(),
            scrape_interval: duration(target.interval),
            scrape_timeout: duration(target.timeout),
        }
    }
}

fn duration(duration: Duration) -> String {
    format_duration(duration).to_string()
}

/// Labels as an object of JSON.
pub(super) fn map(labels: &LabelSet) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
