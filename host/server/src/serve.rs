//! `cepmon serve`: opens everything in order, runs it until a signal, closes it in reverse. Each part's work is its own; here is
//! only who knows whom, and what a reload touches.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use cepmon_alert::rule::GroupStatus;
use cepmon_alert::{BoxError, Evaluate};
use cepmon_model::{Clock, LabelSet};
use cepmon_plugin::{FolderState, LimitOverrides, PluginHost, PluginState, PluginStatus, ReloadReport};
use cepmon_sql::{SqlEngine, SqlOptions};
use cepmon_storage::{AUDIT, Cell, FsyncPolicy, OpenReport, Retention, Storage, StorageOptions};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use crate::agent::LogAgent;
use crate::alerting::{Alerting, PromqlEvaluate, SentCounts, StorageRecord};
use crate::chain::chain;
use crate::cli::{DEFAULT_PLUGINS_DIR, Failure, LogFormat, ServeArgs};
use crate::clock::SystemClock;
use crate::config::{self, Config, ConfigErrors, StorageConfig};
use crate::flags::{flags, retention_text};
use crate::host_name::host_name;
use crate::ingest::RemoteWrite;
use crate::live_table::{PluginAuditTable, PluginUsesTable, PluginsTable, TargetsTable};
use crate::overrides::Overrides;
use crate::prepare::{Prepared, prepare, prepare_settings};
use crate::promql_table::PromqlTable;
use crate::schedule::{DroppedTarget, ScrapePool, TargetStatus};
use crate::stored_state::StoredState;
use crate::web::{self, App, Control, HostPolicy, Running, ServerStats};

/// How often storage is asked whether it has housekeeping to do: forcing the log to the disk, a flush, retention.
const MAINTENANCE_INTERVAL_MS: i64 = 1_000;
/// How often storage is asked whether blocks are to be merged; after a merge it is asked again at once.
const COMPACTION_INTERVAL_MS: i64 = 5_000;
/// How often the plugin folders are looked at; a change is taken after one to two of these.
const PLUGIN_WATCH_INTERVAL_MS: i64 = 1_000;
/// Memory of all SQL statements together, and the time of one.
const SQL_MEMORY_BYTES: usize = 128 << 20;
const SQL_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the server did not start or ended badly.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    /// The configuration is at fault; nothing was started.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Listening beyond loopback needs a decision.
    #[error(
        "cannot listen on {0}: there is no authentication yet, so everybody who reaches that address could read everything; \
             listen on 127.0.0.1, or set web.insecure: true"
    )]
    Exposed(SocketAddr),
    /// The address is no address.
    #[error("cannot read the address \"{0}\"; wanted IP:PORT, as in 127.0.0.1:9090")]
    Address(String),
    /// The certificate, its key or a header of the web configuration cannot be used.
    #[error("cannot use the web configuration: {0}")]
    WebFile(String),
    /// The port is taken, or may not be used.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    Storage(#[from] cepmon_storage::Error),
    /// The plugin host cannot start.
    #[error(transparent)]
    Plugins(#[from] cepmon_plugin::Error),
    /// SQL cannot start.
    #[error(transparent)]
    Sql(#[from] cepmon_sql::Error),
    /// What was told before cannot be read.
    #[error("cannot start alerting: {0}")]
    Alerting(#[source] BoxError),
    /// The operating system refused something basic.
    #[error("cannot run the server")]
    System(#[from] std::io::Error),
}

impl ServeError {
    /// Whether the command line or the configuration is at fault.
    fn is_usage(&self) -> bool {
        match self {
            Self::Config(_) | Self::Exposed(_) | Self::Address(_) | Self::WebFile(_) => true,
            Self::Plugins(error) => error.is_usage(),
            _ => false,
        }
    }
}

/// Runs the server until SIGTERM or SIGINT.
pub(crate) fn run(args: ServeArgs, overrides: Overrides) -> Result<(), Failure> {
    start_logging(args.log_format, overrides.log_level);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(&args, &overrides)).map_err(|error| if error.is_usage() { Failure::usage(error) } else { Failure::from(error) })
}

/// Structured lines to standard error; `RUST_LOG` chooses what is shown, from `info` on by default.
fn start_logging(format: LogFormat, level: Option<LevelFilter>) {
    let level = level.unwrap_or(LevelFilter::INFO);
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level.to_string()));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => subscriber.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
}

async fn serve(args: &ServeArgs, overrides: &Overrides) -> Result<(), ServeError> {
    let started = Instant::now();
    let document = config::load(args.config.as_deref())?;
    let config = &document.file;
    let address = listen_address(args, config.web.listen)?;
    let has_users = !overrides.web_file.basic_auth_users.is_empty();
    if !address.ip().is_loopback() && !config.web.is_insecure && !has_users {
        return Err(ServeError::Exposed(address));
    }
    let stats = Arc::new(ServerStats::default());
    let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    let address = listener.local_addr()?;
    let tls = overrides.web_file.tls_server_config.as_ref().map(web::tls_server_config).transpose().map_err(ServeError::WebFile)?;
    let mut web_options = overrides.web.clone();
    web_options.flags.clone_from(&overrides.flags);
    web_options.flags.extend(flags(args, &overrides.metrics_retention(&config.storage.metrics), address, &web_options));
    let app = Arc::new(App::new(Arc::clone(&stats), web_options));
    let router = web::router(Arc::clone(&app), HostPolicy::new(config.web.hosts.clone()).with_users(has_users));
    let router = web::with_access(router, &overrides.web_file, &overrides.route_prefix).map_err(ServeError::WebFile)?;
    let (stop, stopped) = watch::channel(false);
    let web = tokio::spawn(web::serve(listener, tls, router, wait_for(stopped.clone())));

    let server = Arc::new(tokio::task::block_in_place(|| Server::open(args, overrides, config, stats, address))?);
    let prepared = tokio::task::block_in_place(|| server.prepare())?;
    server.apply(prepared).await;
    app.start(Running {
        storage: Arc::clone(&server.storage),
        plugins: Arc::clone(&server.plugins),
        sql: Arc::clone(&server.sql),
        remote_write: RemoteWrite::new(Arc::clone(&server.storage)),
        control: Arc::clone(&server) as Arc<dyn Control>,
    });
    tracing::info!(%address, seconds = started.elapsed().as_secs_f64(), "ready");

    let maintenance = tokio::spawn(Arc::clone(&server).maintain(stopped.clone()));
    let compaction = tokio::spawn(Arc::clone(&server).compact(stopped.clone()));
    let plugin_watch = tokio::spawn(Arc::clone(&server).watch_plugins(stopped.clone()));
    let alerting = tokio::spawn(Arc::clone(&server.alerting).run(wait_for(stopped).shared()));
    Arc::clone(&server).obey_signals().await?;

    tracing::info!("stopping");
    server.pool.stop().await;
    server.agent.stop().await;
    stop.send_replace(true);
    server.storage.stop_compacting();
    for task in [alerting, plugin_watch, compaction, maintenance] {
        if let Err(error) = task.await {
            tracing::error!(%error, "a task ended badly");
        }
    }
    match web.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the web server ended badly"),
        Err(error) => tracing::error!(%error, "the web server ended badly"),
    }
    // What is in memory is in the log as well; the next start reads it again.
    tokio::task::block_in_place(|| server.storage.maintain(server.clock.now()))?;
    tracing::info!("stopped");
    Ok(())
}

/// Everything that runs.
#[derive(Debug)]
struct Server {
    config_path: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    stats: Arc<ServerStats>,
    storage: Arc<Storage>,
    plugins: Arc<PluginHost>,
    sql: Arc<SqlEngine>,
    evaluate: Arc<dyn Evaluate>,
    pool: Arc<ScrapePool>,
    agent: LogAgent,
    alerting: Arc<Alerting>,
    /// One reload at a time.
    reloading: tokio::sync::Mutex<()>,
    /// What the jobs and log sources that run were made of.
    in_force: std::sync::Mutex<Arc<Config>>,
    /// Some sections are fixed at start; a change of them is reported, not applied.
    started_with: Config,
    external_url: String,
    metrics_retention: config::Retention,
    /// Somebody asks over HTTP that the server end.
    quit: tokio::sync::Notify,
}

impl Server {
    fn open(
        args: &ServeArgs,
        overrides: &Overrides,
        config: &Config,
        stats: Arc<ServerStats>,
        address: SocketAddr,
    ) -> Result<Self, ServeError> {
        let metrics_retention = overrides.metrics_retention(&config.storage.metrics);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (storage, report) = Storage::open(storage_options(args, &config.storage, &metrics_retention))?;
        log_replay(&report);
        let storage = Arc::new(storage);
        let host_name = host_name();
        let plugins_dir =
            args.plugins_dir.clone().or_else(|| config.plugins_dir.clone()).unwrap_or_else(|| PathBuf::from(DEFAULT_PLUGINS_DIR));
        let open = if args.locked || config.are_plugins_locked { PluginHost::open_locked } else { PluginHost::open };
        let plugins = Arc::new(open(cepmon_plugin::Options {
            plugins_dir,
            bundled_dir: args.bundled_plugins_dir(),
            cache_dir: args.cache_dir(),
            compiler: Some(PathBuf::from(crate::cli::THIS_PROGRAM)),
            host_name: host_name.clone(),
            external_labels: config.external_labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            limits: cepmon_plugin::Limits::default(),
            overrides: call_limits(config),
            state: Arc::new(StoredState::new(Arc::clone(&storage))),
        })?);
        plugins.plugins().iter().for_each(log_plugin);
        let pool = Arc::new(ScrapePool::new(Arc::clone(&clock), Arc::clone(&storage), Arc::clone(&plugins), Arc::clone(&stats), host_name));
        let sql_options = SqlOptions { memory_bytes: SQL_MEMORY_BYTES, timeout: SQL_TIMEOUT, spill_dir: args.data_dir.join("spill") };
        let sql = SqlEngine::new(
            Arc::clone(&storage),
            vec![
                Arc::new(PluginsTable::new(Arc::clone(&plugins), Arc::clone(&pool), Arc::clone(&storage))),
                Arc::new(PluginUsesTable::new(Arc::clone(&plugins))),
                Arc::new(PluginAuditTable::new(Arc::clone(&plugins))),
                Arc::new(TargetsTable::new(Arc::clone(&pool))),
            ],
            Some(Arc::new(PromqlTable::new(Arc::clone(&storage), overrides.web.promql.engine.clone()))),
            sql_options,
        )?;
        let evaluate: Arc<dyn Evaluate> =
            Arc::new(PromqlEvaluate::new(Arc::clone(&storage), Arc::clone(&stats), overrides.web.promql.engine.clone()));
        let record = Arc::new(StorageRecord::new(Arc::clone(&storage), Arc::clone(&stats)));
        let scheme = if overrides.web_file.tls_server_config.is_some() { "https" } else { "http" };
        let own_url = || format!("{scheme}://{address}{}", overrides.route_prefix);
        let external_url = overrides.external_url.clone().unwrap_or_else(own_url);
        let alerting = Alerting::open(
            Arc::clone(&evaluate),
            record,
            Arc::clone(&plugins),
            Arc::clone(&clock),
            external_url.clone(),
            config.external_labels.clone(),
            overrides.alert_times,
        )
        .map_err(ServeError::Alerting)?;
        Ok(Self {
            config_path: args.config.clone(),
            agent: LogAgent::new(Arc::clone(&clock), Arc::clone(&storage), Arc::clone(&plugins), Arc::clone(&stats)),
            clock,
            stats,
            storage,
            plugins,
            sql: Arc::new(sql),
            evaluate,
            pool,
            alerting: Arc::new(alerting),
            reloading: tokio::sync::Mutex::default(),
            in_force: std::sync::Mutex::new(Arc::new(config.clone())),
            started_with: config.clone(),
            external_url,
            metrics_retention,
            quit: tokio::sync::Notify::new(),
        })
    }

    fn in_force(&self) -> Arc<Config> {
        Arc::clone(&*self.in_force.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn prepare(&self) -> Result<Prepared, ConfigErrors> {
        prepare(self.config_path.as_deref(), &self.plugins, &*self.evaluate)
    }

    async fn apply(&self, prepared: Prepared) {
        let Prepared { config, settings, alerting, secrets, warnings } = prepared;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        self.plugins.set_secrets(secrets);
        tokio::task::block_in_place(|| self.plugins.set_limits(call_limits(&config)));
        let report = self.pool.apply(&config.jobs, &settings.jobs, &config.plugin_limits);
        self.agent.apply(&config.log_sources, &settings.logs).await;
        tokio::task::block_in_place(|| self.alerting.apply(alerting));
        let fixed = [
            ("storage", self.started_with.storage != config.storage),
            ("web", self.started_with.web != config.web),
            ("plugins.dir", self.started_with.plugins_dir != config.plugins_dir),
            ("plugins.locked", self.started_with.are_plugins_locked != config.are_plugins_locked),
            ("global.external_labels", self.started_with.external_labels != config.external_labels),
        ];
        for (section, _) in fixed.into_iter().filter(|(_, is_changed)| *is_changed) {
            tracing::warn!(section, "this section has changed; it takes effect at the next start");
        }
        *self.in_force.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        self.stats.configured(self.clock.now());
        tracing::info!(started = report.started, stopped = report.stopped, kept = report.kept, "configuration in force");
    }

    /// Everything or nothing: plugins first (a bad file never replaces a good one), then all configuration files.
    async fn reload_all(&self, actor: &str) -> Result<(), ConfigErrors> {
        let _one_at_a_time = self.reloading.lock().await;
        let prepared = tokio::task::block_in_place(|| {
            log_plugin_reload(&self.plugins.reload());
            self.prepare()
        });
        let outcome = match prepared {
            Ok(prepared) => {
                self.apply(prepared).await;
                Ok(())
            }
            Err(errors) => {
                self.stats.reload_refused();
                tracing::error!("configuration refused; the one before stays in force\n{errors}");
                Err(errors)
            }
        };
        let detail = outcome.as_ref().map_or_else(ToString::to_string, |()| "applied".to_owned());
        let text = |text: &str| Cell::Text(text.to_owned());
        let row = vec![Cell::Time(self.clock.now()), text(actor), text("reload"), text("configuration"), text(&detail)];
        if let Err(error) = tokio::task::block_in_place(|| self.storage.append_rows(&AUDIT, &[row])) {
            tracing::error!(error = chain(&error), "cannot record the reload");
        }
        outcome
    }

    /// New plugins with the configuration that is in force: its files may be half-edited, and nobody asked to read them.
    async fn reload_plugins(&self) {
        let _one_at_a_time = self.reloading.lock().await;
        let report = tokio::task::block_in_place(|| self.plugins.reload());
        log_plugin_reload(&report);
        if report.added.is_empty() && report.replaced.is_empty() && report.removed.is_empty() {
            return;
        }
        let config = self.in_force();
        let (settings, problems) = tokio::task::block_in_place(|| prepare_settings(&config, &self.plugins));
        for (key, problem) in &problems {
            tracing::warn!(key, problem, "the configuration in force does not fit the plugins any more; what ran before runs on");
        }
        if problems.is_empty() {
            self.pool.apply(&config.jobs, &settings.jobs, &config.plugin_limits);
            self.agent.apply(&config.log_sources, &settings.logs).await;
        }
    }

    /// Takes changes of the plugin folders once two looks in a row see the same: whoever copies a file is done then.
    async fn watch_plugins(self: Arc<Self>, stopped: watch::Receiver<bool>) {
        let mut stop = Box::pin(wait_for(stopped));
        // The first round reads the folders once more, so that no change since the start is missed.
        let (mut taken, mut seen) = (FolderState::default(), FolderState::default());
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = self.clock.sleep_until(self.clock.now() + PLUGIN_WATCH_INTERVAL_MS) => {}
            }
            let now = tokio::task::block_in_place(|| self.plugins.folder_state());
            let is_settled = now == seen;
            seen.clone_from(&now);
            if is_settled && now != taken {
                taken = now;
                self.reload_plugins().await;
            }
        }
    }

    /// SIGHUP reloads; SIGTERM, SIGINT and a request to quit end the wait.
    async fn obey_signals(self: Arc<Self>) -> Result<(), ServeError> {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        loop {
            tokio::select! {
                _ = hangup.recv() => if self.reload_all("SIGHUP").await.is_err() {
                    // Already logged; the configuration before stays in force.
                },
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                () = self.quit.notified() => return Ok(()),
            }
        }
    }

    /// Housekeeping of storage until the server stops.
    async fn maintain(self: Arc<Self>, stopped: watch::Receiver<bool>) {
        let mut stop = Box::pin(wait_for(stopped));
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = self.clock.sleep_until(self.clock.now() + MAINTENANCE_INTERVAL_MS) => {}
            }
            let (storage, now) = (Arc::clone(&self.storage), self.clock.now());
            match tokio::task::spawn_blocking(move || storage.maintain(now)).await {
                Ok(Ok(report)) => {
                    if let Some(flush) = report.flush {
                        tracing::info!(samples = flush.samples, series = flush.series, bytes = flush.bytes, "flushed to Parquet");
                    }
                }
                Ok(Err(error)) => tracing::error!(error = chain(&error), "storage housekeeping failed; it is tried again"),
                Err(error) => tracing::error!(%error, "storage housekeeping crashed; it is tried again"),
            }
        }
    }

    /// Merges blocks, one after the other, until the server stops.
    async fn compact(self: Arc<Self>, stopped: watch::Receiver<bool>) {
        let mut stop = Box::pin(wait_for(stopped));
        loop {
            let (storage, now) = (Arc::clone(&self.storage), self.clock.now());
            match tokio::task::spawn_blocking(move || storage.compact(now)).await {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(report))) => {
                    tracing::info!(inputs = report.inputs, outputs = report.outputs, bytes = report.output_bytes, "merged blocks");
                    continue;
                }
                Ok(Err(error)) => tracing::error!(error = chain(&error), "blocks were not merged; it is tried again later"),
                Err(error) => tracing::error!(%error, "merging blocks crashed; it is tried again"),
            }
            tokio::select! {
                () = &mut stop => return,
                () = self.clock.sleep_until(self.clock.now() + COMPACTION_INTERVAL_MS) => {}
            }
        }
    }
}

impl Control for Server {
    fn targets(&self) -> Vec<TargetStatus> {
        self.pool.targets()
    }

    fn dropped_targets(&self) -> (Vec<DroppedTarget>, BTreeMap<String, usize>) {
        self.pool.dropped_targets()
    }

    fn rules(&self) -> Vec<GroupStatus> {
        self.alerting.rules()
    }

    fn alertmanager_url(&self) -> Option<String> {
        let is_told = self.in_force().alertmanager_file.is_some();
        is_told.then(|| format!("{}/api/v2/alerts", self.external_url))
    }

    fn sent_alerts(&self) -> BTreeMap<String, SentCounts> {
        self.alerting.sent()
    }

    fn alert_queue(&self) -> (usize, u64) {
        self.alerting.queue()
    }

    fn external_labels(&self) -> LabelSet {
        // Rules stamp alerts with those of the start, too.
        self.started_with.external_labels.clone()
    }

    fn config_yaml(&self) -> String {
        self.in_force().yaml.clone()
    }

    fn retention(&self) -> String {
        retention_text(&self.metrics_retention)
    }

    fn quit(&self) {
        self.quit.notify_one();
    }

    fn reload(&self) -> BoxFuture<'_, Result<(), Box<dyn std::error::Error + Send + Sync>>> {
        Box::pin(async { Ok(self.reload_all("http").await?) })
    }
}

/// Files that cannot be loaded are logged where they are read.
fn log_plugin_reload(report: &ReloadReport) {
    for (_, problem) in report.failed.iter().filter(|(name, _)| name.is_empty()) {
        tracing::error!("plugins not reloaded; those before run on: {problem}");
    }
    let names = [("added", &report.added), ("replaced", &report.replaced), ("removed", &report.removed)];
    for (change, plugins) in names.into_iter().filter(|(_, plugins)| !plugins.is_empty()) {
        tracing::info!(change, plugins = plugins.join(", "), "plugins changed");
    }
}

fn listen_address(args: &ServeArgs, configured: SocketAddr) -> Result<SocketAddr, ServeError> {
    match &args.listen {
        None => Ok(configured),
        Some(text) => text.parse().map_err(|_| ServeError::Address(text.clone())),
    }
}

fn storage_options(args: &ServeArgs, config: &StorageConfig, metrics: &config::Retention) -> StorageOptions {
    let retention = |retention: &config::Retention| Retention {
        max_age_ms: retention.time.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX)),
        max_bytes: retention.bytes,
    };
    StorageOptions {
        head_max_bytes: config.head_max_bytes,
        fsync: if config.fsync_always { FsyncPolicy::Always } else { FsyncPolicy::EverySecond },
        metrics_retention: retention(metrics),
        logs_retention: retention(&config.logs),
        ..StorageOptions::new(&args.data_dir)
    }
}

fn call_limits(config: &Config) -> BTreeMap<String, LimitOverrides> {
    config.plugin_limits.iter().map(|(name, limits)| (name.clone(), limits.calls.clone())).collect()
}

fn log_replay(report: &OpenReport) {
    let seconds = report.elapsed.as_secs_f64();
    tracing::info!(records = report.replayed_records, samples = report.replayed_samples, seconds, "log read again");
    // What was torn or damaged, storage has named itself.
}

fn log_plugin(plugin: &PluginStatus) {
    match &plugin.state {
        PluginState::Ready => tracing::info!(plugin = plugin.name, version = plugin.version, "plugin loaded"),
        PluginState::Refused(problem) => tracing::error!(plugin = plugin.name, %problem, "plugin not loaded"),
    }
}

async fn wait_for(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone: then the process is ending as well.
    stopped.wait_for(|stopped| *stopped).await.ok();
}
