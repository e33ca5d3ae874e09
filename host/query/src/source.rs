//! Where samples come from: the one thing that evaluation needs from storage. It does not know blocks, files or the head.

use cepmon_model::{Matcher, TimestampMs};
use cepmon_storage::{SampleScan, SeriesSamples, Snapshot};

/// The cause of a failure behind [`SeriesSource`].
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Series one after the other, so that only one's raw samples are in memory at a time.
pub type SeriesIter<'a> = Box<dyn Iterator<Item = Result<SeriesSamples, BoxError>> + 'a>;

/// Gives the series that match, each once, with their samples between two times.
pub trait SeriesSource {
    /// Series for which all matchers hold, in the order of [`LabelSet`](cepmon_model::LabelSet), with samples from `start` to `end`
    /// (both inclusive, Unix milliseconds) in ascending order, stale marks included. Series without such samples are left out.
    fn select<'a>(&'a self, matchers: &[Matcher], start: TimestampMs, end: TimestampMs) -> Result<SeriesIter<'a>, BoxError>;
}

impl SeriesSource for Snapshot {
    fn select<'a>(&'a self, matchers: &[Matcher], start: TimestampMs, end: TimestampMs) -> Result<SeriesIter<'a>, BoxError> {
        let scan = SampleScan { matchers: matchers.to_vec(), start, end };
        let series = self.scan_samples(&scan)?;
        Ok(Box::new(series.map(|series| series.map_err(BoxError::from))))
    }
}
