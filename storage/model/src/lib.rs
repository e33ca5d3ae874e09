//! The words of cepmon that every crate may use: label sets, series, samples, matchers, batches, log entries, the clock.
//!
//! Nothing here does IO, knows a file format or holds state.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]
#![deny(missing_docs)]

mod label;
mod series;
mod series_text;
mod sample;
mod histogram;
mod secret;
mod go_regex;
mod matcher;
mod relabel;
mod batch;
mod log;
mod failure;
mod duration;
mod clock;
mod nearest;

pub use batch::{Exemplar, Family, SampleBatch, Span};
pub use clock::{Clock, Sleep};
pub use duration::{DurationError, format_duration, parse_duration};
pub use failure::FailureKind;
pub use go_regex::anchored_regex;
pub use histogram::{
    Bucket, BucketRange, CUSTOM_BUCKETS, ClassicHistogram, ClassicProblem, Combined, EXPONENTIAL, Histogram, IncompatibleBuckets,
    InvalidHistogram, ResetHint,
};
pub use label::{LabelSet, LabelSetBuilder, is_label_name, is_metric_name};
pub use log::{LogBatch, LogField, Severity};
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use nearest::nearest_name;
pub use relabel::{NameScheme, RelabelEntry, RelabelError, RelabelRule, relabel};
pub use sample::{HistogramSample, STALE_NAN_BITS, Sample, SampleValue, TimestampMs, is_stale, stale_nan};
pub use secret::Secret;
pub use series::{MetricKind, MetricMetadata, SeriesId};
pub use series_text::{SeriesTextError, parse_label_text, parse_series_text, split_series_text};

/// The label that holds the metric's name.
pub const METRIC_NAME: &str = "__name__";
