//! Brings two histograms to the same buckets: the coarser schema, the wider zero bucket, the custom bounds that both have
//! (Prometheus 3, `model/histogram/float_histogram.go`).

use std::sync::Arc;

use super::bound::coarsened;
use super::combine::IncompatibleBuckets;
use super::{Bucket, Histogram};

impl Histogram {
    /// Merges its buckets into those of a coarser schema; does nothing if it is as coarse already, or if the buckets are custom ones.
    pub fn coarsen(&mut self, schema: i32) {
        if schema < self.schema && !self.has_custom_buckets() {
            self.positive = coarsened(&self.positive, self.schema, schema);
            self.negative = coarsened(&self.negative, self.schema, schema);
            self.schema = schema;
        }
    }

    /// Changes both so that buckets with the same index are the same bucket. Whether custom bounds had to go.
    pub fn align(&mut self, other: &mut Self) -> Result<bool, IncompatibleBuckets> {
        if self.has_custom_buckets() != other.has_custom_buckets() {
            return Err(IncompatibleBuckets);
        }
        if self.has_custom_buckets() {
            if self.custom_values == other.custom_values {
                return Ok(false);
            }
            let common: Arc<[f64]> = self.custom_values.iter().filter(|bound| other.custom_values.contains(bound)).copied().collect();
            self.keep_bounds(&common);
            other.keep_bounds(&common);
            return Ok(true);
        }
        while self.zero_threshold != other.zero_threshold {
            let narrower = if self.zero_threshold < other.zero_threshold {
                (&mut *self, other.zero_threshold)
            } else {
                (&mut *other, self.zero_threshold)
            };
            narrower.0.widen_zero_bucket(narrower.1);
        }
        let schema = self.schema.min(other.schema);
        self.coarsen(schema);
        other.coarsen(schema);
        Ok(false)
    }

    /// What the zero count would be with a larger threshold. If that lies within a bucket with observations, the threshold is moved to
    /// the bucket's far end; it is given too.
    pub(super) fn zero_count_up_to(&self, mut threshold: f64) -> (f64, f64) {
        'again: loop {
            let mut count = self.zero_count;
            for range in self.positive_ranges().take_while(|range| range.lower < threshold) {
                count += range.count;
                if range.upper > threshold && range.count != 0.0 {
                    threshold = range.upper;
                    break;
                }
            }
            for range in self.negative_ranges().take_while(|range| range.upper > -threshold) {
                count += range.count;
                if range.lower < -threshold && range.count != 0.0 {
                    // What was said of the positive buckets holds no longer.
                    threshold = -range.lower;
                    continue 'again;
                }
            }
            return (count, threshold);
        }
    }

    fn widen_zero_bucket(&mut self, threshold: f64) {
        (self.zero_count, self.zero_threshold) = self.zero_count_up_to(threshold);
        let positive = self.positive_ranges().take_while(|range| range.lower < self.zero_threshold).count();
        let negative = self.negative_ranges().take_while(|range| range.upper > -self.zero_threshold).count();
        self.positive.drain(..positive);
        self.negative.drain(..negative);
        self.compact();
    }

    /// Rolls custom buckets up into those that end at fewer bounds.
    fn keep_bounds(&mut self, bounds: &Arc<[f64]>) {
        self.positive = self.rolled_up(bounds);
        self.custom_values = Arc::clone(bounds);
    }

    /// Its custom buckets as if they had only these bounds, empty ones left out.
    pub(super) fn rolled_up(&self, bounds: &[f64]) -> Vec<Bucket> {
        let mut buckets: Vec<Bucket> = Vec::with_capacity(bounds.len() + 1);
        for range in self.positive_ranges().filter(|range| range.count != 0.0) {
            let index = bounds.partition_point(|bound| *bound < range.upper) as i32;
            match buckets.last_mut() {
                Some(last) if last.index == index => last.count += range.count,
                _ => buckets.push(Bucket { index, count: range.count }),
            }
        }
        buckets
    }
}
