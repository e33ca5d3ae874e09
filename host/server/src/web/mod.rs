//! The one HTTP port: SQL, PromQL, metrics of cepmon itself, health, administration and the page. The only part that knows HTTP status codes.
//!
//! [`App`] is what the handlers work on. It exists before the storage is open, so that `/-/healthy` and the page answer while the log is
//! read again; [`App::start`] makes the rest work. Scraping, rules and delivery are elsewhere: they come in through [`Control`].

mod accept;
mod access;
mod authentication;
mod delete;
mod error;
mod failures;
mod host_guard;
mod life;
mod listen;
mod metrics;
mod options;
mod otlp;
pub(crate) mod grant_words;
mod page;
mod process;
mod prometheus;
mod rescue;
mod sql;
mod state;
mod tls;
mod stats;
mod write;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::Uri;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use cepmon_alert::rule::GroupStatus;
use cepmon_model::LabelSet;
use cepmon_plugin::PluginHost;
use cepmon_sql::SqlEngine;
use cepmon_storage::Storage;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;

use crate::alerting::SentCounts;
use crate::ingest::RemoteWrite;
use crate::schedule::{DroppedTarget, TargetStatus};
pub(crate) use accept::ResultForm;
pub(crate) use access::with_access;
use error::WebError;
pub(crate) use host_guard::HostPolicy;
pub(crate) use options::WebOptions;
use prometheus::PromqlAccess;
pub(crate) use prometheus::{Parameters, PromqlOptions, answer_offline};
pub(crate) use sql::encode as encode_result;
pub(crate) use sql::parameter as sql_parameter;
pub(crate) use stats::ServerStats;
pub(crate) use tls::server_config as tls_server_config;

/// How long open requests may go on after the stop signal.
const GRACE: Duration = Duration::from_secs(10);

/// Remote-write bodies that are worked on at once; each may take some hundred MiB.
const WRITES_AT_ONCE: usize = 4;

/// Shorter answers fit into a packet as they are.
const MIN_COMPRESSED_BYTES: u16 = 1024;

/// What the web surface asks of the running server.
pub(crate) trait Control: std::fmt::Debug + Send + Sync + 'static {
    /// All targets with the outcome of their last scrape.
    fn targets(&self) -> Vec<TargetStatus>;

    /// Targets that rules dropped, and how many there are by job; every job is there.
    fn dropped_targets(&self) -> (Vec<DroppedTarget>, BTreeMap<String, usize>);

    /// All rule groups with the outcome of their last evaluation.
    fn rules(&self) -> Vec<GroupStatus>;

    /// Where the Alertmanager's API is, if somebody is told of alerts.
    fn alertmanager_url(&self) -> Option<String>;

    /// What other Alertmanagers were sent, by URL.
    fn sent_alerts(&self) -> BTreeMap<String, SentCounts>;

    /// Alerts that wait to be sent to them, and those that found no room.
    fn alert_queue(&self) -> (usize, u64);

    /// What this server adds to everything that leaves it.
    fn external_labels(&self) -> LabelSet;

    /// The configuration in force as YAML, its secrets as `<secret>`.
    fn config_yaml(&self) -> String;

    /// How long and how much of metrics is kept, as Prometheus prints it: `30d or 10GiB`.
    fn retention(&self) -> String;

    /// Reads the configuration again: all of it or, with an error that says file, line and column, nothing.
    fn reload(&self) -> BoxFuture<'_, Result<(), Box<dyn std::error::Error + Send + Sync>>>;

    /// Ends the server as SIGTERM does.
    fn quit(&self);
}

/// The parts that requests are answered from, once they are all there.
#[derive(Debug)]
pub(crate) struct Running {
    /// The data.
    pub(crate) storage: Arc<Storage>,
    /// The plugins.
    pub(crate) plugins: Arc<PluginHost>,
    /// SQL over the data.
    pub(crate) sql: Arc<SqlEngine>,
    /// The receiver of remote write.
    pub(crate) remote_write: RemoteWrite,
    /// Targets and reload.
    pub(crate) control: Arc<dyn Control>,
}

/// The state behind all handlers.
#[derive(Debug)]
pub(crate) struct App {
    stats: Arc<ServerStats>,
    /// Remote-write bodies that are worked on.
    writes: Arc<Semaphore>,
    promql: PromqlAccess,
    options: WebOptions,
    running: OnceLock<Running>,
}

impl App {
    /// A server that is still starting: `/-/ready` and everything that needs data answer 503.
    pub(crate) fn new(stats: Arc<ServerStats>, options: WebOptions) -> Self {
        let promql = PromqlAccess::new(options.promql.clone());
        Self { stats, writes: Arc::new(Semaphore::new(WRITES_AT_ONCE)), promql, options, running: OnceLock::new() }
    }

    /// From now on the server is ready. Calling it twice changes nothing.
    pub(crate) fn start(&self, running: Running) {
        if self.running.set(running).is_err() {
            tracing::error!("BUG: the web server was started twice");
        }
    }

    fn running(&self) -> Result<&Running, WebError> {
        self.running.get().ok_or(WebError::NotReady)
    }

    fn check_lifecycle(&self) -> Result<(), WebError> {
        if self.options.is_lifecycle_enabled { Ok(()) } else { Err(WebError::LifecycleDisabled) }
    }

    fn check_admin(&self) -> Result<(), WebError> {
        if self.options.is_admin_enabled { Ok(()) } else { Err(WebError::AdminDisabled) }
    }
}

/// All paths, behind the guard of the `Host` header.
pub(crate) fn router(app: Arc<App>, hosts: HostPolicy) -> Router {
    Router::new()
        .route("/api/v1/sql", post(sql::answer_sql).layer(DefaultBodyLimit::max(sql::MAX_BODY_BYTES)))
        .route("/api/v1/write", post(write::receive).layer(DefaultBodyLimit::max(write::MAX_BODY_BYTES)))
        .route("/api/v1/otlp/v1/metrics", post(otlp::receive).layer(DefaultBodyLimit::max(write::MAX_BODY_BYTES)))
        .route("/api/v1/admin/flush", post(life::flush))
        .route("/api/v1/admin/tsdb/snapshot", post(rescue::snapshot))
        .route("/api/v1/admin/blocks/{name}/set-aside", post(rescue::set_aside))
        .route("/api/v1/admin/tsdb/delete_series", post(delete::delete_series).put(delete::delete_series))
        .route("/api/v1/admin/tsdb/clean_tombstones", post(delete::clean_tombstones).put(delete::clean_tombstones))
        .route("/loki/api/v1/delete", post(delete::delete_logs).put(delete::delete_logs))
        .route("/api/v1/admin/plugins/{name}/failures", get(failures::show_failures))
        .route("/api/v1/cepmon/state", get(state::show_state))
        .route("/metrics", get(metrics::show_metrics))
        .route("/-/healthy", get(life::healthy))
        .route("/-/ready", get(life::ready))
        .route("/-/reload", post(life::reload).put(life::reload))
        .route("/-/quit", post(life::quit).put(life::quit))
        .merge(prometheus::routes())
        .with_state(Arc::clone(&app))
        .layer(compression())
        .merge(page::page_routes())
        .fallback(no_such_path)
        .layer(middleware::from_fn_with_state(Arc::new(hosts), host_guard::guard_host))
        .layer(middleware::from_fn_with_state(app, count_request))
}

/// Serves until `stop` ends, in TLS if there is a configuration for it; requests that are open then have ten seconds to finish.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let listener = listen::BoundedListener::new(listener);
    match tls {
        None => serve_on(listener, router, stop).await,
        Some(config) => serve_on(tls::TlsListener::new(listener, config), router, stop).await,
    }
}

async fn serve_on<L>(listener: L, router: Router, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()>
where
    L: axum::serve::Listener,
    L::Addr: std::fmt::Debug,
{
    let (stopped, mut is_stopped) = tokio::sync::watch::channel(false);
    let signal = async move {
        stop.await;
        stopped.send_replace(true);
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(signal);
    let out_of_patience = async move {
        // An error means that the sender is gone without a stop: then only the server itself ends this.
        if is_stopped.wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = serving.into_future() => result,
        () = out_of_patience => {
            tracing::warn!(seconds = GRACE.as_secs(), "stopped with requests still open");
            Ok(())
        }
    }
}

/// gzip or zstd for clients that take it. The fastest level: it makes answers half as long or less, and waits of milliseconds
/// are paid by everybody.
fn compression() -> CompressionLayer<SizeAbove> {
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(MIN_COMPRESSED_BYTES))
}

async fn no_such_path(uri: Uri) -> WebError {
    WebError::NoSuchPath { path: uri.path().to_owned() }
}

async fn count_request(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    app.stats.count_request(response.status().as_u16());
    response
}

#[cfg(test)]
mod tests;
