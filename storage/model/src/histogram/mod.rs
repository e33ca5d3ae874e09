//! Native histograms, as Prometheus 3 has them: counts of observations in buckets that are either exponential or given by their bounds.
//!
//! A [`Histogram`] is one sample. [`bound`] says where its buckets lie, [`combine`] adds and subtracts, [`reset`] finds out whether a
//! counter started again, [`classic`] makes one from the buckets of a classic histogram. It knows no notation and no wire format.

mod bound;
mod classic;
mod combine;
mod layout;
mod reset;
mod valid;

use std::sync::Arc;

pub use bound::BucketRange;
pub use classic::{ClassicHistogram, ClassicProblem};
pub use combine::{Combined, IncompatibleBuckets};
pub use valid::InvalidHistogram;

/// The schema of histograms whose buckets are given by their bounds (`NHCB`).
pub const CUSTOM_BUCKETS: i32 = -53;

/// The schemas of exponential buckets: each power of two is divided into two to the power of the schema.
pub const EXPONENTIAL: std::ops::RangeInclusive<i32> = -4..=8;

/// What is known about whether a counter started again just before a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResetHint {
    /// Nothing: comparing with the sample before it tells.
    #[default]
    Unknown,
    /// It did.
    Reset,
    /// It did not.
    NotReset,
    /// It is no counter, so that there is nothing to reset.
    Gauge,
}

/// A bucket that is there, be it empty or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Which one; bucket 0 of an exponential schema ends at 1, bucket 0 of custom buckets at the first bound.
    pub index: i32,
    /// How many observations it has; a fraction after some computation.
    pub count: f64,
}

/// One sample of a native histogram, its counts absolute.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// Whether it follows a reset.
    pub hint: ResetHint,
    /// One of [`EXPONENTIAL`], or [`CUSTOM_BUCKETS`].
    pub schema: i32,
    /// Observations as small as that, of either sign, are in the zero bucket. 0 with custom buckets.
    pub zero_threshold: f64,
    /// How many they are. 0 with custom buckets.
    pub zero_count: f64,
    /// How many observations there are in all, NaN among them.
    pub count: f64,
    /// The sum of all observations.
    pub sum: f64,
    /// Buckets of positive observations (of all with custom buckets), each index once, ascending.
    pub positive: Vec<Bucket>,
    /// Buckets of negative observations by their distance from zero, each index once, ascending.
    pub negative: Vec<Bucket>,
    /// The upper bounds of custom buckets, strictly ascending, `+Inf` left out; empty for exponential ones.
    pub custom_values: Arc<[f64]>,
}

impl Histogram {
    /// Whether its buckets are given by their bounds.
    pub fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS
    }

    /// Leaves out buckets without observations.
    pub fn compact(&mut self) {
        self.positive.retain(|bucket| bucket.count != 0.0);
        self.negative.retain(|bucket| bucket.count != 0.0);
    }

    /// Multiplies all counts and the sum. A histogram turned negative is no counter.
    pub fn scale(&mut self, factor: f64) {
        self.for_each_number(|number| *number *= factor);
        if factor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    /// Divides all counts and the sum. By zero, no bucket is left.
    pub fn divide(&mut self, divisor: f64) {
        if divisor == 0.0 {
            self.positive.clear();
            self.negative.clear();
        }
        self.for_each_number(|number| *number /= divisor);
        if divisor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    /// Whether a count or the sum is infinite.
    pub fn is_overflown(&self) -> bool {
        let buckets = self.positive.iter().chain(&self.negative).map(|bucket| bucket.count);
        [self.zero_count, self.count, self.sum].into_iter().chain(buckets).any(f64::is_infinite)
    }

    /// Whether both are the same data, to the bit and the empty bucket; what the hints say does not count.
    pub fn is_same_data(&self, other: &Self) -> bool {
        let are_equal = |left: &[Bucket], right: &[Bucket]| {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| left.index == right.index && is_same(left.count, right.count))
        };
        self.schema == other.schema
            && is_same(self.count, other.count)
            && is_same(self.sum, other.sum)
            && is_same(self.zero_count, other.zero_count)
            && self.zero_threshold == other.zero_threshold
            && self.custom_values == other.custom_values
            && are_equal(&self.positive, &other.positive)
            && are_equal(&self.negative, &other.negative)
    }

    /// About how much memory it takes, in bytes.
    pub fn size(&self) -> usize {
        size_of::<Self>() + size_of::<Bucket>() * (self.positive.len() + self.negative.len()) + size_of::<f64>() * self.custom_values.len()
    }

    fn for_each_number(&mut self, mut change: impl FnMut(&mut f64)) {
        [&mut self.zero_count, &mut self.count, &mut self.sum].into_iter().for_each(&mut change);
        self.positive.iter_mut().chain(&mut self.negative).for_each(|bucket| change(&mut bucket.count));
    }
}

fn is_same(left: f64, right: f64) -> bool {
    left.to_bits() == right.to_bits()
}

#[cfg(test)]
mod tests;
