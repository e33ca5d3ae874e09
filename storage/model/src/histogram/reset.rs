//! Whether a counter started again between two histograms (Prometheus 3, `FloatHistogram.DetectReset`).

use std::cmp::Ordering;

use super::bound::coarsened;
use super::{Bucket, Histogram, ResetHint};

impl Histogram {
    /// Whether the counter started again after `previous`: the hint says so, or something is less than it was.
    pub fn is_reset_after(&self, previous: &Self) -> bool {
        match self.hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            // Functions of counters can be asked for gauges too, and then they are taken for counters.
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < previous.count {
            return true;
        }
        if self.has_custom_buckets() {
            if !previous.has_custom_buckets() {
                return true;
            }
            if self.custom_values != previous.custom_values {
                let common: Vec<f64> = self.custom_values.iter().filter(|bound| previous.custom_values.contains(bound)).copied().collect();
                return lost(&self.rolled_up(&common), &previous.rolled_up(&common));
            }
            return lost(&self.positive, &previous.positive);
        }
        // Resolution grows and the zero bucket narrows with a restart only.
        if previous.has_custom_buckets() || self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero_count, threshold) = previous.zero_count_up_to(self.zero_threshold);
        if threshold != self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        let beyond_zero = |buckets: &[Bucket]| {
            let mut buckets = coarsened(buckets, previous.schema, self.schema);
            let within = buckets.iter().take_while(|bucket| self.bound(bucket.index) <= self.zero_threshold).count();
            buckets.drain(..within);
            buckets
        };
        lost(&self.positive, &beyond_zero(&previous.positive)) || lost(&self.negative, &beyond_zero(&previous.negative))
    }
}

impl ResetHint {
    /// What is known of a histogram beyond its own hint, given the one before it in its series: Prometheus's chunks keep that too.
    pub fn resolved(histogram: &Histogram, previous: Option<&Histogram>) -> Self {
        match (histogram.hint, previous) {
            (Self::Gauge, _) => Self::Gauge,
            (Self::Reset, _) => Self::Reset,
            (_, None) => Self::Unknown,
            (_, Some(previous)) if previous.hint == Self::Gauge => Self::Unknown,
            (_, Some(previous)) => {
                // What it says itself may be about another series of samples.
                let unmarked = Histogram { hint: Self::Unknown, ..histogram.clone() };
                if unmarked.is_reset_after(previous) { Self::Reset } else { Self::NotReset }
            }
        }
    }
}

/// Whether some bucket has less than before, or is gone with its observations.
fn lost(buckets: &[Bucket], previous: &[Bucket]) -> bool {
    let mut rest = buckets.iter().peekable();
    previous.iter().any(|before| {
        while rest.next_if(|bucket| bucket.index < before.index).is_some() {}
        match rest.peek().map(|bucket| (bucket.index.cmp(&before.index), bucket.count)) {
            Some((Ordering::Equal, count)) => count < before.count,
            _ => before.count != 0.0,
        }
    })
}
