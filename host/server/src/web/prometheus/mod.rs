//! Prometheus's HTTP API (2.48, with what clients of 3.x send), so that Grafana, promtool and scripts ask cepmon as they ask
//! Prometheus. One file per idea; [`answer`] and [`error`] hold the envelope that all of them share, [`parameter`] what requests say.
//!
//! Administration (`/api/v1/admin/*`) and remote write have files of their own beside this folder.

mod answer;
mod error;
mod parameter;
mod hint;
mod query;
mod value;
mod number;
mod selector;
mod series;
mod utf8_name;
mod metadata;
mod targets;
mod rules;
mod moment;
mod expression;
mod syntax_tree;
mod exemplars;
mod status;
mod federate;
mod remote_read;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use super::App;
pub(super) use error::ApiError;
pub(crate) use parameter::Parameters;
pub(crate) use query::{PromqlAccess, PromqlOptions, answer_offline};
pub(crate) use status::PROMETHEUS_VERSION;

/// All paths of the API.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/query", get(query::instant).post(query::instant))
        .route("/api/v1/query_range", get(query::range).post(query::range))
        .route("/api/v1/query_exemplars", get(exemplars::query_exemplars).post(exemplars::query_exemplars))
        .route("/api/v1/format_query", get(expression::format_query).post(expression::format_query))
        .route("/api/v1/parse_query", get(expression::parse_query).post(expression::parse_query))
        .route("/api/v1/series", get(series::series).post(series::series))
        .route("/api/v1/labels", get(series::labels).post(series::labels))
        .route("/api/v1/label/{name}/values", get(series::label_values))
        .route("/api/v1/metadata", get(metadata::metadata))
        .route("/api/v1/targets", get(targets::targets))
        .route("/api/v1/targets/metadata", get(metadata::target_metadata))
        .route("/api/v1/scrape_pools", get(targets::scrape_pools))
        .route("/api/v1/alertmanagers", get(targets::alertmanagers))
        .route("/api/v1/rules", get(rules::rules))
        .route("/api/v1/alerts", get(rules::alerts))
        .route("/api/v1/status/buildinfo", get(status::build))
        .route("/api/v1/status/runtimeinfo", get(status::runtime))
        .route("/api/v1/status/config", get(status::config))
        .route("/api/v1/status/flags", get(status::flags))
        .route("/api/v1/status/tsdb", get(status::tsdb))
        .route("/api/v1/status/walreplay", get(status::wal_replay))
        .route("/version", get(status::version))
        .route("/federate", get(federate::federate))
        .route("/api/v1/read", post(remote_read::read).layer(DefaultBodyLimit::max(remote_read::MAX_BODY_BYTES)))
}
