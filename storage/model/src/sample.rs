//! Samples and the stale mark.

use std::sync::Arc;

use crate::Histogram;

/// Unix time in milliseconds.
pub type TimestampMs = i64;

/// One value of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was so, Unix milliseconds.
    pub timestamp: TimestampMs,
    /// The value; a stale mark says that the series ended here.
    pub value: f64,
}

/// One native histogram of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSample {
    /// When it was so, Unix milliseconds.
    pub timestamp: TimestampMs,
    /// The histogram. Its series ends with a stale mark, which is a [`Sample`].
    pub histogram: Arc<Histogram>,
}

/// What a series has at one time.
#[derive(Debug, Clone, PartialEq)]
pub enum SampleValue {
    /// A number, or the stale mark.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

impl SampleValue {
    /// A histogram that nobody shares yet.
    pub fn of(histogram: Histogram) -> Self {
        Self::Histogram(Arc::new(histogram))
    }

    /// The number; 0 for a histogram, which is what alerts and templates of Prometheus see of one.
    pub fn number(&self) -> f64 {
        match self {
            Self::Float(value) => *value,
            Self::Histogram(_) => 0.0,
        }
    }

    /// `float` or `histogram`, as Prometheus's remarks have it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Float(_) => "float",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// The bits of the stale mark: a signalling NaN that no computation gives (Prometheus 2.0, `value.StaleNaN`).
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The stale mark as a value.
pub fn stale_nan() -> f64 {
    f64::from_bits(STALE_NAN_BITS)
}

/// Whether a value is the stale mark (an ordinary NaN is not).
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}
