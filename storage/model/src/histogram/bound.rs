//! Where buckets lie on the number line (Prometheus 3, `model/histogram/generic.go`).

use std::sync::LazyLock;

use super::{Bucket, CUSTOM_BUCKETS, Histogram};

/// A bucket by its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BucketRange {
    /// Where it begins.
    pub lower: f64,
    /// Where it ends.
    pub upper: f64,
    /// Whether `lower` itself is in it.
    pub includes_lower: bool,
    /// Whether `upper` itself is in it.
    pub includes_upper: bool,
    /// How many observations it has.
    pub count: f64,
}

impl Histogram {
    /// Positive buckets, away from zero; with custom buckets all of them.
    pub fn positive_ranges(&self) -> impl DoubleEndedIterator<Item = BucketRange> + '_ {
        self.positive.iter().map(|bucket| {
            let (lower, upper) = (self.bound(bucket.index.saturating_sub(1)), self.bound(bucket.index));
            let (includes_lower, includes_upper) = match self.has_custom_buckets() {
                true => (bucket.index == 0, true),
                false => (lower < 0.0, upper > 0.0),
            };
            BucketRange { lower, upper, includes_lower, includes_upper, count: bucket.count }
        })
    }

    /// Negative buckets, away from zero.
    pub fn negative_ranges(&self) -> impl DoubleEndedIterator<Item = BucketRange> + '_ {
        self.negative.iter().map(|bucket| {
            let (lower, upper) = (-self.bound(bucket.index), -self.bound(bucket.index.saturating_sub(1)));
            BucketRange { lower, upper, includes_lower: lower < 0.0, includes_upper: upper > 0.0, count: bucket.count }
        })
    }

    /// The zero bucket, if it has observations.
    pub fn zero_range(&self) -> Option<BucketRange> {
        let (lower, upper) = (-self.zero_threshold, self.zero_threshold);
        (self.zero_count > 0.0).then_some(BucketRange { lower, upper, includes_lower: true, includes_upper: true, count: self.zero_count })
    }

    /// All buckets in ascending order. What lies within the zero bucket is cut off from its neighbours.
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = BucketRange> + '_ {
        let threshold = self.zero_threshold;
        let negative = self.negative_ranges().rev().map(move |mut range| {
            if range.upper < 0.0 && range.upper > -threshold {
                range.upper = -threshold;
            }
            range
        });
        let positive = self.positive_ranges().map(move |mut range| {
            if range.lower > 0.0 && range.lower < threshold {
                range.lower = threshold;
            }
            range
        });
        negative.chain(self.zero_range()).chain(positive)
    }

    /// The upper bound of a positive bucket; of exponential ones it is never negative.
    pub(super) fn bound(&self, index: i32) -> f64 {
        match self.schema {
            CUSTOM_BUCKETS if index < 0 => f64::NEG_INFINITY,
            CUSTOM_BUCKETS => self.custom_values.get(index as usize).copied().unwrap_or(f64::INFINITY),
            schema => exponential_bound(index, schema),
        }
    }
}

/// How much finer than a power of two the finest schema is.
const FINEST: i32 = 8;

/// By how many units in the last place Prometheus's table lies below the next number above each true bound: answers show its digits.
const BELOW: &[u8; 1 << FINEST] =
    b"10100111101110111122101211111122011111111111112211221011101111211110101111221122101100111011101011110000112210211121101111221122\
    11111123112211221122212222222233111111101122112221321121223222222133112222323232323332434344334422222232213321322233213233433244";

/// 2^(i/256) for each i below 256, as in that table.
static FRACTIONS: LazyLock<[f64; 1 << FINEST]> = LazyLock::new(|| {
    // Fixed-point numbers with 62 binary digits after the point, so that their products fit. `exp2` differs between platforms.
    const ONE: u128 = 1 << 62;
    let mut roots = [0_u128; FINEST as usize];
    let mut root = 2 * ONE;
    for slot in &mut roots {
        root = (root * ONE).isqrt();
        *slot = root;
    }
    std::array::from_fn(|index| {
        let factors = roots.iter().enumerate().filter(|(place, _)| index >> (FINEST as usize - 1 - place) & 1 == 1);
        let product = factors.fold(ONE, |product, (_, root)| (product * root) >> 62);
        // 53 digits are what a double has.
        let units = (product >> 10) + 1 - u128::from(BELOW[index] - b'0');
        units as f64 / (ONE >> 10) as f64
    })
});

/// The upper bound of an exponential bucket: 2^(index · 2^-schema), the largest number where it would be beyond.
fn exponential_bound(index: i32, schema: i32) -> f64 {
    let (exponent, fraction) = if schema < 0 {
        (i64::from(index) << -schema, 1.0)
    } else {
        let within = index & ((1 << schema) - 1);
        (i64::from(index >> schema), FRACTIONS[(within << (FINEST - schema)) as usize])
    };
    match (exponent, fraction == 1.0) {
        // The last finite bucket ends at the largest number, the one after it at infinity.
        (1024, true) => f64::MAX,
        (1024.., _) => f64::INFINITY,
        (..-1074, _) => 0.0,
        // Two steps, since the smallest numbers have no exponent of their own.
        (exponent, _) => fraction * 2_f64.powi(exponent.div_euclid(2) as i32) * 2_f64.powi((exponent - exponent.div_euclid(2)) as i32),
    }
}

/// The index in a coarser schema of a bucket of a finer one.
pub(super) fn index_in(index: i32, from: i32, to: i32) -> i32 {
    ((index - 1) >> (from - to)) + 1
}

/// The buckets in a coarser schema.
pub(super) fn coarsened(buckets: &[Bucket], from: i32, to: i32) -> Vec<Bucket> {
    let mut coarse: Vec<Bucket> = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        let index = index_in(bucket.index, from, to);
        match coarse.last_mut() {
            Some(last) if last.index == index => last.count += bucket.count,
            _ => coarse.push(Bucket { index, count: bucket.count }),
        }
    }
    coarse
}
