//! One target's series: commits a scrape as one batch, adds what the host says of it (`up`, `scrape_*`), marks series that
//! ended as stale.

use std::sync::Arc;
use std::time::Duration;

use cepmon_model::{
    LabelSet, METRIC_NAME, MetricKind, MetricMetadata, SampleBatch, SeriesTextError, TimestampMs, parse_series_text, stale_nan,
};
use cepmon_storage::{AppendOutcome, SeriesRef, Storage};

use super::namespace::attach;
use super::series_budget::SeriesBudget;
use super::series_cache::{EntryIndex, SeriesCache};

/// How a target's samples are taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IngestOptions {
    /// Labels of the target: `job`, `instance` and those of the configuration.
    pub labels: LabelSet,
    /// Keep the target's own labels.
    pub honor_labels: bool,
    /// Keep the target's own timestamps.
    pub honor_timestamps: bool,
    /// A scrape with more samples fails; 0 = no limit.
    pub sample_limit: u64,
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
    /// Samples of new series that found no place in the plugin's budget.
    pub dropped_samples: usize,
    /// Series that the last scrape did not have.
    pub added_series: usize,
    /// What storage said of the target's samples.
    pub outcome: AppendOutcome,
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
    /// More samples than the job allows; the scrape counts as failed.
    #[error("the target gave {samples} samples; sample_limit is {limit}")]
    SampleLimit {
        /// How many it gave.
        samples: usize,
        /// How many the job allows.
        limit: u64,
    },
    /// Storage did not take them; nothing of the scrape is stored.
    #[error(transparent)]
    Storage(#[from] cepmon_storage::Error),
}

/// Metrics that the host adds to every scrape (Prometheus 2.48), with their help texts.
const REPORTS: [(&str, &str); 5] = [
    ("up", "Whether the last scrape succeeded."),
    ("scrape_duration_seconds", "How long the scrape took."),
    ("scrape_samples_scraped", "Samples that the target gave."),
    ("scrape_samples_post_metric_relabeling", "Samples left after relabelling."),
    ("scrape_series_added", "Series that the last scrape did not have."),
];

/// What is remembered of a target between two scrapes.
#[derive(Debug)]
pub(crate) struct TargetSeries {
    options: IngestOptions,
    budget: Arc<SeriesBudget>,
    /// Places of the budget that this target holds: the series of its last scrape.
    living: u64,
    cache: SeriesCache,
    reports: Option<[SeriesRef; 5]>,
    /// Counts scrapes; entries remember the last that saw them.
    scrape: u64,
    /// The scrape whose series are alive: the last one, 0 if that failed.
    alive: u64,
    /// Reused from scrape to scrape.
    appends: Vec<(SeriesRef, TimestampMs, f64)>,
    indexes: Vec<EntryIndex>,
}

impl TargetSeries {
    /// A target that was never scraped.
    pub(crate) fn new(options: IngestOptions, budget: Arc<SeriesBudget>) -> Self {
        Self {
            options,
            budget,
            living: 0,
            cache: SeriesCache::default(),
            reports: None,
            scrape: 0,
            alive: 0,
            appends: Vec::new(),
            indexes: Vec::new(),
        }
    }

    /// Stores a scrape's samples, stale marks and reports in one append; when it returns they survive `kill -9`. On a
    /// `SeriesText` or `SampleLimit` error nothing is stored: commit again without a batch, as a failed scrape.
    pub(crate) fn commit(&mut self, storage: &Storage, scraped: &Scraped<'_>) -> Result<Committed, IngestError> {
        let mut committed = Committed::default();
        self.appends.clear();
        self.indexes.clear();
        self.scrape += 1;
        if let Some(batch) = scraped.batch {
            let limit = self.options.sample_limit;
            if limit > 0 && batch.len() as u64 > limit {
                return Err(IngestError::SampleLimit { samples: batch.len(), limit });
            }
            committed.samples = batch.len();
            committed.added_series = self.add_batch(storage, batch, scraped.at)?;
            committed.dropped_samples = batch.len() - self.appends.len();
        } else {
            self.hold(0);
        }
        let samples = self.appends.len();
        let alive = self.alive;
        let ended = self.cache.entries().iter().filter(|entry| alive > 0 && entry.seen == alive && !entry.has_own_times);
        self.appends.extend(ended.map(|entry| (entry.series, scraped.at, stale_nan())));
        self.add_reports(storage, scraped, &committed)?;
        let outcome = storage.append(&self.appends)?;
        committed.outcome = self.append_unknown(storage, outcome, samples)?;
        self.budget.count_stored(committed.outcome.appended as u64);
        self.alive = if scraped.batch.is_some() { self.scrape } else { 0 };
        self.cache.forget_before(self.scrape.saturating_sub(1));
        Ok(committed)
    }

    /// Ends all series of a target that is no longer scraped.
    pub(crate) fn end(&mut self, storage: &Storage, at: TimestampMs) -> Result<(), cepmon_storage::Error> {
        let alive = self.alive;
        let living = self.cache.entries().iter().filter(|entry| alive > 0 && entry.seen == alive && !entry.has_own_times);
        let mut marks: Vec<_> = living.map(|entry| entry.series).collect();
        marks.extend(self.reports.into_iter().flatten());
        let marks: Vec<_> = marks.into_iter().map(|series| (series, at, stale_nan())).collect();
        storage.append(&marks).map(drop)
    }

    fn add_batch(&mut self, storage: &Storage, batch: &SampleBatch, at: TimestampMs) -> Result<usize, IngestError> {
        self.cache.start();
        let mut families = batch.families.iter();
        let mut family = families.next();
        let mut left_in_family = family.map_or(0, |family| family.samples);
        let mut stale = batch.stale.iter().peekable();
        for (sample, value) in batch.values.iter().enumerate() {
            while left_in_family == 0 && family.is_some() {
                family = families.next();
                left_in_family = family.map_or(0, |family| family.samples);
            }
            left_in_family = left_in_family.saturating_sub(1);
            let text = batch.series_text(sample);
            let is_stale = stale.next_if(|index| **index as usize == sample).is_some();
            let known = self.cache.find(text);
            let was_alive = known.is_some_and(|index| self.alive > 0 && self.cache.entry(index).seen == self.alive);
            if !was_alive {
                if !self.budget.take() {
                    continue;
                }
                self.living += 1;
            }
            let index = match known {
                Some(index) => index,
                None => {
                    let metadata = family.map_or_else(MetricMetadata::default, |family| MetricMetadata {
                        kind: family.kind,
                        unit: batch.str(family.unit).into_owned(),
                        help: batch.str(family.help).into_owned(),
                    });
                    let series = register(storage, &self.options, text, &metadata)?;
                    self.cache.insert(text, series)
                }
            };
            let own_time = batch.timestamps.get(sample).copied().filter(|time| self.options.honor_timestamps && *time != i64::MIN);
            let entry = self.cache.entry(index);
            entry.has_own_times = own_time.is_some();
            // Storage counts a sample at this time as too old, and stores nothing.
            let time = own_time.map_or(at, |time| if is_plausible(time, at) { time } else { i64::MIN });
            self.appends.push((entry.series, time, if is_stale { stale_nan() } else { *value }));
            self.indexes.push(index);
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
        let series = match self.reports {
            Some(series) => series,
            None => *self.reports.insert(register_reports(storage, &self.options.labels)?),
        };
        let is_up = if scraped.batch.is_some() { 1.0 } else { 0.0 };
        let (samples, kept) = (committed.samples as f64, (committed.samples - committed.dropped_samples) as f64);
        let values = [is_up, scraped.duration.as_secs_f64(), samples, kept, committed.added_series as f64];
        self.appends.extend(series.into_iter().zip(values).map(|(series, value)| (series, scraped.at, value)));
        Ok(())
    }

    /// Series leave the head when they end or when nothing came for long; what comes back then is registered again.
    fn append_unknown(&mut self, storage: &Storage, mut outcome: AppendOutcome, samples: usize) -> Result<AppendOutcome, IngestError> {
        if outcome.unknown.is_empty() {
            return Ok(outcome);
        }
        let mut again = Vec::with_capacity(outcome.unknown.len());
        for position in std::mem::take(&mut outcome.unknown) {
            let (_, at, value) = self.appends[position];
            if position < samples {
                let text = self.cache.text(self.indexes[position]);
                let series = register(storage, &self.options, text, &MetricMetadata::default())?;
                self.cache.entry(self.indexes[position]).series = series;
                again.push((series, at, value));
            } else if position >= self.appends.len() - REPORTS.len() {
                let series = register_reports(storage, &self.options.labels)?;
                self.reports = Some(series);
                again.push((series[position + REPORTS.len() - self.appends.len()], at, value));
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

fn register(storage: &Storage, options: &IngestOptions, text: &[u8], metadata: &MetricMetadata) -> Result<SeriesRef, IngestError> {
    let mut labels = parse_series_text(text).map_err(|source| {
        let series = String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned();
        IngestError::SeriesText { series, source }
    })?;
    Ok(storage.series_ref(&attach(&mut labels, &options.labels, options.honor_labels), metadata)?)
}

fn register_reports(storage: &Storage, target: &LabelSet) -> Result<[SeriesRef; 5], cepmon_storage::Error> {
    let mut series = [SeriesRef(0); 5];
    for (slot, (name, help)) in series.iter_mut().zip(REPORTS) {
        let labels = target.to_builder().set(METRIC_NAME, name).build();
        let metadata = MetricMetadata { kind: MetricKind::Gauge, unit: String::new(), help: help.to_owned() };
        *slot = storage.series_ref(&labels, &metadata)?;
    }
    Ok(series)
}
