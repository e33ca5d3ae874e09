//! What can be read off a native histogram: quantiles, fractions, variance (Prometheus 3, `promql/quantile.go`).

use cepmon_model::{BucketRange, Histogram};

use crate::vector::kahan::sum;

/// A value, and what the NaN among the observations do to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    /// What there is to say after the function's name, if anything.
    pub(super) remark: Option<&'static str>,
}

impl From<f64> for Estimate {
    fn from(value: f64) -> Self {
        Self { value, remark: None }
    }
}

/// The value below which the given share of observations lies. Within a bucket, observations are taken to lie evenly on a logarithmic
/// scale; with custom buckets and around zero, on an ordinary one.
pub(super) fn quantile(quantile: f64, histogram: &Histogram) -> Estimate {
    match quantile {
        quantile if quantile < 0.0 => return f64::NEG_INFINITY.into(),
        quantile if quantile > 1.0 => return f64::INFINITY.into(),
        quantile if histogram.count == 0.0 || quantile.is_nan() => return f64::NAN.into(),
        _ => {}
    }
    // NaN is in no bucket, and counts as above all of them; that there is one shows in the sum.
    let may_have_nan = histogram.sum.is_nan();
    let is_forward = may_have_nan || quantile < 0.5;
    let rank = if is_forward { quantile * histogram.count } else { (1.0 - quantile) * histogram.count };
    let (range, mut count) = match is_forward {
        true => reaching(rank, histogram.ranges()),
        false => reaching(rank, histogram.ranges().rev()),
    };
    let mut range = range.unwrap_or(BucketRange { lower: 0.0, upper: 0.0, includes_lower: true, includes_upper: true, count: 0.0 });
    if histogram.has_custom_buckets() {
        if range.lower == f64::NEG_INFINITY {
            if range.upper <= 0.0 {
                return range.upper.into();
            }
            range.lower = 0.0;
        } else if range.upper == f64::INFINITY {
            return range.lower.into();
        }
    } else if range.lower < 0.0 && range.upper > 0.0 {
        one_sided(histogram, &mut range);
    }
    count = count.min(histogram.count);
    if count < rank {
        return match may_have_nan {
            true => Estimate { value: f64::NAN, remark: Some("has NaN observations, result is NaN") },
            false => range.upper.into(),
        };
    }
    let within = if is_forward { rank - (count - range.count) } else { count - rank };
    let value = interpolated(histogram, &range, within / range.count);
    let is_skewed = may_have_nan && in_buckets(histogram) < histogram.count;
    Estimate { value, remark: is_skewed.then_some("has NaN observations, result is skewed higher") }
}

/// The bucket in which a rank is reached, and the observations up to its end.
fn reaching(rank: f64, ranges: impl Iterator<Item = BucketRange>) -> (Option<BucketRange>, f64) {
    let (mut found, mut count) = (None, 0.0);
    for range in ranges {
        found = Some(range);
        if range.count == 0.0 {
            continue;
        }
        count += range.count;
        if count >= rank {
            break;
        }
    }
    (found, count)
}

/// With observations on one side of zero only, the zero bucket is taken to lie on that side.
fn one_sided(histogram: &Histogram, range: &mut BucketRange) {
    match (histogram.negative.is_empty(), histogram.positive.is_empty()) {
        (true, false) => range.lower = 0.0,
        (false, true) => range.upper = 0.0,
        _ => {}
    }
}

fn interpolated(histogram: &Histogram, range: &BucketRange, share: f64) -> f64 {
    if histogram.has_custom_buckets() || (range.lower <= 0.0 && range.upper >= 0.0) {
        return range.lower + (range.upper - range.lower) * share;
    }
    let (lower, upper) = (range.lower.abs().log2(), range.upper.abs().log2());
    match range.lower > 0.0 {
        true => (lower + (upper - lower) * share).exp2(),
        false => -(upper + (lower - upper) * (1.0 - share)).exp2(),
    }
}

fn in_buckets(histogram: &Histogram) -> f64 {
    histogram.ranges().map(|range| range.count).sum()
}

/// The share of observations between two values.
pub(super) fn fraction(lower: f64, upper: f64, histogram: &Histogram) -> Estimate {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN.into();
    }
    if lower >= upper {
        return 0.0.into();
    }
    let (count, remark) = match in_buckets(histogram) {
        count if histogram.sum.is_nan() && count < histogram.count => {
            (count, Some("has NaN observations, which are excluded from all fractions"))
        }
        count if histogram.sum.is_nan() => (count, None),
        _ => (histogram.count, None),
    };
    let rank = |value: f64| rank_of(value, histogram).unwrap_or(count).min(count);
    Estimate { value: (rank(upper) - rank(lower)) / histogram.count, remark }
}

/// How many observations lie below a value; `None` if it is above all buckets.
fn rank_of(value: f64, histogram: &Histogram) -> Option<f64> {
    let mut rank = 0.0;
    for mut range in histogram.ranges() {
        let is_around_zero = range.lower <= 0.0 && range.upper >= 0.0;
        if is_around_zero {
            one_sided(histogram, &mut range);
        }
        if range.lower >= value {
            return Some(rank);
        }
        if range.upper > value {
            let is_linear = histogram.has_custom_buckets() || is_around_zero;
            return Some(match () {
                // Nobody knows where in such a bucket the observations are.
                () if is_linear && range.lower == f64::NEG_INFINITY => range.count,
                () if is_linear => rank + range.count * (value - range.lower) / (range.upper - range.lower),
                () => rank + range.count * logarithmic_share(value, &range),
            });
        }
        rank += range.count;
    }
    None
}

fn logarithmic_share(value: f64, range: &BucketRange) -> f64 {
    let [lower, upper, at] = [range.lower, range.upper, value].map(|bound| bound.abs().log2());
    if value > 0.0 { (at - lower) / (upper - lower) } else { 1.0 - (at - upper) / (lower - upper) }
}

/// The variance, every observation taken to be in the middle of its bucket: the geometric one, with custom buckets the arithmetic one.
pub(super) fn variance(histogram: &Histogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let squares = histogram.ranges().filter(|range| range.count != 0.0).map(|range| {
        let middle = match () {
            () if histogram.has_custom_buckets() => f64::midpoint(range.upper, range.lower),
            () if range.lower <= 0.0 && range.upper >= 0.0 => 0.0,
            () if range.upper < 0.0 => -(range.upper * range.lower).sqrt(),
            () => (range.upper * range.lower).sqrt(),
        };
        let distance = middle - mean;
        range.count * distance * distance
    });
    sum(squares) / histogram.count
}
