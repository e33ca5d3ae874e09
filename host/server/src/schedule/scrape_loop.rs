//! One target's life: wait, call, commit, until it is told to stop. Then its series end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cepmon_model::{Clock, FailureKind, SampleBatch, TimestampMs};
use cepmon_plugin::{CallError, PluginHost, PluginKind, TargetSpec};
use cepmon_storage::{Cell, PROBES, SCRAPES, Storage};
use tokio::sync::watch;

use super::target_status::{TargetHealth, TargetStatus};
use crate::chain::chain;
use crate::ingest::{Committed, IngestError, IngestOptions, Scraped, SeriesBudget, TargetSeries};
use crate::web::ServerStats;

/// Everything that one target's task needs.
#[derive(Debug)]
pub(super) struct ScrapeLoop {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) storage: Arc<Storage>,
    pub(super) plugins: Arc<PluginHost>,
    pub(super) stats: Arc<ServerStats>,
    pub(super) kind: PluginKind,
    pub(super) target: TargetSpec,
    pub(super) ingest: IngestOptions,
    pub(super) budget: Arc<SeriesBudget>,
    /// Start of the first scrape within the interval, the same at every start of the process.
    pub(super) offset: Duration,
    pub(super) status: Arc<Mutex<TargetStatus>>,
}

/// What a call gave, whatever kind of plugin it was.
struct Answer {
    samples: SampleBatch,
    /// Of a probe: whether the target counts as up, and why.
    verdict: Option<(bool, String)>,
}

impl ScrapeLoop {
    /// Scrapes until `stop` is set or its sender is gone. `ends_series` says whether the target is gone for good.
    pub(super) async fn run(self, mut stop: watch::Receiver<Stop>) {
        let (interval, timeout) = self.with_status(|status| (status.interval, status.timeout));
        let interval_ms = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let mut series = TargetSeries::new(self.ingest.clone(), Arc::clone(&self.budget));
        let mut next = next_start(self.clock.now(), interval_ms, self.offset);
        loop {
            tokio::select! {
                () = self.clock.sleep_until(next) => {}
                _ = stop.wait_for(|stop| *stop != Stop::Run) => break,
            }
            self.scrape(&mut series, next, timeout).await;
            let now = self.clock.now();
            let following = next_start(now, interval_ms, self.offset);
            let missed = (following - next) / interval_ms - 1;
            if missed > 0 {
                self.stats.scrapes_skipped.add(missed.unsigned_abs());
                self.with_status(|status| status.missed_scrapes_total += missed.unsigned_abs());
            }
            next = following;
        }
        if *stop.borrow() == Stop::TargetGone
            && let Err(error) = series.end(&self.storage, self.clock.now())
        {
            tracing::warn!(address = self.target.address, error = chain(&error), "cannot mark the series of a removed target as stale");
        }
    }

    async fn scrape(&self, series: &mut TargetSeries, at: TimestampMs, timeout: Duration) {
        let started = Instant::now();
        let called = match self.with_status(|status| status.refusal.clone()) {
            Some(refusal) => Err((FailureKind::Denied, refusal)),
            None => self.call(timeout).await.map_err(|error| (error.kind, error.to_string())),
        };
        let duration = started.elapsed();
        // Decoding, the append and its write(2) take well under a millisecond for a usual target, but may wait for a disk.
        tokio::task::block_in_place(|| self.commit(series, at, duration, called));
    }

    async fn call(&self, timeout: Duration) -> Result<Answer, CallError> {
        let plugin = self.with_status(|status| status.plugin.clone());
        match self.kind {
            PluginKind::Probe => {
                let verdict = self.plugins.probe(&plugin, &self.target, timeout).await?;
                Ok(Answer { samples: verdict.samples, verdict: Some((verdict.is_up, verdict.detail)) })
            }
            _ => Ok(Answer { samples: self.plugins.collect(&plugin, &self.target, timeout).await?, verdict: None }),
        }
    }

    fn commit(&self, series: &mut TargetSeries, at: TimestampMs, duration: Duration, called: Result<Answer, (FailureKind, String)>) {
        let (answer, mut failure) = match called {
            Ok(answer) => (Some(answer), None),
            Err(failure) => (None, Some(failure)),
        };
        let batch = answer.as_ref().map(|answer| &answer.samples);
        let mut committed = series.commit(&self.storage, &Scraped { at, duration, batch });
        if let Err(error @ (IngestError::SeriesText { .. } | IngestError::Labels { .. } | IngestError::SampleLimit { .. })) = &committed {
            failure = Some((FailureKind::Output, error.to_string()));
            committed = series.commit(&self.storage, &Scraped { at, duration, batch: None });
        }
        let storage_error = committed.as_ref().err().map(|error| format!("cannot store the scrape: {}", chain(error)));
        let committed = committed.unwrap_or_default();
        let verdict = answer.as_ref().and_then(|answer| answer.verdict.as_ref());
        let found_down = verdict.filter(|(is_up, _)| !is_up).map(|(_, detail)| detail);
        self.report(&committed, answer.as_ref(), &failure, found_down, storage_error.as_ref());
        let outcome = failure.as_ref().map_or("ok", |(kind, _)| kind.as_str());
        let error = failure.as_ref().map(|(_, message)| message).or(storage_error.as_ref());
        self.record(at, duration, committed.samples, outcome, error, verdict);
        self.stats.scrapes.inc();
        self.stats.scrape_failures.add(u64::from(failure.is_some()));
        self.stats.scraped_samples.add(committed.samples as u64);
        self.stats.count_exemplars(committed.exemplars);
        self.stats.refused_samples.add((committed.outcome.conflicts + committed.outcome.too_old) as u64);
        let error = failure.map(|(_, message)| message).or(storage_error);
        let is_failed = error.is_some();
        // `up` says that the probe worked; people want to know whether the target does.
        let error = error.or(found_down.cloned());
        self.with_status(|status| {
            status.health = if error.is_none() { TargetHealth::Up } else { TargetHealth::Down };
            status.scrapes_total += 1;
            status.failed_scrapes_total += u64::from(is_failed);
            status.last_error = error;
            status.last_scrape = Some(at);
            status.last_duration = duration;
            status.samples = committed.samples;
            status.dropped_samples = committed.dropped_samples;
        });
    }

    /// Log lines: a change of health once, not every scrape of a target that stays down.
    fn report(
        &self,
        committed: &Committed,
        answer: Option<&Answer>,
        failure: &Option<(FailureKind, String)>,
        found_down: Option<&String>,
        storage_error: Option<&String>,
    ) {
        let (job, instance, was_down) =
            self.with_status(|status| (status.job.clone(), status.instance.clone(), status.health == TargetHealth::Down));
        match (failure, found_down) {
            (Some((kind, error)), _) if !was_down => tracing::warn!(job, instance, kind = kind.as_str(), %error, "scrape failed"),
            (None, Some(detail)) if !was_down => tracing::warn!(job, instance, %detail, "the probe found its target down"),
            (None, None) if was_down && storage_error.is_none() => tracing::info!(job, instance, "target is up again"),
            _ => {}
        }
        if let Some(error) = storage_error {
            tracing::error!(job, instance, %error, "samples were not stored");
        }
        let warnings = answer.map(|answer| answer.samples.warnings.clone()).unwrap_or_default();
        let before = self.with_status(|status| std::mem::replace(&mut status.warnings, warnings.clone()));
        for warning in warnings.iter().filter(|warning| !before.contains(warning)) {
            tracing::warn!(job, instance, %warning, "warning of the plugin");
        }
        let (plugin, was_dropping) = self.with_status(|status| (status.plugin.clone(), status.dropped_samples > 0));
        if committed.dropped_samples > 0 && !was_dropping {
            tracing::warn!(
                job,
                instance,
                dropped = committed.dropped_samples,
                "plugin \"{plugin}\" is over its budget of series, new ones are dropped; raise plugins.limits.{plugin}.series or have it give fewer"
            );
        }
        let outcome = &committed.outcome;
        if outcome.conflicts + outcome.too_old > 0 {
            tracing::warn!(job, instance, conflicts = outcome.conflicts, too_old = outcome.too_old, "samples were refused");
        }
    }

    /// The scrape as a row, so that it can be asked for with SQL. A good scrape whose samples could not be stored has an error, too.
    fn record(
        &self,
        at: TimestampMs,
        duration: Duration,
        samples: usize,
        outcome: &str,
        error: Option<&String>,
        verdict: Option<&(bool, String)>,
    ) {
        let (job, instance, plugin) = self.with_status(|status| (status.job.clone(), status.instance.clone(), status.plugin.clone()));
        let seconds = Cell::Float(duration.as_secs_f64());
        let error = error.map_or(Cell::Null, |message| Cell::Text(message.clone()));
        let target = [Cell::Time(at), Cell::Text(job), Cell::Text(instance), Cell::Text(plugin)];
        let mut row = target.to_vec();
        row.extend([Cell::Text(outcome.to_owned()), seconds.clone(), Cell::Int(samples as i64), error.clone()]);
        let mut appended = self.storage.append_rows(&SCRAPES, &[row]);
        if self.kind == PluginKind::Probe && appended.is_ok() {
            let (outcome, error) = match verdict {
                Some((true, _)) => ("up", Cell::Null),
                Some((false, detail)) => ("down", Cell::Text(detail.clone())),
                None => (outcome, error),
            };
            let mut row = target.to_vec();
            row.extend([Cell::Text(outcome.to_owned()), seconds, Cell::Null, error]);
            appended = self.storage.append_rows(&PROBES, &[row]);
        }
        if let Err(error) = appended {
            tracing::error!(error = chain(&error), "cannot record a scrape");
        }
    }

    fn with_status<T>(&self, f: impl FnOnce(&mut TargetStatus) -> T) -> T {
        f(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a target's task is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Go on.
    Run,
    /// The process ends; the series will go on after the next start.
    Process,
    /// The target has left the configuration; its series end now.
    TargetGone,
}

/// The first time after `now` that is a multiple of the interval plus the offset.
fn next_start(now: TimestampMs, interval_ms: i64, offset: Duration) -> TimestampMs {
    let offset = i64::try_from(offset.as_millis()).unwrap_or(0) % interval_ms;
    let start = (now - offset).div_euclid(interval_ms) * interval_ms + offset;
    if start > now { start } else { start + interval_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_lie_on_a_grid_that_restarts_do_not_move() {
        let f = |now, want| assert_eq!(next_start(now, 1_000, Duration::from_millis(300)), want);
        f(0, 300);
        f(299, 300);
        f(300, 1_300);
        f(1_299, 1_300);
        f(-1_000, -700);
    }
}
