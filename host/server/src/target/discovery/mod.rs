//! Places that are asked for targets again and again: files, web services, DNS, Docker. A place that cannot be asked keeps the targets
//! that it gave last. What becomes of targets is decided by others.

mod dns;
mod docker;
mod files;
mod web;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cepmon_model::Clock;
use cepmon_plugin::PluginHost;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::TargetGroup;
use crate::chain::chain;
use crate::config::{ConfigErrors, DiscoveryConfig};

/// How often files are looked at for a change.
const LOOK_INTERVAL_MS: i64 = 1_000;
/// The answer of a web service or of Docker.
const MAX_ANSWER_BYTES: usize = 32 << 20;
/// How long a web service, DNS or Docker may take.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Why a place gave no targets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiscoveryError {
    /// A file cannot be read, or holds no list of targets.
    #[error("{problem}")]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file is no configuration.
    #[error(transparent)]
    Yaml(#[from] ConfigErrors),
    /// Nobody answered, or with something else.
    #[error("{from}: {problem}")]
    Answer {
        /// Who was asked.
        from: String,
        /// What came.
        problem: String,
    },
}

/// A place that is asked for as long as this lives.
#[derive(Debug)]
pub(crate) struct Discoverer {
    config: DiscoveryConfig,
    groups: Arc<Mutex<Vec<TargetGroup>>>,
    task: JoinHandle<()>,
}

impl Discoverer {
    /// Starts to ask. `changed` is told each time the groups are others than before.
    pub(crate) fn start(config: DiscoveryConfig, clock: Arc<dyn Clock>, plugins: Arc<PluginHost>, changed: watch::Sender<()>) -> Self {
        let groups = Arc::new(Mutex::new(Vec::new()));
        let asking = Asking { config: config.clone(), clock, plugins, groups: Arc::clone(&groups), changed };
        Self { config, groups, task: tokio::spawn(asking.run()) }
    }

    /// What is asked.
    pub(crate) fn config(&self) -> &DiscoveryConfig {
        &self.config
    }

    /// What it gave last.
    pub(crate) fn groups(&self) -> Vec<TargetGroup> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Discoverer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One place's task.
struct Asking {
    config: DiscoveryConfig,
    clock: Arc<dyn Clock>,
    plugins: Arc<PluginHost>,
    groups: Arc<Mutex<Vec<TargetGroup>>>,
    changed: watch::Sender<()>,
}

impl Asking {
    async fn run(self) {
        if let DiscoveryConfig::Files { patterns, refresh } = &self.config {
            return self.watch_files(patterns, *refresh).await;
        }
        let refresh = self.refresh();
        let mut was_fine = true;
        loop {
            match self.ask().await {
                Ok(groups) => {
                    if !was_fine {
                        tracing::info!(place = self.place(), "targets are discovered again");
                    }
                    was_fine = true;
                    self.replace(groups);
                }
                Err(error) => {
                    if was_fine {
                        let place = self.place();
                        tracing::warn!(place, error = chain(&error), "no targets were discovered; those from before stay");
                    }
                    was_fine = false;
                }
            }
            let refresh_ms = i64::try_from(refresh.as_millis()).unwrap_or(i64::MAX);
            self.clock.sleep_until(self.clock.now().saturating_add(refresh_ms)).await;
        }
    }

    /// Files are read when they change, and every `refresh` whether they seem to have changed or not.
    async fn watch_files(&self, patterns: &[PathBuf], refresh: Duration) {
        let mut files = files::Files::new(patterns);
        let refresh_ms = i64::try_from(refresh.as_millis()).unwrap_or(i64::MAX);
        let mut next_refresh = i64::MIN;
        loop {
            let now = self.clock.now();
            let is_due = now >= next_refresh;
            if is_due {
                next_refresh = now.saturating_add(refresh_ms);
            }
            let looked = tokio::task::block_in_place(|| files.look(is_due));
            for error in &looked.errors {
                tracing::warn!(error = chain(error), "a file of targets is not taken; what it held before stays");
            }
            if looked.has_changed {
                self.replace(files.groups());
            }
            self.clock.sleep_until(now + LOOK_INTERVAL_MS).await;
        }
    }

    async fn ask(&self) -> Result<Vec<TargetGroup>, DiscoveryError> {
        match &self.config {
            DiscoveryConfig::Files { .. } => Ok(Vec::new()),
            DiscoveryConfig::Http { url, refresh, http } => web::ask(&self.plugins, url, *refresh, http).await,
            DiscoveryConfig::Dns { names, record, port, .. } => dns::ask(names, *record, *port, &self.groups()).await,
            DiscoveryConfig::Docker { .. } => docker::ask(&self.plugins, &self.config).await,
        }
    }

    fn groups(&self) -> Vec<TargetGroup> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, groups: Vec<TargetGroup>) {
        let mut current = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != groups {
            *current = groups;
            self.changed.send_replace(());
        }
    }

    fn refresh(&self) -> Duration {
        match &self.config {
            DiscoveryConfig::Files { refresh, .. }
            | DiscoveryConfig::Http { refresh, .. }
            | DiscoveryConfig::Dns { refresh, .. }
            | DiscoveryConfig::Docker { refresh, .. } => *refresh,
        }
    }

    /// For people.
    fn place(&self) -> String {
        match &self.config {
            DiscoveryConfig::Files { patterns, .. } => patterns.first().map_or_else(String::new, |path| path.display().to_string()),
            DiscoveryConfig::Http { url, .. } => url.clone(),
            DiscoveryConfig::Dns { names, .. } => names.join(", "),
            DiscoveryConfig::Docker { host, .. } => host.clone(),
        }
    }
}
