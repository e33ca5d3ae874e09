//! Receiving remote write 1.0 and 2.0: from the decompressed body to one append. A body is stored whole or, where storage is full or the disk
//! refuses, not at all, so that the sender may send it again. It knows no HTTP and no compression.

pub(in crate::ingest) mod message;
mod message_v2;
mod body;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use cepmon_model::{HistogramSample, LabelSet, METRIC_NAME, MetricKind, MetricMetadata, TimestampMs, stale_nan};
use cepmon_storage::{AppendOutcome, SeriesExemplar, SeriesRef, Storage};
use prost::Message;

use super::ExemplarCounts;
use super::exemplar::is_short;
use super::native_histogram::{WireSample, read_histogram};
use super::series_cache::SeriesCache;
pub(crate) use body::WriteBody;
use message::{Exemplar, Label, Metadata, TimeSeries, WriteRequest};
pub(crate) use message_v2::BadReference;
use message_v2::{Request, first_version};

/// How long a series is remembered that nobody sends.
const REMEMBERED_MS: i64 = 10 * 60 * 1000;

/// How often series are looked through for those: it takes a look at each of them, and bodies come many times a second.
const FORGET_EVERY_MS: u64 = 60_000;

/// How far ahead of this host's clock a sample may be (Prometheus 2.53, remote write receiver): one of a far future would make everything
/// after it late.
const AHEAD_MS: i64 = 10 * 60 * 1000;

/// Metric families whose metadata is remembered.
const MAX_FAMILIES: usize = 20_000;

/// Takes bodies in, from any number of senders at once.
#[derive(Debug)]
pub(crate) struct RemoteWrite {
    storage: Arc<Storage>,
    known: Mutex<Known>,
}

/// What became of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Samples in it.
    pub(crate) samples: usize,
    /// What storage said of them.
    pub(crate) outcome: AppendOutcome,
    /// Samples of series that are none, and what is wrong with the first.
    pub(crate) invalid: usize,
    pub(crate) problem: Option<String>,
    /// What became of its exemplars. A refused one is no reason to tell the sender (Prometheus 2.48).
    pub(crate) exemplars: ExemplarCounts,
    /// Native histograms in it.
    pub(crate) histograms: usize,
    /// Those that are stored now, or were before.
    pub(crate) stored_histograms: usize,
}

/// Why nothing of a body was stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteWriteError {
    /// It is no message of the version that it is said to be.
    #[error("cannot read the body as the message that its headers name: {0}")]
    Message(#[from] prost::DecodeError),
    /// It is no JSON of OTLP.
    #[error("cannot read the body as OTLP's JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is a message of remote write 2.0 without meaning.
    #[error("cannot read the body: {0}")]
    Reference(#[from] BadReference),
    /// Storage did not take it; the same body may be sent again.
    #[error(transparent)]
    Storage(#[from] cepmon_storage::Error),
}

/// The version of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// `prometheus.WriteRequest`
    One,
    /// `io.prometheus.write.v2.Request`
    Two,
}

/// Series by the bytes of their labels, and families.
#[derive(Debug, Default)]
struct Known {
    series: SeriesCache,
    families: HashMap<String, MetricMetadata>,
    forgot_at: TimestampMs,
    /// Reused from body to body.
    key: Vec<u8>,
}

impl RemoteWrite {
    pub(crate) fn new(storage: Arc<Storage>) -> Self {
        Self { storage, known: Mutex::default() }
    }

    /// Stores a body; when it returns, its samples and exemplars survive `kill -9`. It blocks: not for a thread of the runtime.
    pub(crate) fn write(&self, body: Bytes, version: Version, now: TimestampMs) -> Result<Written, RemoteWriteError> {
        let request = match version {
            Version::One => WriteRequest::decode(body)?,
            Version::Two => first_version(Request::decode(body)?)?,
        };
        self.store(request, now)
    }

    /// [`Self::write`] for a message that was read.
    pub(in crate::ingest) fn store(&self, request: WriteRequest, now: TimestampMs) -> Result<Written, RemoteWriteError> {
        let mut written = Written::default();
        let latest = now.saturating_add(AHEAD_MS);
        let mut appends = Vec::with_capacity(request.series.iter().map(|series| series.samples.len()).sum());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.learn(request.metadata);
        known.series.start();
        let mut owners: Vec<&TimeSeries> = Vec::with_capacity(appends.capacity());
        for series in &request.series {
            written.histograms += series.histograms.len();
            written.samples += series.samples.len();
            if series.samples.is_empty() {
                continue;
            }
            match known.find(series, &self.storage, now)? {
                Ok(reference) => {
                    for sample in &series.samples {
                        if sample.timestamp <= latest {
                            appends.push((reference, sample.timestamp, sample.value));
                            owners.push(series);
                        } else {
                            written.refuse(1, || {
                                format!("the time {} ms is more than ten minutes ahead of this host's clock", sample.timestamp)
                            });
                        }
                    }
                }
                Err(problem) => written.refuse(series.samples.len(), || problem),
            }
        }
        known.series.finish();
        if now.abs_diff(known.forgot_at) >= FORGET_EVERY_MS {
            known.series.forget_before(u64::try_from(now.saturating_sub(REMEMBERED_MS)).unwrap_or(0));
            known.forgot_at = now;
        }
        drop(known);
        written.outcome = self.storage.append(&appends)?;
        if !written.outcome.unknown.is_empty() {
            self.append_unknown(&mut written.outcome, &appends, &owners)?;
        }
        let histograms = self.histograms_of(&request.series, latest, &mut written)?;
        let outcome = self.storage.append_histograms(&histograms)?;
        written.stored_histograms = outcome.appended + outcome.duplicates;
        written.outcome.add(&outcome);
        let exemplars = exemplars_of(&request.series, latest, &mut written.exemplars);
        self.storage.append_exemplars(&exemplars)?;
        Ok(written)
    }

    /// The native histograms that can be stored. A stale mark is stored at once: it is a number.
    fn histograms_of(
        &self,
        series: &[TimeSeries],
        latest: TimestampMs,
        written: &mut Written,
    ) -> Result<Vec<(LabelSet, HistogramSample)>, cepmon_storage::Error> {
        let (mut histograms, mut stale) = (Vec::new(), Vec::new());
        for series in series.iter().filter(|series| !series.histograms.is_empty()) {
            let labels = match labels_of(series) {
                Ok(labels) => labels,
                Err(problem) => {
                    written.refuse(series.histograms.len(), || problem);
                    continue;
                }
            };
            for message in &series.histograms {
                match read_histogram(message) {
                    Ok(WireSample::Histogram(sample)) if sample.timestamp <= latest => histograms.push((labels.clone(), sample)),
                    Ok(WireSample::Stale { timestamp }) if timestamp <= latest => {
                        stale.push((self.storage.series_ref(&labels, &MetricMetadata::default())?, timestamp, stale_nan()));
                    }
                    Ok(_) => written.refuse(1, || format!("series {labels}: a time more than ten minutes ahead of this host's clock")),
                    Err(problem) => written.refuse(1, || format!("series {labels}: {problem}")),
                }
            }
        }
        self.storage.append(&stale)?;
        Ok(histograms)
    }

    /// Series leave the head when nothing came for long; what comes then is registered again. `owners` are the samples' series.
    fn append_unknown(
        &self,
        outcome: &mut AppendOutcome,
        appends: &[(SeriesRef, TimestampMs, f64)],
        owners: &[&TimeSeries],
    ) -> Result<(), cepmon_storage::Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut again = Vec::with_capacity(outcome.unknown.len());
        for position in std::mem::take(&mut outcome.unknown) {
            let (_, time, value) = appends[position];
            // It was registered before, so its labels are in order.
            let Ok(labels) = labels_of(owners[position]) else { continue };
            let reference = self.storage.series_ref(&labels, &known.metadata(labels.metric_name()))?;
            known.replace(owners[position], reference);
            again.push((reference, time, value));
        }
        drop(known);
        outcome.add(&self.storage.append(&again)?);
        Ok(())
    }
}

impl Written {
    /// Samples that are numbers and were not kept out.
    pub(crate) fn stored_samples(&self) -> usize {
        (self.samples + self.histograms).saturating_sub(self.refused() + self.stored_histograms)
    }

    /// Samples that storage kept out, of those that can be read.
    pub(crate) fn refused(&self) -> usize {
        self.outcome.conflicts + self.outcome.too_old + self.invalid
    }

    fn refuse(&mut self, samples: usize, problem: impl FnOnce() -> String) {
        self.invalid += samples;
        self.problem.get_or_insert_with(problem);
    }
}

impl Known {
    /// The reference of a series, made if it is new; the inner error says why there is none.
    fn find(
        &mut self,
        series: &TimeSeries,
        storage: &Storage,
        now: TimestampMs,
    ) -> Result<Result<SeriesRef, String>, cepmon_storage::Error> {
        use cepmon_storage::Error;
        self.set_key(series);
        let index = match self.series.find(&self.key) {
            Some(index) => index,
            None => {
                let labels = match labels_of(series) {
                    Ok(labels) => labels,
                    Err(problem) => return Ok(Err(problem)),
                };
                match storage.series_ref(&labels, &self.metadata(labels.metric_name())) {
                    Ok(reference) => self.series.insert(&self.key, reference),
                    // Of no use to send again, and no reason to hold up the series that are there.
                    Err(error @ (Error::Refused { .. } | Error::TooManySeries { .. })) => return Ok(Err(error.to_string())),
                    Err(error) => return Err(error),
                }
            }
        };
        let entry = self.series.entry(index);
        entry.seen = u64::try_from(now).unwrap_or(0);
        Ok(Ok(entry.series))
    }

    fn replace(&mut self, series: &TimeSeries, reference: SeriesRef) {
        self.set_key(series);
        if let Some(index) = self.series.find(&self.key) {
            self.series.entry(index).series = reference;
        }
    }

    fn set_key(&mut self, series: &TimeSeries) {
        self.key.clear();
        for label in &series.labels {
            // With its length, so that no other split of the same bytes is the same key.
            self.key.extend_from_slice(&(label.len() as u32).to_le_bytes());
            self.key.extend_from_slice(label);
        }
    }

    /// Senders repeat metadata every minute. When it changes, series are looked up once more, which gives them the new one.
    fn learn(&mut self, metadata: Vec<Metadata>) {
        let mut is_new = false;
        for Metadata { kind, family, help, unit } in metadata {
            let new = MetricMetadata { kind: metric_kind(kind), unit, help };
            if self.families.get(&family) != Some(&new) && (self.families.len() < MAX_FAMILIES || self.families.contains_key(&family)) {
                self.families.insert(family, new);
                is_new = true;
            }
        }
        if is_new {
            self.series = SeriesCache::default();
        }
    }

    /// The metadata of a metric: of its own name or of the family that it is a part of.
    fn metadata(&self, metric: &str) -> MetricMetadata {
        let of_part = || {
            let family = ["_bucket", "_count", "_sum", "_total", "_created"].iter().find_map(|suffix| metric.strip_suffix(suffix))?;
            self.families.get(family)
        };
        self.families.get(metric).or_else(of_part).cloned().unwrap_or_default()
    }
}

/// The exemplars that can be stored. Prometheus sends them as series of their own, without samples.
fn exemplars_of(series: &[TimeSeries], latest: TimestampMs, counts: &mut ExemplarCounts) -> Vec<SeriesExemplar> {
    let mut stored = Vec::new();
    for series in series.iter().filter(|series| !series.exemplars.is_empty()) {
        let Ok(labels) = labels_of(series).map(Arc::new) else {
            counts.refused += series.exemplars.len();
            continue;
        };
        for Exemplar { labels: own, value, timestamp } in &series.exemplars {
            let own = LabelSet::from_pairs(own.iter().map(|label| (label.name.as_str(), label.value.as_str())));
            if is_short(&own) && *timestamp <= latest {
                stored.push(SeriesExemplar { timestamp: *timestamp, series: Arc::clone(&labels), value: *value, labels: Arc::new(own) });
            } else {
                counts.refused += 1;
            }
        }
    }
    counts.stored = stored.len();
    stored
}

/// The labels of a series, or why they are none.
fn labels_of(series: &TimeSeries) -> Result<LabelSet, String> {
    let decoded: Result<Vec<Label>, _> = series.labels.iter().map(|label| Label::decode(label.clone())).collect();
    let mut labels = decoded.map_err(|error| format!("a label that cannot be read: {error}"))?;
    labels.sort_by(|left, right| left.name.cmp(&right.name));
    let set = LabelSet::from_sorted(labels.iter().map(|label| (label.name.as_str(), label.value.as_str())));
    if labels.iter().any(|label| label.name.is_empty()) {
        return Err(format!("series {set}: a label without a name"));
    }
    if let Some(pair) = labels.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(format!("series {set}: the label \"{}\" twice", pair[0].name));
    }
    if set.get(METRIC_NAME).is_none() {
        return Err(format!("series {set}: no metric name (label \"{METRIC_NAME}\")"));
    }
    Ok(set)
}

fn metric_kind(number: i32) -> MetricKind {
    match number {
        1 => MetricKind::Counter,
        2 => MetricKind::Gauge,
        3 => MetricKind::Histogram,
        4 => MetricKind::GaugeHistogram,
        5 => MetricKind::Summary,
        6 => MetricKind::Info,
        7 => MetricKind::StateSet,
        _ => MetricKind::Unknown,
    }
}

#[cfg(test)]
mod tests;
