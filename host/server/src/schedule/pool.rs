//! All targets of the running configuration. A reload is a difference: targets that did not change are not touched.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cepmon_model::Clock;
use cepmon_plugin::{PluginHost, PluginKind, TargetSpec};
use cepmon_storage::Storage;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::discovered::{discovered_labels, scrape_url};
use super::scrape_loop::{ScrapeLoop, Stop};
use super::target_status::{TargetHealth, TargetStatus};
use crate::config::{Job, PluginLimits, TargetConfig};
use crate::ingest::{IngestOptions, SeriesBudget};
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
    clock: Arc<dyn Clock>,
    storage: Arc<Storage>,
    plugins: Arc<PluginHost>,
    stats: Arc<ServerStats>,
    host_name: String,
    targets: Mutex<HashMap<TargetKey, RunningTarget>>,
    /// By plugin; what is counted in one outlives reloads.
    budgets: Mutex<BTreeMap<String, Arc<SeriesBudget>>>,
}

/// Two targets with the same key would do the same; a change of any part is another target.
type TargetKey = String;

#[derive(Debug)]
struct RunningTarget {
    stop: watch::Sender<Stop>,
    task: JoinHandle<()>,
    status: Arc<Mutex<TargetStatus>>,
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
        Self { clock, storage, plugins, stats, host_name, targets: Mutex::default(), budgets: Mutex::default() }
    }

    /// Scrapes these jobs' targets from now on and no others. `settings` are the jobs' settings as their plugins take them, in
    /// the order of the jobs. Must be called within a tokio runtime.
    pub(crate) fn apply(&self, jobs: &[Job], settings: &[Arc<str>], limits: &BTreeMap<String, PluginLimits>) -> ApplyReport {
        for job in jobs {
            self.budget(&job.plugin).set_limit(limits.get(&job.plugin).and_then(|limits| limits.series));
        }
        let mut wanted = HashMap::new();
        for (job, settings) in jobs.iter().zip(settings) {
            for target in &job.targets {
                wanted.insert(target_key(job, settings, target), (job, settings, target));
            }
        }
        let mut report = ApplyReport::default();
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.retain(|key, target| {
            let is_kept = wanted.remove(key).is_some();
            if is_kept {
                report.kept += 1;
            } else {
                report.stopped += 1;
                target.stop.send_replace(Stop::TargetGone);
            }
            is_kept
        });
        for (key, (job, settings, target)) in wanted {
            report.started += 1;
            targets.insert(key, self.start(job, settings, target));
        }
        report
    }

    /// Every target and its last scrape, by job and instance.
    pub(crate) fn targets(&self) -> Vec<TargetStatus> {
        let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let status = |target: &RunningTarget| target.status.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all: Vec<_> = targets.values().map(status).collect();
        all.sort_by(|a, b| (&a.job, &a.instance).cmp(&(&b.job, &b.instance)));
        all
    }

    /// The series of a plugin.
    pub(crate) fn budget(&self, plugin: &str) -> Arc<SeriesBudget> {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(budgets.entry(plugin.to_owned()).or_default())
    }

    /// Stops all targets; returns when their last scrapes are stored.
    pub(crate) async fn stop(&self) {
        let targets = std::mem::take(&mut *self.targets.lock().unwrap_or_else(PoisonError::into_inner));
        for target in targets.values() {
            target.stop.send_replace(Stop::Process);
        }
        for target in targets.into_values() {
            if let Err(error) = target.task.await {
                tracing::error!(%error, "a scrape loop ended badly");
            }
        }
    }

    fn start(&self, job: &Job, settings: &Arc<str>, target: &TargetConfig) -> RunningTarget {
        let mut labels = target.labels.to_builder();
        let instance = match labels.get("instance") {
            Some(instance) => instance.to_owned(),
            None if target.address.is_empty() => self.host_name.clone(),
            None => target.address.clone(),
        };
        labels.set("instance", &instance).set("job", &job.name);
        let labels = labels.build();
        let status = Arc::new(Mutex::new(TargetStatus {
            job: job.name.clone(),
            instance,
            address: target.address.clone(),
            plugin: job.plugin.clone(),
            labels: labels.clone(),
            discovered_labels: discovered_labels(job, target),
            scrape_url: scrape_url(job, &target.address),
            interval: job.interval,
            timeout: job.timeout,
            health: TargetHealth::Unknown,
            last_error: None,
            last_scrape: None,
            last_duration: Duration::ZERO,
            samples: 0,
            dropped_samples: 0,
            scrapes_total: 0,
            failed_scrapes_total: 0,
            missed_scrapes_total: 0,
        }));
        let scrape_loop = ScrapeLoop {
            clock: Arc::clone(&self.clock),
            storage: Arc::clone(&self.storage),
            plugins: Arc::clone(&self.plugins),
            stats: Arc::clone(&self.stats),
            kind: self.plugins.kind(&job.plugin).unwrap_or(PluginKind::Exporter),
            target: TargetSpec {
                address: target.address.clone(),
                parameters: job.parameters.clone(),
                settings: Arc::clone(settings),
                is_static: true,
            },
            offset: spread(&labels, job.interval),
            ingest: IngestOptions {
                labels,
                honor_labels: job.honor_labels,
                honor_timestamps: job.honor_timestamps,
                sample_limit: job.sample_limit,
            },
            budget: self.budget(&job.plugin),
            status: Arc::clone(&status),
        };
        let (stop, stopped) = watch::channel(Stop::Run);
        RunningTarget { stop, task: tokio::spawn(scrape_loop.run(stopped)), status }
    }
}

fn target_key(job: &Job, settings: &str, target: &TargetConfig) -> TargetKey {
    let options = (job.interval, job.timeout, job.honor_labels, job.honor_timestamps, job.sample_limit);
    format!("{}\0{}\0{settings}\0{}\0{}\0{:?}\0{options:?}", job.name, job.plugin, target.address, target.labels, job.parameters)
}

/// A place within the interval that depends on the target alone, so that restarts and reloads do not move it.
fn spread(labels: &cepmon_model::LabelSet, interval: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    labels.hash(&mut hasher);
    let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(hasher.finish() % interval_ms)
}
