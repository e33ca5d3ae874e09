//! One job that runs: where its targets come from, which of them are scraped, which were dropped. A change of its targets touches those
//! that changed and no others.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cepmon_model::LabelSet;
use cepmon_plugin::{PluginKind, TargetSpec};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::pool::{ApplyReport, Parts};
use super::scrape_loop::{ScrapeLoop, Stop};
use super::target_status::{DroppedTarget, TargetHealth, TargetStatus};
use crate::config::Job;
use crate::ingest::{IngestOptions, SeriesBudget};
use crate::target::discovery::Discoverer;
use crate::target::{Resolved, Target, TargetGroup, resolve};

/// Two targets with the same key would do the same; a change of any part is another target.
type TargetKey = String;

#[derive(Debug)]
pub(super) struct RunningJob {
    job: Arc<Job>,
    settings: Arc<str>,
    discoverers: Vec<Discoverer>,
    changed: watch::Sender<()>,
    targets: HashMap<TargetKey, RunningTarget>,
    dropped: Vec<DroppedTarget>,
    dropped_count: usize,
}

#[derive(Debug)]
pub(super) struct RunningTarget {
    stop: watch::Sender<Stop>,
    task: JoinHandle<()>,
    status: Arc<Mutex<TargetStatus>>,
}

impl RunningJob {
    /// A job without targets yet.
    pub(super) fn new(job: Arc<Job>, settings: Arc<str>) -> Self {
        Self {
            job,
            settings,
            discoverers: Vec::new(),
            changed: watch::channel(()).0,
            targets: HashMap::new(),
            dropped: Vec::new(),
            dropped_count: 0,
        }
    }

    /// Takes a new configuration. Places that were asked before are asked on, with what they gave.
    pub(super) fn reconfigure(&mut self, job: Arc<Job>, settings: Arc<str>, parts: &Parts) {
        let mut before = std::mem::take(&mut self.discoverers);
        for config in &job.discoveries {
            let known = before.iter().position(|discoverer| discoverer.config() == config);
            self.discoverers.push(match known {
                Some(index) => before.swap_remove(index),
                None => Discoverer::start(config.clone(), Arc::clone(&parts.clock), Arc::clone(&parts.plugins), self.changed.clone()),
            });
        }
        (self.job, self.settings) = (job, settings);
    }

    pub(super) fn plugin(&self) -> &str {
        &self.job.plugin
    }

    /// Told each time targets were discovered.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Whether it can ever have other targets than now.
    pub(super) fn discovers(&self) -> bool {
        !self.discoverers.is_empty()
    }

    /// Scrapes the targets that there are now and no others.
    pub(super) fn sync(&mut self, parts: &Parts, budget: &Arc<SeriesBudget>) -> ApplyReport {
        let mut wanted = self.resolve_all();
        let limit = self.job.limits.targets;
        let count = wanted.len();
        let refusal = (limit > 0 && count as u64 > limit).then(|| format!("the job has {count} targets; target_limit is {limit}"));
        let mut report = ApplyReport::default();
        self.targets.retain(|key, target| {
            let is_kept = wanted.remove(key).is_some();
            if is_kept {
                report.kept += 1;
                target.status.lock().unwrap_or_else(PoisonError::into_inner).refusal.clone_from(&refusal);
            } else {
                report.stopped += 1;
                target.stop.send_replace(Stop::TargetGone);
            }
            is_kept
        });
        for (key, target) in wanted {
            report.started += 1;
            let started = self.start(target, refusal.clone(), parts, budget);
            self.targets.insert(key, started);
        }
        report
    }

    /// Tells all targets to stop and gives them away.
    pub(super) fn stop(self, reason: Stop) -> impl Iterator<Item = JoinHandle<()>> {
        self.targets.into_values().map(move |target| {
            target.stop.send_replace(reason);
            target.task
        })
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = TargetStatus> {
        self.targets.values().map(|target| target.status.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    #[allow(dead_code, reason = "the targets API is being built on it")]
    pub(super) fn dropped(&self) -> (&[DroppedTarget], usize) {
        (&self.dropped, self.dropped_count)
    }

    fn resolve_all(&mut self) -> BTreeMap<TargetKey, Target> {
        let job = Arc::clone(&self.job);
        let of_this_host = TargetGroup { targets: vec![LabelSet::default()], ..TargetGroup::default() };
        let own = job.groups.iter().chain(job.is_of_this_host.then_some(&of_this_host)).flat_map(|group| resolve(&job, group, true));
        let found = self.discoverers.iter().flat_map(Discoverer::groups);
        let found: Vec<Resolved> = own.chain(found.flat_map(|group| resolve(&job, &group, false))).collect();
        self.dropped.clear();
        self.dropped_count = 0;
        let mut wanted = BTreeMap::new();
        for resolved in found {
            match resolved {
                Resolved::Target(target) => drop(wanted.insert(target_key(&job, &self.settings, &target), *target)),
                Resolved::Dropped { discovered } => {
                    self.dropped_count += 1;
                    let limit = job.limits.dropped_targets;
                    if limit == 0 || (self.dropped.len() as u64) < limit {
                        self.dropped.push(DroppedTarget { scrape_pool: job.name.clone(), discovered_labels: discovered });
                    }
                }
                Resolved::Invalid { discovered, problem } => {
                    tracing::warn!(job = job.name, target = %discovered, problem, "a target cannot be scraped");
                }
            }
        }
        wanted
    }

    fn start(&self, target: Target, refusal: Option<String>, parts: &Parts, budget: &Arc<SeriesBudget>) -> RunningTarget {
        let job = &self.job;
        let mut labels = target.labels;
        if labels.get("instance").is_none() {
            labels = labels.to_builder().set("instance", &parts.host_name).build();
        }
        let label = |name: &str| labels.get(name).unwrap_or_default().to_owned();
        let status = Arc::new(Mutex::new(TargetStatus {
            scrape_pool: job.name.clone(),
            job: label("job"),
            instance: label("instance"),
            address: target.address.clone(),
            plugin: job.plugin.clone(),
            scrape_url: target.url.clone().unwrap_or_else(|| format!("plugin://{}/{}", job.plugin, target.address)),
            labels: labels.clone(),
            discovered_labels: target.discovered,
            refusal,
            interval: target.interval,
            timeout: target.timeout,
            health: TargetHealth::Unknown,
            last_error: None,
            warnings: Vec::new(),
            last_scrape: None,
            last_duration: Duration::ZERO,
            samples: 0,
            dropped_samples: 0,
            scrapes_total: 0,
            failed_scrapes_total: 0,
            missed_scrapes_total: 0,
        }));
        let scrape_loop = ScrapeLoop {
            clock: Arc::clone(&parts.clock),
            storage: Arc::clone(&parts.storage),
            plugins: Arc::clone(&parts.plugins),
            stats: Arc::clone(&parts.stats),
            kind: parts.plugins.kind(&job.plugin).unwrap_or(PluginKind::Exporter),
            target: TargetSpec {
                address: target.url.unwrap_or(target.address),
                parameters: target.parameters,
                settings: Arc::clone(&self.settings),
                is_static: target.is_static,
                http: Some(Arc::clone(&job.http)),
            },
            offset: spread(&labels, target.interval),
            ingest: IngestOptions {
                labels,
                honor_labels: job.honor_labels,
                honor_timestamps: job.honor_timestamps,
                ends_timed_series: job.ends_timed_series,
                rules: Arc::clone(&job.metric_relabel),
                names: job.names,
                limits: job.limits,
                extra_timeout: job.has_extra_metrics.then_some(target.timeout),
            },
            budget: Arc::clone(budget),
            status: Arc::clone(&status),
        };
        let (stop, stopped) = watch::channel(Stop::Run);
        RunningTarget { stop, task: tokio::spawn(scrape_loop.run(stopped)), status }
    }
}

fn target_key(job: &Job, settings: &str, target: &Target) -> TargetKey {
    let options = (job.honor_labels, job.honor_timestamps, job.ends_timed_series, job.has_extra_metrics, job.limits, job.names);
    // Secrets print as nothing, but a changed one makes another target.
    let mut http = DefaultHasher::new();
    job.http.hash(&mut http);
    let http = http.finish();
    let rules: Vec<_> = job.metric_relabel.iter().map(|rule| rule.entry()).collect();
    // Two that were discovered apart and have become one are one.
    let Target { address, url, labels, discovered: _, parameters, interval, timeout, is_static } = target;
    let asked = (address, url, labels, parameters, interval, timeout, is_static);
    format!("{}\0{settings}\0{http}\0{options:?}\0{rules:?}\0{asked:?}", job.plugin)
}

/// A place within the interval that depends on the target alone, so that restarts and reloads do not move it.
fn spread(labels: &LabelSet, interval: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    labels.hash(&mut hasher);
    let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(hasher.finish() % interval_ms)
}
