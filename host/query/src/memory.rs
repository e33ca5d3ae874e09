//! Series in memory, for tests of this crate and of those that use it. It keeps everything and writes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use cepmon_model::{HistogramSample, LabelSet, Matcher, ResetHint, SeriesId, TimestampMs};
use cepmon_storage::SeriesSamples;

use crate::{BoxError, SampleValue, SeriesIter, SeriesSource};

/// A few series in memory.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    series: BTreeMap<Arc<LabelSet>, BTreeMap<TimestampMs, SampleValue>>,
}

impl MemorySource {
    /// Adds a sample; the last one wins where two have the same series and time.
    pub fn push(&mut self, labels: &LabelSet, timestamp: TimestampMs, value: f64) {
        self.push_sample(labels, timestamp, SampleValue::Float(value));
    }

    /// [`push`](Self::push) for numbers and histograms alike. A histogram is marked as following a reset or not, as storage does it, so
    /// push those of a series in the order of time.
    pub fn push_sample(&mut self, labels: &LabelSet, timestamp: TimestampMs, mut value: SampleValue) {
        let samples = self.series.entry(Arc::new(labels.clone())).or_default();
        if let SampleValue::Histogram(histogram) = &mut value {
            let before = samples.range(..timestamp).next_back().map(|(_, value)| value);
            let previous = if let Some(SampleValue::Histogram(previous)) = before { Some(&**previous) } else { None };
            let hint = ResetHint::resolved(histogram, previous);
            Arc::make_mut(histogram).hint = hint;
        }
        samples.insert(timestamp, value);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.series.clear();
    }
}

impl SeriesSource for MemorySource {
    fn select<'a>(&'a self, matchers: &[Matcher], start: TimestampMs, end: TimestampMs) -> Result<SeriesIter<'a>, BoxError> {
        let matchers = matchers.to_vec();
        let matching = self
            .series
            .iter()
            .filter(move |(labels, _)| matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default())));
        let in_time = matching.filter_map(move |(labels, samples)| {
            if start > end {
                return None;
            }
            let (mut timestamps, mut values, mut histograms) = (Vec::new(), Vec::new(), Vec::new());
            for (timestamp, value) in samples.range(start..=end) {
                match value {
                    SampleValue::Float(value) => {
                        timestamps.push(*timestamp);
                        values.push(*value);
                    }
                    SampleValue::Histogram(histogram) => {
                        histograms.push(HistogramSample { timestamp: *timestamp, histogram: Arc::clone(histogram) });
                    }
                }
            }
            let (id, is_there) = (SeriesId::of("default", labels, 0), !timestamps.is_empty() || !histograms.is_empty());
            is_there.then(|| Ok(SeriesSamples { id, labels: Arc::clone(labels), timestamps, values, histograms }))
        });
        Ok(Box::new(in_time))
    }
}
