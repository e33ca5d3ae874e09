//! What histograms from outside must be like (Prometheus 3, `FloatHistogram.Validate`).

use super::{Bucket, EXPONENTIAL, Histogram};

/// What is wrong with a histogram.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidHistogram {
    /// The schema is none that there is.
    #[error("histogram has the schema {0}; valid ones are -4 to 8, and -53 for custom buckets")]
    Schema(i32),
    /// A count is negative or no number.
    #[error("histogram has a count of {0} observations")]
    Count(f64),
    /// Buckets are not in order, or one is named twice.
    #[error("histogram has bucket {0} after one with the same or a higher index")]
    Order(i32),
    /// Custom bounds are not in order, or not finite.
    #[error("histogram has the custom bound {0}, which is not finite or not above the one before it")]
    Bound(f64),
    /// A custom bucket beyond the bounds.
    #[error("histogram has the custom bucket {index} and only {bounds} bounds")]
    Beyond {
        /// The bucket.
        index: i32,
        /// How many bounds there are.
        bounds: usize,
    },
    /// Custom buckets have no zero bucket and no negative side; exponential ones have no bounds.
    #[error("histogram has both custom buckets and what only exponential ones have")]
    Mixed,
}

impl Histogram {
    /// Whether it is one that computations may rely on.
    pub fn check(&self) -> Result<(), InvalidHistogram> {
        check_buckets(&self.positive)?;
        check_buckets(&self.negative)?;
        if let Some(count) = [self.count, self.zero_count].into_iter().find(|count| !is_count(*count)) {
            return Err(InvalidHistogram::Count(count));
        }
        if self.has_custom_buckets() {
            if self.zero_count != 0.0 || self.zero_threshold != 0.0 || !self.negative.is_empty() {
                return Err(InvalidHistogram::Mixed);
            }
            let mut before = f64::NEG_INFINITY;
            for bound in self.custom_values.iter().copied() {
                if bound <= before || !bound.is_finite() {
                    return Err(InvalidHistogram::Bound(bound));
                }
                before = bound;
            }
            let bounds = self.custom_values.len();
            return match self.positive.iter().find(|bucket| usize::try_from(bucket.index).map_or(true, |index| index > bounds)) {
                Some(bucket) => Err(InvalidHistogram::Beyond { index: bucket.index, bounds }),
                None => Ok(()),
            };
        }
        match EXPONENTIAL.contains(&self.schema) {
            true if self.custom_values.is_empty() => Ok(()),
            true => Err(InvalidHistogram::Mixed),
            false => Err(InvalidHistogram::Schema(self.schema)),
        }
    }
}

fn check_buckets(buckets: &[Bucket]) -> Result<(), InvalidHistogram> {
    if let Some(pair) = buckets.windows(2).find(|pair| pair[0].index >= pair[1].index) {
        return Err(InvalidHistogram::Order(pair[1].index));
    }
    match buckets.iter().find(|bucket| !is_count(bucket.count)) {
        Some(bucket) => Err(InvalidHistogram::Count(bucket.count)),
        None => Ok(()),
    }
}

fn is_count(count: f64) -> bool {
    count >= 0.0
}
