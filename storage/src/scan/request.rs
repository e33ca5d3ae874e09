//! What can be asked for, and what comes back.

use std::sync::Arc;

use cepmon_model::{HistogramSample, LabelSet, Matcher, MetricMetadata, SeriesId, TimestampMs};

/// Which samples to read.
#[derive(Debug, Clone)]
pub struct SampleScan {
    /// Conditions on labels, all of which hold; none = all series.
    pub matchers: Vec<Matcher>,
    /// First time, inclusive.
    pub start: TimestampMs,
    /// Last time, inclusive.
    pub end: TimestampMs,
}

/// The samples of one series within a scan; never empty.
#[derive(Debug, Clone)]
pub struct SeriesSamples {
    /// The series' identity.
    pub id: SeriesId,
    /// Its labels.
    pub labels: Arc<LabelSet>,
    /// Unix milliseconds, ascending, no two equal.
    pub timestamps: Vec<i64>,
    /// As many values; stale marks are NaN with [`STALE_NAN_BITS`](cepmon_model::STALE_NAN_BITS).
    pub values: Vec<f64>,
    /// Native histograms, ascending. No time has both a value and a histogram.
    pub histograms: Vec<HistogramSample>,
}

/// What is known of a series.
#[derive(Debug, Clone)]
pub struct SeriesInfo {
    /// Its identity.
    pub id: SeriesId,
    /// Its labels.
    pub labels: Arc<LabelSet>,
    /// Type, unit and help as last seen.
    pub metadata: MetricMetadata,
    /// Time of its oldest sample.
    pub min_time: TimestampMs,
    /// Time of its youngest sample.
    pub max_time: TimestampMs,
}

/// Which log entries to read.
#[derive(Debug, Clone)]
pub struct LogScan {
    /// Conditions on stream labels, all of which hold; none = all streams.
    pub matchers: Vec<Matcher>,
    /// First time in Unix nanoseconds, inclusive.
    pub start_ns: i64,
    /// Last time in Unix nanoseconds, inclusive.
    pub end_ns: i64,
    /// Columns to read, in this order: names of [`log_schema`](crate::log_schema) and `field_<name>` for single fields (text, null where
    /// a line lacks it; cheap where promoted). `None` = the five of `log_schema`.
    pub columns: Option<Vec<String>>,
}
