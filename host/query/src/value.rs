//! What a query gives back. It does not know JSON.

use std::fmt;
use std::sync::Arc;

use cepmon_model::{Histogram, HistogramSample, LabelSet, Sample, SampleValue, TimestampMs};

/// The type of an expression, known when it is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// One number per step.
    Scalar,
    /// A text.
    String,
    /// Series with one value per step.
    InstantVector,
    /// Series with many samples per step.
    RangeVector,
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::InstantVector => "instant vector",
            Self::RangeVector => "range vector",
        })
    }
}

/// One element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// Its labels, with `__name__` where the expression keeps it.
    pub labels: Arc<LabelSet>,
    /// The time that was asked for.
    pub at: TimestampMs,
    /// Its value.
    pub value: SampleValue,
}

/// One series of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSeries {
    /// Its labels.
    pub labels: Arc<LabelSet>,
    /// Its samples that are numbers, ascending. It has one or a histogram at least.
    pub samples: Vec<Sample>,
    /// Its samples that are native histograms, ascending.
    pub histograms: Vec<HistogramSample>,
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number, of an instant query.
    Scalar {
        /// The time that was asked for.
        at: TimestampMs,
        /// The number.
        value: f64,
    },
    /// A text, of an instant query.
    String {
        /// The time that was asked for.
        at: TimestampMs,
        /// The text.
        value: String,
    },
    /// Of an instant query; in the order that `sort` and `topk` gave.
    Vector(Vec<VectorSample>),
    /// Of a range query, or of an instant query for a range vector; sorted by labels.
    Matrix(Vec<MatrixSeries>),
}

/// A value as Prometheus prints it: shortest digits that read back, never an exponent, `+Inf`, `-Inf`, `NaN`.
pub fn format_value(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    value.to_string()
}

/// A histogram as Prometheus prints it where it has to be a text: `{count:3, sum:2.5, (0.5,1]:3}`.
pub(crate) fn histogram_text(histogram: &Histogram) -> String {
    let mut text = format!("{{count:{}, sum:{}", shortest(histogram.count), shortest(histogram.sum));
    let buckets = histogram.negative_ranges().rev().chain(histogram.zero_range()).chain(histogram.positive_ranges());
    for range in buckets.filter(|range| range.count != 0.0) {
        let (open, close) = (if range.includes_lower { '[' } else { '(' }, if range.includes_upper { ']' } else { ')' });
        text += &format!(", {open}{},{}{close}:{}", shortest(range.lower), shortest(range.upper), shortest(range.count));
    }
    text + "}"
}

/// Go's `%g` without a precision: an exponent below -4 and from 6 on.
pub(crate) fn shortest(value: f64) -> String {
    let scientific = format!("{value:e}");
    match scientific.split_once('e').and_then(|(digits, exponent)| Some((digits, exponent.parse::<i32>().ok()?))) {
        Some((digits, exponent)) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => format_value(value),
    }
}
