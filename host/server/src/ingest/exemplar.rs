//! Exemplars of a target and of remote write, as Prometheus takes them (2.48): of series that are stored, with labels of bounded length. A
//! page shows an exemplar until there is a newer one; it is stored once.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use cepmon_model::{LabelSet, SampleBatch, TimestampMs, parse_label_text};
use cepmon_storage::SeriesExemplar;

/// Characters of names and values together (OpenMetrics 1.0).
const MAX_CHARACTERS: usize = 128;

/// What became of exemplars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ExemplarCounts {
    /// Those that were stored.
    pub(crate) stored: usize,
    /// Those with labels that are too long or cannot be read, or with a time of the future.
    pub(crate) refused: usize,
}

/// Whether an exemplar's labels are short enough.
pub(super) fn is_short(labels: &LabelSet) -> bool {
    labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum::<usize>() <= MAX_CHARACTERS
}

/// What a target showed the last time.
#[derive(Debug, Default)]
pub(super) struct ShownExemplars {
    hashes: HashSet<u64>,
}

/// An exemplar of a batch, whose sample is stored.
#[derive(Debug)]
pub(super) struct Shown {
    /// Its index in the batch.
    pub(super) index: usize,
    /// The time of its sample, which is its own if it has none.
    pub(super) sample_time: TimestampMs,
}

impl ShownExemplars {
    /// Those that the last scrape did not have. `series` gives the labels of a series text, `is_plausible` says which times are taken.
    pub(super) fn choose_new(
        &mut self,
        batch: &SampleBatch,
        shown: &[Shown],
        is_plausible: impl Fn(TimestampMs) -> bool,
        series: impl Fn(&[u8]) -> Option<LabelSet>,
    ) -> (Vec<SeriesExemplar>, ExemplarCounts) {
        let (mut new, mut counts) = (Vec::new(), ExemplarCounts::default());
        let mut hashes = HashSet::with_capacity(shown.len());
        for Shown { index, sample_time } in shown {
            let exemplar = &batch.exemplars[*index];
            let text = batch.series_text(exemplar.sample as usize);
            let labels_text = exemplar.labels.slice(&batch.text).unwrap_or_default();
            let mut hasher = DefaultHasher::new();
            (text, labels_text, exemplar.value.to_bits(), exemplar.timestamp).hash(&mut hasher);
            let hash = hasher.finish();
            if !hashes.insert(hash) || self.hashes.contains(&hash) {
                continue;
            }
            let timestamp = Some(exemplar.timestamp.unwrap_or(*sample_time)).filter(|time| is_plausible(*time));
            let labels = parse_label_text(labels_text).ok().map(|labels| labels.build()).filter(is_short);
            let (Some(timestamp), Some(labels), Some(series)) = (timestamp, labels, series(text)) else {
                counts.refused += 1;
                continue;
            };
            new.push(SeriesExemplar { timestamp, series: Arc::new(series), value: exemplar.value, labels: Arc::new(labels) });
        }
        self.hashes = hashes;
        counts.stored = new.len();
        (new, counts)
    }
}
