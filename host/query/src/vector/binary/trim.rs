//! `</` and `>/`: what of a histogram lies below or above a value (Prometheus 3.13, `FloatHistogram.TrimBuckets`).
//!
//! A bucket that the value lies in is divided where its observations are taken to be: evenly with custom buckets and around zero, else
//! on a logarithmic scale. The sum is estimated from the middles of what is left.

use cepmon_model::{BucketRange, Histogram};

/// What of a bucket stays, and where its middle is.
#[derive(Debug, Clone, Copy)]
struct Kept {
    count: f64,
    middle: f64,
}

/// The observations up to `at` (`keeps_lower`), or those from there on.
pub(super) fn trimmed(histogram: &Histogram, at: f64, keeps_lower: bool) -> Histogram {
    let cut = Cut { at, keeps_lower, is_linear: histogram.has_custom_buckets() };
    let mut result = histogram.clone();
    let (mut count, mut sum) = (0.0, 0.0);
    let mut is_changed = false;
    let mut keep = |own: &mut f64, kept: Kept| {
        is_changed |= *own != kept.count;
        *own = kept.count;
        count += kept.count;
        sum += kept.count * kept.middle;
    };
    let mut has = [false; 2];
    for (bucket, range) in result.positive.iter_mut().zip(histogram.positive_ranges()).filter(|(_, range)| range.count != 0.0) {
        has[0] = true;
        keep(&mut bucket.count, cut.bucket(range, true));
    }
    for (bucket, range) in result.negative.iter_mut().zip(histogram.negative_ranges()).filter(|(_, range)| range.count != 0.0) {
        has[1] = true;
        keep(&mut bucket.count, cut.bucket(range, false));
    }
    if let Some(mut range) = histogram.zero_range() {
        // With observations on one side of zero only, those near zero are taken to lie on that side too.
        match has {
            [true, false] => range.lower = 0.0,
            [false, true] => range.upper = 0.0,
            _ => {}
        }
        keep(&mut result.zero_count, cut.around_zero(range));
    }
    if is_changed {
        (result.count, result.sum) = (count, sum);
        result.compact();
    }
    result
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    at: f64,
    keeps_lower: bool,
    is_linear: bool,
}

impl Cut {
    fn bucket(self, range: BucketRange, is_positive: bool) -> Kept {
        let (is_whole, is_gone) = match self.keeps_lower {
            true => (range.upper <= self.at, range.lower >= self.at),
            false => (range.lower >= self.at, range.upper <= self.at),
        };
        match () {
            () if is_whole => Kept { count: range.count, middle: self.middle(range.lower, range.upper, is_positive) },
            () if is_gone => Kept { count: 0.0, middle: 0.0 },
            () if range.lower.is_infinite() || range.upper.is_infinite() => self.unbounded(range),
            () => {
                let below = range.count * self.share_below(range, is_positive);
                match self.keeps_lower {
                    true => Kept { count: below, middle: self.middle(range.lower, self.at, is_positive) },
                    false => Kept { count: range.count - below, middle: self.middle(self.at, range.upper, is_positive) },
                }
            }
        }
    }

    /// How much of a bucket lies below the cut, which is within it.
    fn share_below(self, range: BucketRange, is_positive: bool) -> f64 {
        if self.is_linear {
            return (self.at - range.lower) / (range.upper - range.lower);
        }
        let [lower, upper, at] = [range.lower, range.upper, self.at].map(|bound| bound.abs().log2());
        if is_positive { (at - lower) / (upper - lower) } else { 1.0 - (at - upper) / (lower - upper) }
    }

    /// Nobody knows how observations lie in a bucket without an end, so that it mostly goes as a whole.
    fn unbounded(self, range: BucketRange) -> Kept {
        let gone = Kept { count: 0.0, middle: 0.0 };
        if range.lower == f64::NEG_INFINITY {
            let has_end = range.upper > 0.0 && range.upper != f64::INFINITY;
            return match self.keeps_lower {
                // A first bucket that ends above zero is taken to start there.
                true if self.at > 0.0 && has_end => Kept { count: range.count * self.at / range.upper, middle: self.at / 2.0 },
                true if range.upper <= 0.0 => Kept { count: range.count, middle: self.at },
                false if self.at >= 0.0 && has_end => {
                    Kept { count: range.count * (1.0 - self.at / range.upper), middle: (self.at + range.upper) / 2.0 }
                }
                _ => gone,
            };
        }
        if self.keeps_lower { gone } else { Kept { count: range.count, middle: self.at } }
    }

    fn around_zero(self, BucketRange { lower, upper, count, .. }: BucketRange) -> Kept {
        let at = self.at.clamp(lower, upper);
        let (from, to) = if self.keeps_lower { (lower, at) } else { (at, upper) };
        let share = if from == lower && to == upper { 1.0 } else { (to - from) / (upper - lower) };
        Kept { count: count * share, middle: (from + to) / 2.0 }
    }

    /// Where the observations between two bounds are on average.
    fn middle(self, lower: f64, upper: f64, is_positive: bool) -> f64 {
        match (lower.is_infinite(), upper.is_infinite()) {
            (true, true) => 0.0,
            (true, false) if upper > 0.0 => upper / 2.0,
            (true, false) => upper,
            (false, true) => lower,
            (false, false) if self.is_linear => f64::midpoint(lower, upper),
            (false, false) => {
                let geometric = (lower * upper).abs().sqrt();
                if is_positive { geometric } else { -geometric }
            }
        }
    }
}
