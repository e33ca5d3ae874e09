//! Exponential histograms of OpenTelemetry as native ones (Prometheus 2.48, `prometheusremotewrite/histograms.go`).

use std::collections::BTreeMap;

use bytes::Bytes;
use cepmon_model::{EXPONENTIAL, stale_nan};
use prost::Message;

use super::message::{ExponentialBuckets, ExponentialPoint};
use super::{NO_RECORDED_VALUE, milliseconds};
use crate::ingest::native_histogram::{WireCount, WireHistogram, WireSpan, WireZeroCount};

/// What is zero if the point does not say so.
const ZERO_THRESHOLD: f64 = 1e-128;

/// The message of a point; `None` if its buckets are too coarse for a native histogram, or out of its range.
pub(super) fn wire_histogram(point: &ExponentialPoint) -> Option<Bytes> {
    let (coarsest, finest) = (*EXPONENTIAL.start(), *EXPONENTIAL.end());
    if point.scale < coarsest {
        return None;
    }
    let schema = point.scale.min(finest);
    // What is finer is merged into the finest schema that there is.
    let shift = u32::try_from(point.scale - schema).ok()?.min(31);
    let is_stale = point.flags & NO_RECORDED_VALUE != 0;
    let (positive_spans, positive_counts) = spans(point.positive.as_ref(), shift)?;
    let (negative_spans, negative_counts) = spans(point.negative.as_ref(), shift)?;
    let histogram = WireHistogram {
        count: Some(WireCount::Int(point.count)),
        sum: if is_stale { stale_nan() } else { point.sum.unwrap_or_default() },
        schema,
        zero_threshold: if point.zero_threshold == 0.0 { ZERO_THRESHOLD } else { point.zero_threshold },
        zero_count: Some(WireZeroCount::Int(point.zero_count)),
        positive_spans,
        positive_counts,
        negative_spans,
        negative_counts,
        timestamp: milliseconds(point.time_ns),
        ..WireHistogram::default()
    };
    Some(histogram.encode_to_vec().into())
}

/// A bucket of OpenTelemetry begins where one of Prometheus ends, so that its number is one less.
fn spans(buckets: Option<&ExponentialBuckets>, shift: u32) -> Option<(Vec<WireSpan>, Vec<f64>)> {
    let mut merged: BTreeMap<i32, u64> = BTreeMap::new();
    for (place, count) in buckets.into_iter().flat_map(|buckets| (i64::from(buckets.offset)..).zip(&buckets.counts)) {
        if *count > 0 {
            let own = merged.entry(i32::try_from((place >> shift) + 1).ok()?).or_default();
            *own = own.saturating_add(*count);
        }
    }
    let (mut spans, mut next): (Vec<WireSpan>, i32) = (Vec::new(), 0);
    for index in merged.keys() {
        match spans.last_mut() {
            Some(span) if *index == next => span.length += 1,
            _ => spans.push(WireSpan { offset: index.checked_sub(next)?, length: 1 }),
        }
        next = index.checked_add(1)?;
    }
    Some((spans, merged.into_values().map(|count| count as f64).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::native_histogram::{WireSample, read_histogram};

    fn read(point: &ExponentialPoint) -> Option<Vec<(i32, f64)>> {
        match read_histogram(&wire_histogram(point)?).unwrap() {
            WireSample::Histogram(sample) => Some(sample.histogram.positive.iter().map(|bucket| (bucket.index, bucket.count)).collect()),
            WireSample::Stale { .. } => None,
        }
    }

    fn point(scale: i32, offset: i32, counts: &[u64]) -> ExponentialPoint {
        let positive = Some(ExponentialBuckets { offset, counts: counts.to_vec() });
        ExponentialPoint { count: counts.iter().sum(), scale, positive, ..ExponentialPoint::default() }
    }

    #[test]
    fn buckets_are_those_of_prometheus() {
        // From 1 to 2 at scale 0: the bucket that ends at 2 has the number 1.
        assert_eq!(read(&point(0, 0, &[3, 0, 5])).unwrap(), [(1, 3.0), (3, 5.0)]);
        assert_eq!(read(&point(10, -5, &[1, 2, 4, 8, 16, 32])).unwrap(), [(-1, 1.0), (0, 30.0), (1, 32.0)]);
        assert_eq!(read(&point(-5, 0, &[1])), None);
        assert_eq!(read(&point(0, i32::MAX, &[1])), None);
        assert_eq!(read(&ExponentialPoint { flags: NO_RECORDED_VALUE, ..point(0, 0, &[1]) }), None);
    }
}
