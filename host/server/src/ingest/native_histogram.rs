//! Native histograms as Prometheus's messages have them (`prometheus.Histogram` of remote write 1.0 and 2.0): buckets in spans, counts whole
//! and as differences, or as they are.

use std::sync::Arc;

use bytes::Bytes;
use cepmon_model::{Bucket, Histogram, HistogramSample, ResetHint, is_stale};
use prost::Message;

/// A histogram on the wire.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WireHistogram {
    #[prost(oneof = "WireCount", tags = "1, 2")]
    pub(crate) count: Option<WireCount>,
    #[prost(double, tag = "3")]
    pub(crate) sum: f64,
    #[prost(sint32, tag = "4")]
    pub(crate) schema: i32,
    #[prost(double, tag = "5")]
    pub(crate) zero_threshold: f64,
    #[prost(oneof = "WireZeroCount", tags = "6, 7")]
    pub(crate) zero_count: Option<WireZeroCount>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) negative_spans: Vec<WireSpan>,
    #[prost(sint64, repeated, tag = "9")]
    pub(crate) negative_deltas: Vec<i64>,
    #[prost(double, repeated, tag = "10")]
    pub(crate) negative_counts: Vec<f64>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) positive_spans: Vec<WireSpan>,
    #[prost(sint64, repeated, tag = "12")]
    pub(crate) positive_deltas: Vec<i64>,
    #[prost(double, repeated, tag = "13")]
    pub(crate) positive_counts: Vec<f64>,
    /// 1 after a reset, 2 not, 3 a gauge; else nothing is known.
    #[prost(int32, tag = "14")]
    pub(crate) reset_hint: i32,
    #[prost(int64, tag = "15")]
    pub(crate) timestamp: i64,
    #[prost(double, repeated, tag = "16")]
    pub(crate) custom_values: Vec<f64>,
}

/// How many observations there are.
#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum WireCount {
    #[prost(uint64, tag = "1")]
    Int(u64),
    #[prost(double, tag = "2")]
    Float(f64),
}

/// How many of them are in the zero bucket.
#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub(crate) enum WireZeroCount {
    #[prost(uint64, tag = "6")]
    Int(u64),
    #[prost(double, tag = "7")]
    Float(f64),
}

/// Neighbouring buckets: how far they begin after those before them, and how many they are.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct WireSpan {
    #[prost(sint32, tag = "1")]
    pub(crate) offset: i32,
    #[prost(uint32, tag = "2")]
    pub(crate) length: u32,
}

/// What a message says at its time.
#[derive(Debug)]
pub(crate) enum WireSample {
    /// A histogram.
    Histogram(HistogramSample),
    /// The series ended there: the sum is the stale mark.
    Stale {
        /// When.
        timestamp: i64,
    },
}

/// Reads a message; the error says what is wrong with it.
pub(crate) fn read_histogram(message: &Bytes) -> Result<WireSample, String> {
    let wire = WireHistogram::decode(message.clone()).map_err(|error| format!("a histogram that cannot be read: {error}"))?;
    if is_stale(wire.sum) {
        return Ok(WireSample::Stale { timestamp: wire.timestamp });
    }
    let count = match wire.count {
        Some(WireCount::Float(count)) => count,
        Some(WireCount::Int(count)) => count as f64,
        None => 0.0,
    };
    let zero_count = match wire.zero_count {
        Some(WireZeroCount::Float(count)) => count,
        Some(WireZeroCount::Int(count)) => count as f64,
        None => 0.0,
    };
    let histogram = Histogram {
        hint: match wire.reset_hint {
            1 => ResetHint::Reset,
            2 => ResetHint::NotReset,
            3 => ResetHint::Gauge,
            _ => ResetHint::Unknown,
        },
        schema: wire.schema,
        zero_threshold: wire.zero_threshold,
        zero_count,
        count,
        sum: wire.sum,
        positive: buckets(&wire.positive_spans, &wire.positive_deltas, &wire.positive_counts)?,
        negative: buckets(&wire.negative_spans, &wire.negative_deltas, &wire.negative_counts)?,
        custom_values: wire.custom_values.into(),
    };
    histogram.check().map_err(|problem| problem.to_string())?;
    Ok(WireSample::Histogram(HistogramSample { timestamp: wire.timestamp, histogram: Arc::new(histogram) }))
}

/// The buckets of some spans. Only as many are made as there are counts, whatever the lengths say.
fn buckets(spans: &[WireSpan], deltas: &[i64], counts: &[f64]) -> Result<Vec<Bucket>, String> {
    let mut whole = 0_i64;
    let of_deltas = deltas.iter().map(|delta| {
        whole = whole.wrapping_add(*delta);
        whole as f64
    });
    let mut counts: Box<dyn Iterator<Item = f64>> = if deltas.is_empty() { Box::new(counts.iter().copied()) } else { Box::new(of_deltas) };
    let mut buckets = Vec::new();
    let mut index = 0_i64;
    for span in spans {
        index += i64::from(span.offset);
        for _ in 0..span.length {
            let Some(count) = counts.next() else { return Err("a histogram with fewer counts than its spans have buckets".to_owned()) };
            let number = i32::try_from(index).map_err(|_| format!("a histogram with the bucket {index}"))?;
            buckets.push(Bucket { index: number, count });
            index += 1;
        }
    }
    match counts.next() {
        None => Ok(buckets),
        Some(_) => Err("a histogram with more counts than its spans have buckets".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(wire: &WireHistogram) -> Result<HistogramSample, String> {
        match read_histogram(&wire.encode_to_vec().into())? {
            WireSample::Histogram(sample) => Ok(sample),
            WireSample::Stale { timestamp } => Err(format!("stale at {timestamp}")),
        }
    }

    fn example() -> WireHistogram {
        WireHistogram {
            count: Some(WireCount::Int(9)),
            sum: 4.5,
            schema: 2,
            zero_threshold: 0.001,
            zero_count: Some(WireZeroCount::Int(1)),
            positive_spans: vec![WireSpan { offset: -3, length: 2 }, WireSpan { offset: 4, length: 1 }],
            positive_deltas: vec![2, 1, -1],
            negative_spans: vec![WireSpan { offset: 0, length: 1 }],
            negative_deltas: vec![1],
            reset_hint: 1,
            timestamp: 15_000,
            ..WireHistogram::default()
        }
    }

    #[test]
    fn spans_and_differences_become_buckets() {
        let sample = read(&example()).unwrap();
        let buckets: Vec<_> = sample.histogram.positive.iter().map(|bucket| (bucket.index, bucket.count)).collect();
        assert_eq!(buckets, [(-3, 2.0), (-2, 3.0), (3, 2.0)]);
        let histogram = &sample.histogram;
        assert_eq!((histogram.count, histogram.zero_count, histogram.negative[0].count), (9.0, 1.0, 1.0));
        assert_eq!((histogram.hint, sample.timestamp), (ResetHint::Reset, 15_000));
        let floats = WireHistogram { positive_deltas: Vec::new(), positive_counts: vec![0.5, 1.0, 2.5], ..example() };
        assert_eq!(read(&floats).unwrap().histogram.positive[2].count, 2.5);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let problem = |change: fn(&mut WireHistogram)| {
            let mut wire = example();
            change(&mut wire);
            read(&wire).unwrap_err()
        };
        assert!(problem(|wire| wire.positive_spans[1].length = u32::MAX).contains("fewer counts"));
        assert!(problem(|wire| wire.positive_spans[1].length = 0).contains("more counts"));
        assert!(problem(|wire| wire.positive_spans[1].offset = -2).contains("bucket -3"));
        assert!(problem(|wire| wire.positive_spans[0].offset = i32::MAX).contains("the bucket 2147483648"));
        assert!(problem(|wire| wire.positive_deltas[2] = -9).contains("count of -6"));
        assert!(problem(|wire| wire.schema = 9).contains("schema 9"));
        assert_eq!(problem(|wire| wire.sum = cepmon_model::stale_nan()), "stale at 15000");
    }
}
