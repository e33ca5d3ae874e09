//! All jobs of the running configuration. A reload is a difference: targets that did not change are not touched; nor are they when a
//! discovery finds others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cepmon_model::Clock;
use cepmon_plugin::PluginHost;
use cepmon_storage::Storage;

use super::running_job::RunningJob;
use super::scrape_loop::Stop;
use super::target_status::{DroppedTarget, TargetStatus};
use crate::config::{Job, PluginLimits};
use crate::ingest::SeriesBudget;
use crate::web::ServerStats;

/// What a reload changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ApplyReport {
    /// Targets that are scraped since now.
    pub started: usize,
    /// Targets that are no longer scraped.
    pub stopped: usize,
    /// Targets that went on as they were.
    pub kept: usize,
}

/// The targets that are scraped.
#[derive(Debug)]
pub(crate) struct ScrapePool {
    shared: Arc<Shared>,
}

/// What every target needs.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) storage: Arc<Storage>,
    pub(super) plugins: Arc<PluginHost>,
    pub(super) stats: Arc<ServerStats>,
    pub(super) host_name: String,
}

#[derive(Debug)]
struct Shared {
    parts: Parts,
    /// By name.
    jobs: Mutex<BTreeMap<String, RunningJob>>,
    /// By plugin; what is counted in one outlives reloads.
    budgets: Mutex<BTreeMap<String, Arc<SeriesBudget>>>,
}

impl ScrapePool {
    /// A pool without targets.
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        storage: Arc<Storage>,
        plugins: Arc<PluginHost>,
        stats: Arc<ServerStats>,
        host_name: String,
    ) -> Self {
        let parts = Parts { clock, storage, plugins, stats, host_name };
        Self { shared: Arc::new(Shared { parts, jobs: Mutex::default(), budgets: Mutex::default() }) }
    }

    /// Scrapes these jobs' targets from now on and no others. `settings` are the jobs' settings as their plugins take them, in
    /// the order of the jobs. Must be called within a tokio runtime.
    pub(crate) fn apply(&self, jobs: &[Job], settings: &[Arc<str>], limits: &BTreeMap<String, PluginLimits>) -> ApplyReport {
        for job in jobs {
            self.budget(&job.plugin).set_limit(limits.get(&job.plugin).and_then(|limits| limits.series));
        }
        let mut report = ApplyReport::default();
        let mut running = self.shared.jobs();
        let mut before = std::mem::take(&mut *running);
        for (job, settings) in jobs.iter().zip(settings) {
            let job = Arc::new(job.clone());
            let known = before.remove(&job.name);
            let is_watched = known.as_ref().is_some_and(RunningJob::discovers);
            let mut entry = known.unwrap_or_else(|| RunningJob::new(Arc::clone(&job), Arc::clone(settings)));
            entry.reconfigure(Arc::clone(&job), Arc::clone(settings), &self.shared.parts);
            report.add(entry.sync(&self.shared.parts, &self.shared.budget(&job.plugin)));
            if entry.discovers() && !is_watched {
                tokio::spawn(Arc::clone(&self.shared).follow(job.name.clone(), entry.changes()));
            }
            running.insert(job.name.clone(), entry);
        }
        for job in before.into_values() {
            report.stopped += job.stop(Stop::TargetGone).count();
        }
        report
    }

    /// Every target and its last scrape, by job and instance.
    pub(crate) fn targets(&self) -> Vec<TargetStatus> {
        let mut all: Vec<_> = self.shared.jobs().values().flat_map(RunningJob::statuses).collect();
        all.sort_by(|a, b| (&a.job, &a.instance).cmp(&(&b.job, &b.instance)));
        all
    }

    #[allow(dead_code, reason = "the targets API is being built on it")]
    /// Targets that rules dropped, as many as `keep_dropped_targets` of each job wants, and how many there are by job.
    pub(crate) fn dropped_targets(&self) -> (Vec<DroppedTarget>, BTreeMap<String, usize>) {
        let jobs = self.shared.jobs();
        let targets = jobs.values().flat_map(|job| job.dropped().0).cloned().collect();
        (targets, jobs.iter().map(|(name, job)| (name.clone(), job.dropped().1)).collect())
    }

    /// The series of a plugin.
    pub(crate) fn budget(&self, plugin: &str) -> Arc<SeriesBudget> {
        self.shared.budget(plugin)
    }

    /// Stops all targets; returns when their last scrapes are stored.
    pub(crate) async fn stop(&self) {
        let jobs = std::mem::take(&mut *self.shared.jobs());
        let tasks: Vec<_> = jobs.into_values().flat_map(|job| job.stop(Stop::Process)).collect();
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a scrape loop ended badly");
            }
        }
    }
}

impl Shared {
    fn jobs(&self) -> MutexGuard<'_, BTreeMap<String, RunningJob>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn budget(&self, plugin: &str) -> Arc<SeriesBudget> {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(budgets.entry(plugin.to_owned()).or_default())
    }

    /// Takes what was discovered for a job, until the job is gone.
    async fn follow(self: Arc<Self>, name: String, mut changes: tokio::sync::watch::Receiver<()>) {
        let pool = Arc::downgrade(&self);
        drop(self);
        while changes.changed().await.is_ok() {
            let Some(shared) = pool.upgrade() else { return };
            let mut jobs = shared.jobs();
            let Some(job) = jobs.get_mut(&name).filter(|job| job.discovers()) else { return };
            let report = job.sync(&shared.parts, &shared.budget(job.plugin()));
            if report.started + report.stopped > 0 {
                tracing::info!(job = name, started = report.started, stopped = report.stopped, kept = report.kept, "targets changed");
            }
        }
    }
}

impl ApplyReport {
    fn add(&mut self, other: Self) {
        self.started += other.started;
        self.stopped += other.stopped;
        self.kept += other.kept;
    }
}
