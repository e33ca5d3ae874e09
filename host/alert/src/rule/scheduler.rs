//! When groups are evaluated: each on its own beat, spread over its interval, the same after a restart. What an evaluation does is
//! the group's matter.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cepmon_model::{SampleValue, TimestampMs, stale_nan};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::{Notify, Semaphore};
use xxhash_rust::xxh3::xxh3_64;

use crate::Alert;
use crate::rule::alerting::milliseconds;
use crate::rule::group::chain;
use crate::rule::memory;
use crate::rule::{Context, GroupConfig, GroupStatus, RuleGroup};

/// How many groups are evaluated at the same time: rules must not starve queries of people.
const MAX_CONCURRENT_EVALUATIONS: usize = 4;

/// Takes alerts in; the notifier does.
pub trait AlertSink: Debug + Send + Sync + 'static {
    /// Takes a report of alerts. Never blocks on a receiver.
    fn put_alerts(&self, alerts: Vec<Alert>);
}

/// Evaluates rule groups. Make one, `apply` groups, spawn `run`; `apply` again after a reload.
#[derive(Debug)]
pub struct Scheduler {
    context: Context,
    sink: Arc<dyn AlertSink>,
    slots: Mutex<Vec<Arc<Slot>>>,
    changed: Notify,
    permits: Arc<Semaphore>,
    evaluations: AtomicU64,
    missed: AtomicU64,
}

/// A group and the switch that ends its loop.
#[derive(Debug)]
struct Slot {
    key: String,
    /// `None` once a reload has taken it.
    group: Mutex<Option<RuleGroup>>,
    gone: Notify,
}

impl Scheduler {
    /// A scheduler without groups.
    pub fn new(context: Context, sink: Arc<dyn AlertSink>) -> Arc<Self> {
        Arc::new(Self {
            context,
            sink,
            slots: Mutex::default(),
            changed: Notify::new(),
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT_EVALUATIONS)),
            evaluations: AtomicU64::new(0),
            missed: AtomicU64::new(0),
        })
    }

    /// Makes these the groups. Groups and rules that were there before keep their alerts; series of what is gone end with a stale
    /// mark. Waits for an evaluation that is running, so it may block.
    pub fn apply(&self, groups: Vec<GroupConfig>) {
        let mut slots = lock(&self.slots);
        let mut old: HashMap<String, RuleGroup> = HashMap::new();
        for slot in slots.drain(..) {
            if let Some(group) = lock(&slot.group).take() {
                old.insert(slot.key.clone(), group);
            }
            slot.gone.notify_one();
        }
        let mut ended = Vec::new();
        let names: HashMap<String, HashSet<String>> =
            groups.iter().map(|config| (config.key(), config.rules.iter().map(|rule| rule.name().to_owned()).collect())).collect();
        for config in groups {
            let key = config.key();
            let group = match old.remove(&key) {
                Some(previous) => {
                    let (group, gone) = previous.replaced_by(config);
                    ended.extend(gone);
                    group
                }
                None => RuleGroup::new(config),
            };
            slots.push(Arc::new(Slot { key, group: Mutex::new(Some(group)), gone: Notify::new() }));
        }
        ended.extend(old.values().flat_map(RuleGroup::series).cloned());
        drop(slots);
        let now = self.context.clock.now();
        let marks: Vec<_> = ended.into_iter().map(|labels| (labels, now, SampleValue::Float(stale_nan()))).collect();
        if !marks.is_empty()
            && let Err(error) = self.context.record.append_samples(&marks)
        {
            tracing::warn!(series = marks.len(), error = %chain(&*error), "cannot end the series of removed rules");
        }
        let is_known = |group: &str, rule: Option<&str>| names.get(group).is_some_and(|rules| rule.is_none_or(|rule| rules.contains(rule)));
        if let Err(error) = memory::forget_others(&*self.context.record, is_known) {
            tracing::warn!(error = %chain(&*error), "cannot forget the alerts of removed rules");
        }
        self.changed.notify_one();
    }

    /// All groups with their rules and alerts.
    pub fn groups(&self) -> Vec<GroupStatus> {
        let slots = lock(&self.slots).clone();
        slots.iter().filter_map(|slot| lock(&slot.group).as_ref().map(RuleGroup::status)).collect()
    }

    /// Evaluations so far, and beats that were left out because the one before took too long.
    pub fn counts(&self) -> (u64, u64) {
        (self.evaluations.load(Ordering::Relaxed), self.missed.load(Ordering::Relaxed))
    }

    /// Evaluates until `shutdown` is ready. An evaluation that runs then is waited for.
    pub async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) {
        tokio::pin!(shutdown);
        let mut loops = FuturesUnordered::new();
        let mut running: Vec<Arc<Slot>> = Vec::new();
        loop {
            let slots = lock(&self.slots).clone();
            for slot in &slots {
                if !running.iter().any(|known| Arc::ptr_eq(known, slot)) {
                    loops.push(Arc::clone(&self).run_group(Arc::clone(slot)));
                }
            }
            running = slots;
            tokio::select! {
                () = &mut shutdown => return,
                () = self.changed.notified() => {}
                Some(()) = loops.next(), if !loops.is_empty() => {}
            }
        }
    }

    async fn run_group(self: Arc<Self>, slot: Arc<Slot>) {
        let clock = Arc::clone(&self.context.clock);
        let Some(interval) = lock(&slot.group).as_ref().map(|group| milliseconds(group.config().interval)) else { return };
        let mut beat = first_beat(&slot.key, interval, clock.now());
        loop {
            tokio::select! {
                () = slot.gone.notified() => return,
                () = clock.sleep_until(beat) => {}
            }
            let now = clock.now();
            if now < beat {
                // The sleep is over and the time is not: the clock was set back. Do not wait until it has caught up.
                if beat - now > interval {
                    beat = first_beat(&slot.key, interval, now);
                }
                continue;
            }
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return };
            let (scheduler, taken) = (Arc::clone(&self), Arc::clone(&slot));
            let evaluation = tokio::task::spawn_blocking(move || {
                let alerts = lock(&taken.group).as_mut().map(|group| group.evaluate(beat, &scheduler.context));
                drop(permit);
                alerts
            });
            match evaluation.await {
                Ok(Some(alerts)) => {
                    self.evaluations.fetch_add(1, Ordering::Relaxed);
                    self.sink.put_alerts(alerts);
                }
                Ok(None) => return,
                Err(error) => tracing::error!(group = %slot.key, %error, "the evaluation of a rule group crashed"),
            }
            let missed = (clock.now() - beat).max(0) / interval;
            self.missed.fetch_add(u64::try_from(missed).unwrap_or_default(), Ordering::Relaxed);
            beat += (missed + 1) * interval;
        }
    }
}

/// The first beat at or after `now`: every multiple of the interval, moved by a part of it that the group's key decides.
fn first_beat(key: &str, interval: i64, now: TimestampMs) -> TimestampMs {
    let offset = (xxh3_64(key.as_bytes()) % interval.unsigned_abs()) as i64;
    now + (offset - now).rem_euclid(interval)
}

/// A group that panicked half-way keeps what it has: its next evaluation starts from there.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_are_spread_and_stay_the_same_over_restarts() {
        let beat = first_beat("a.yml;web", 60_000, 1_000_000);
        assert!((1_000_000..1_060_000).contains(&beat));
        assert_eq!(first_beat("a.yml;web", 60_000, beat), beat);
        assert_eq!(first_beat("a.yml;web", 60_000, beat + 1), beat + 60_000);
        assert_ne!(first_beat("a.yml;db", 60_000, 1_000_000), beat);
    }
}
