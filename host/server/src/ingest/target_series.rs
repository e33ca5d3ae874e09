//! One target's series: commits a scrape as one batch, adds what the host says of it (`up`, `scrape_*`), marks series that
//! ended as stale.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cepmon_model::{
    Family, LabelSet, METRIC_NAME, MetricKind, MetricMetadata, NameScheme, RelabelRule, SampleBatch, SeriesTextError, TimestampMs,
    is_label_name, is_metric_name, parse_series_text, relabel, stale_nan,
};
use cepmon_storage::{AppendOutcome, SeriesRef, Storage};

use super::exemplar::{ExemplarCounts, Shown, ShownExemplars};
use super::namespace::attach;
use super::series_budget::SeriesBudget;
use super::series_cache::{DROPPED, Entry, EntryIndex, SeriesCache};
use crate::config::JobLimits;

/// How a target's samples are taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IngestOptions {
    /// Labels of the target: `job`, `instance` and those of the configuration.
    pub labels: LabelSet,
    /// Keep the target's own labels.
    pub honor_labels: bool,
    /// Keep the target's own timestamps.
    pub honor_timestamps: bool,
    /// Mark series with times of their own as stale, too, when they end.
    pub ends_timed_series: bool,
    /// Rules for series, applied when a series is seen for the first time.
    pub rules: Arc<[RelabelRule]>,
    /// Which names metrics and labels may have.
    pub names: NameScheme,
    /// Bounds of samples and labels; beyond them the scrape fails.
    pub limits: JobLimits,
    /// The time that a scrape may take, when it is to be stored with some other facts.
    pub extra_timeout: Option<Duration>,
}

/// What a scrape brought.
#[derive(Debug)]
pub(crate) struct Scraped<'a> {
    /// When it started; the time of its samples.
    pub at: TimestampMs,
    /// How long it took.
    pub duration: Duration,
    /// Its samples, or nothing if it failed.
    pub batch: Option<&'a SampleBatch>,
}

/// What was committed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Committed {
    /// Samples that the target gave.
    pub samples: usize,
    /// Samples that rules and the plugin's budget left.
    pub kept_samples: usize,
    /// Samples of new series that found no place in the plugin's budget.
    pub dropped_samples: usize,
    /// Series that the last scrape did not have.
    pub added_series: usize,
    /// What storage said of the target's samples.
    pub outcome: AppendOutcome,
    /// What became of its exemplars that are new.
    pub exemplars: ExemplarCounts,
}

/// Why a scrape's samples were not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IngestError {
    /// The target's answer is at fault; the scrape counts as failed.
    #[error("series \"{series}\": {source}")]
    SeriesText {
        /// The text, cut to a readable length.
        series: String,
        /// What is wrong with it.
        source: SeriesTextError,
    },
    /// A series has labels that cannot be stored or that the job does not allow; the scrape counts as failed.
    #[error("series \"{series}\": {problem}")]
    Labels {
        /// Its text, cut to a readable length.
        series: String,
        /// What is wrong with it.
        problem: String,
    },
    /// More samples than the job allows; the scrape counts as failed.
    #[error("the target gave more than {limit} samples after relabelling; sample_limit is {limit}")]
    SampleLimit {
        /// How many the job allows.
        limit: u64,
    },
    /// Storage did not take them; nothing of the scrape is stored.
    #[error(transparent)]
    Storage(#[from] cepmon_storage::Error),
}

/// Metrics that the host adds to every scrape (Prometheus 2.48), with their help texts.
const REPORTS: [(&str, &str); 8] = [
    ("up", "Whether the last scrape succeeded."),
    ("scrape_duration_seconds", "How long the scrape took."),
    ("scrape_samples_scraped", "Samples that the target gave."),
    ("scrape_samples_post_metric_relabeling", "Samples left after relabelling."),
    ("scrape_series_added", "Series that the last scrape did not have."),
    ("scrape_timeout_seconds", "Time that a scrape may take."),
    ("scrape_sample_limit", "Samples that a scrape may give; 0 = no limit."),
    ("scrape_body_size_bytes", "Size of the last body after decompression; 0 = the scrape failed."),
];
/// So many of them are always there; the others come with `extra_scrape_metrics`.
const USUAL_REPORTS: usize = 5;

/// What is remembered of a target between two scrapes.
#[derive(Debug)]
pub(crate) struct TargetSeries {
    options: IngestOptions,
    budget: Arc<SeriesBudget>,
    /// Places of the budget that this target holds: the series of its last scrape.
    living: u64,
    cache: SeriesCache,
    /// What the host says of it; empty before the first scrape.
    reports: Vec<SeriesRef>,
    /// Counts scrapes; entries remember the last that saw them.
    scrape: u64,
    /// The scrape whose series are alive: the last one, 0 if that failed.
    alive: u64,
    /// Reused from scrape to scrape.
    appends: Vec<(SeriesRef, TimestampMs, f64)>,
    indexes: Vec<EntryIndex>,
    /// Exemplars of the samples in `appends`.
    shown: Vec<Shown>,
    shown_before: ShownExemplars,
}

impl TargetSeries {
    /// A target that was never scraped.
    pub(crate) fn new(options: IngestOptions, budget: Arc<SeriesBudget>) -> Self {
        Self {
            options,
            budget,
            living: 0,
            cache: SeriesCache::default(),
            reports: Vec::new(),
            scrape: 0,
            alive: 0,
            appends: Vec::new(),
            indexes: Vec::new(),
            shown: Vec::new(),
            shown_before: ShownExemplars::default(),
        }
    }

    /// Stores a scrape's samples, stale marks and reports in one append, then its exemplars; when it returns they survive `kill -9`. On a
    /// `SeriesText`, `Labels` or `SampleLimit` error nothing is stored: commit again without a batch, as a failed scrape.
    pub(crate) fn commit(&mut self, storage: &Storage, scraped: &Scraped<'_>) -> Result<Committed, IngestError> {
        let mut committed = Committed::default();
        self.appends.clear();
        self.indexes.clear();
        self.shown.clear();
        self.scrape += 1;
        if let Some(batch) = scraped.batch {
            committed.samples = batch.len();
            committed.added_series = self.add_batch(storage, batch, scraped.at, &mut committed.dropped_samples)?;
            committed.kept_samples = self.appends.len();
        } else {
            self.hold(0);
        }
        let samples = self.appends.len();
        let alive = self.alive;
        let ended = self.cache.entries().iter().filter(|entry| is_living(entry, alive));
        self.appends.extend(ended.map(|entry| (entry.series, scraped.at, stale_nan())));
        self.add_reports(storage, scraped, &committed)?;
        let outcome = storage.append(&self.appends)?;
        committed.outcome = self.append_unknown(storage, scraped, outcome, samples)?;
        self.budget.count_stored(committed.outcome.appended as u64);
        self.alive = if scraped.batch.is_some() { self.scrape } else { 0 };
        self.cache.forget_before(self.scrape.saturating_sub(1));
        if let Some(batch) = scraped.batch {
            committed.exemplars = self.append_exemplars(storage, batch, scraped.at)?;
        }
        Ok(committed)
    }

    /// Ends all series of a target that is no longer scraped.
    pub(crate) fn end(&mut self, storage: &Storage, at: TimestampMs) -> Result<(), cepmon_storage::Error> {
        let alive = self.alive;
        let living = self.cache.entries().iter().filter(|entry| is_living(entry, alive));
        let mut marks: Vec<_> = living.map(|entry| entry.series).collect();
        marks.append(&mut self.reports);
        let marks: Vec<_> = marks.into_iter().map(|series| (series, at, stale_nan())).collect();
        storage.append(&marks).map(drop)
    }

    fn append_exemplars(&mut self, storage: &Storage, batch: &SampleBatch, at: TimestampMs) -> Result<ExemplarCounts, IngestError> {
        let options = &self.options;
        let series = |text: &[u8]| series_labels(options, text).ok().flatten();
        let (new, counts) = self.shown_before.choose_new(batch, &self.shown, |time| is_plausible(time, at), series);
        storage.append_exemplars(&new)?;
        Ok(counts)
    }

    fn add_batch(
        &mut self,
        storage: &Storage,
        batch: &SampleBatch,
        at: TimestampMs,
        over_budget: &mut usize,
    ) -> Result<usize, IngestError> {
        let limit = self.options.limits.samples;
        // Without rules it is known at once, and no series has to be made.
        if limit > 0 && self.options.rules.is_empty() && batch.len() as u64 > limit {
            return Err(IngestError::SampleLimit { limit });
        }
        self.cache.start();
        let mut families = batch.families.iter();
        let mut family = families.next();
        let mut left_in_family = family.map_or(0, |family| family.samples);
        let mut stale = batch.stale.iter().peekable();
        // No more of them than samples: a histogram has one for each bucket at most.
        let mut exemplars = batch.exemplars.iter().take(batch.len()).enumerate().peekable();
        for (sample, value) in batch.values.iter().enumerate() {
            while left_in_family == 0 && family.is_some() {
                family = families.next();
                left_in_family = family.map_or(0, |family| family.samples);
            }
            left_in_family = left_in_family.saturating_sub(1);
            let text = batch.series_text(sample);
            let is_stale = stale.next_if(|index| **index as usize == sample).is_some();
            let known = self.cache.find(text);
            if let Some(index) = known
                && self.cache.entry(index).series == DROPPED
            {
                self.cache.entry(index).seen = self.scrape;
                continue;
            }
            let was_alive = known.is_some_and(|index| self.alive > 0 && self.cache.entry(index).seen == self.alive);
            if !was_alive {
                if !self.budget.take() {
                    *over_budget += 1;
                    continue;
                }
                self.living += 1;
            }
            let index = match known {
                Some(index) => index,
                None => {
                    let metadata = family.map_or_else(MetricMetadata::default, |family| metadata_of(batch, family));
                    let Some(series) = register(storage, &self.options, text, &metadata)? else {
                        let index = self.cache.insert(text, DROPPED);
                        self.cache.entry(index).seen = self.scrape;
                        self.living -= 1;
                        self.budget.give_back(1);
                        continue;
                    };
                    self.cache.insert(text, series)
                }
            };
            if limit > 0 && self.appends.len() as u64 >= limit {
                return Err(IngestError::SampleLimit { limit });
            }
            let own_time = batch.timestamps.get(sample).copied().filter(|time| self.options.honor_timestamps && *time != i64::MIN);
            let entry = self.cache.entry(index);
            entry.has_own_times = own_time.is_some() && !self.options.ends_timed_series;
            // Storage counts a sample at this time as too old, and stores nothing.
            let time = own_time.map_or(at, |time| if is_plausible(time, at) { time } else { i64::MIN });
            self.appends.push((entry.series, time, if is_stale { stale_nan() } else { *value }));
            self.indexes.push(index);
            while exemplars.next_if(|(_, exemplar)| (exemplar.sample as usize) < sample).is_some() {}
            while let Some((index, _)) = exemplars.next_if(|(_, exemplar)| exemplar.sample as usize == sample) {
                self.shown.push(Shown { index, sample_time: time });
            }
        }
        // Only now, so that a series text that cannot be read leaves the memory of the last scrape as it was.
        let (mut added, mut living) = (0, 0);
        for index in &self.indexes {
            let entry = self.cache.entry(*index);
            added += usize::from(entry.seen != self.alive && entry.seen != self.scrape || entry.seen == 0);
            living += u64::from(entry.seen != self.scrape);
            entry.seen = self.scrape;
        }
        self.hold(living);
        self.cache.finish();
        Ok(added)
    }

    /// Gives back the places of the budget beyond that many.
    fn hold(&mut self, living: u64) {
        self.budget.give_back(self.living - living);
        self.living = living;
    }

    fn add_reports(&mut self, storage: &Storage, scraped: &Scraped<'_>, committed: &Committed) -> Result<(), cepmon_storage::Error> {
        if self.reports.is_empty() {
            self.reports = register_reports(storage, &self.options)?;
        }
        let is_up = if scraped.batch.is_some() { 1.0 } else { 0.0 };
        let values = [
            is_up,
            scraped.duration.as_secs_f64(),
            committed.samples as f64,
            committed.kept_samples as f64,
            committed.added_series as f64,
            self.options.extra_timeout.unwrap_or_default().as_secs_f64(),
            self.options.limits.samples as f64,
            scraped.batch.map_or(0.0, |batch| batch.text.len() as f64),
        ];
        self.appends.extend(self.reports.iter().zip(values).map(|(series, value)| (*series, scraped.at, value)));
        Ok(())
    }

    /// Series leave the head when they end or when nothing came for long; what comes back then is registered again.
    fn append_unknown(
        &mut self,
        storage: &Storage,
        scraped: &Scraped<'_>,
        mut outcome: AppendOutcome,
        samples: usize,
    ) -> Result<AppendOutcome, IngestError> {
        if outcome.unknown.is_empty() {
            return Ok(outcome);
        }
        let metadata = scraped.batch.map(metadata_by_text).unwrap_or_default();
        let mut again = Vec::with_capacity(outcome.unknown.len());
        for position in std::mem::take(&mut outcome.unknown) {
            let (_, at, value) = self.appends[position];
            if position < samples {
                let text = self.cache.text(self.indexes[position]);
                let metadata = metadata.get(text).cloned().unwrap_or_default();
                let Some(series) = register(storage, &self.options, text, &metadata)? else { continue };
                self.cache.entry(self.indexes[position]).series = series;
                again.push((series, at, value));
            } else if position >= self.appends.len() - self.reports.len() {
                self.reports = register_reports(storage, &self.options)?;
                again.push((self.reports[position + self.reports.len() - self.appends.len()], at, value));
            }
            // Otherwise it is a stale mark of a series that has left: it needs none.
        }
        outcome.add(&storage.append(&again)?);
        Ok(outcome)
    }
}

/// A target that is gone holds no place.
impl Drop for TargetSeries {
    fn drop(&mut self) {
        self.hold(0);
    }
}

/// Whether a target may give a sample this time: from 1970 to ten minutes ahead (Prometheus 2.48). One sample of a far future would make
/// everything after it late.
fn is_plausible(time: TimestampMs, scraped_at: TimestampMs) -> bool {
    const AHEAD_MS: i64 = 10 * 60 * 1000;
    (0..=scraped_at.saturating_add(AHEAD_MS)).contains(&time)
}

/// Whether a series is alive since that scrape (0 = none is) and gets a stale mark at its end.
fn is_living(entry: &Entry, alive: u64) -> bool {
    alive > 0 && entry.seen == alive && !entry.has_own_times && entry.series != DROPPED
}

fn metadata_of(batch: &SampleBatch, family: &Family) -> MetricMetadata {
    MetricMetadata { kind: family.kind, unit: batch.str(family.unit).into_owned(), help: batch.str(family.help).into_owned() }
}

/// What the target says of each series of a scrape.
fn metadata_by_text(batch: &SampleBatch) -> HashMap<&[u8], MetricMetadata> {
    let families = batch.families.iter().flat_map(|family| std::iter::repeat_n(family, family.samples as usize));
    families.enumerate().map(|(sample, family)| (batch.series_text(sample), metadata_of(batch, family))).collect()
}

/// A series' number; nothing if the job's rules drop it.
fn register(storage: &Storage, options: &IngestOptions, text: &[u8], metadata: &MetricMetadata) -> Result<Option<SeriesRef>, IngestError> {
    let Some(labels) = series_labels(options, text)? else { return Ok(None) };
    Ok(Some(storage.series_ref(&labels, metadata)?))
}

/// A series' labels; nothing if the job's rules drop it.
fn series_labels(options: &IngestOptions, text: &[u8]) -> Result<Option<LabelSet>, IngestError> {
    let series = || String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned();
    let mut labels = parse_series_text(text).map_err(|source| IngestError::SeriesText { series: series(), source })?;
    attach(&mut labels, &options.labels, options.honor_labels);
    if !relabel(&options.rules, &mut labels) {
        return Ok(None);
    }
    let labels = labels.build();
    if let Some(problem) = label_problem(&labels, options) {
        return Err(IngestError::Labels { series: series(), problem });
    }
    Ok(Some(labels))
}

/// What the job does not allow (Prometheus 2.48: the metric's name counts as a label).
fn label_problem(labels: &LabelSet, options: &IngestOptions) -> Option<String> {
    let limits = &options.limits;
    if labels.metric_name().is_empty() {
        return Some("it has no name after relabelling".to_owned());
    }
    if options.names == NameScheme::Legacy {
        let is_fine = is_metric_name(labels.metric_name()) && labels.iter().all(|(name, _)| is_label_name(name));
        if !is_fine {
            return Some("its name or a label's name is none of the legacy scheme".to_owned());
        }
    }
    if limits.labels > 0 && labels.len() as u64 > limits.labels {
        return Some(format!("it has {} labels; label_limit is {}", labels.len(), limits.labels));
    }
    if limits.label_name_bytes == 0 && limits.label_value_bytes == 0 {
        return None;
    }
    labels.iter().find_map(|(name, value)| {
        let too_long = |bytes: usize, limit: u64| limit > 0 && bytes as u64 > limit;
        if too_long(name.len(), limits.label_name_bytes) {
            return Some(format!("a label's name has {} bytes; label_name_length_limit is {}", name.len(), limits.label_name_bytes));
        }
        too_long(value.len(), limits.label_value_bytes)
            .then(|| format!("the value of \"{name}\" has {} bytes; label_value_length_limit is {}", value.len(), limits.label_value_bytes))
    })
}

fn register_reports(storage: &Storage, options: &IngestOptions) -> Result<Vec<SeriesRef>, cepmon_storage::Error> {
    let count = if options.extra_timeout.is_some() { REPORTS.len() } else { USUAL_REPORTS };
    let mut series = Vec::with_capacity(count);
    for (name, help) in REPORTS.into_iter().take(count) {
        let labels = options.labels.to_builder().set(METRIC_NAME, name).build();
        let metadata = MetricMetadata { kind: MetricKind::Gauge, unit: String::new(), help: help.to_owned() };
        series.push(storage.series_ref(&labels, &metadata)?);
    }
    Ok(series)
}
