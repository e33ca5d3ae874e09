//! Quantiles and fractions from cumulative buckets (Prometheus 3, `promql/quantile.go`).

/// A cumulative bucket: how many observations are at most `upper_bound`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    pub(super) upper_bound: f64,
    pub(super) count: f64,
}

/// Counts that differ by less than this, relatively, come from inexact arithmetic and count as equal.
const SMALL_DELTA: f64 = 1e-12;

/// The value below which the given share of observations lies, interpolated within its bucket. NaN without a `+Inf` bucket or
/// without observations; infinite for a quantile outside 0 to 1. Also says whether a bucket held less than the one before it.
pub(super) fn quantile(quantile: f64, buckets: &mut Vec<Bucket>) -> (f64, bool) {
    if quantile.is_nan() {
        return (f64::NAN, false);
    }
    if !(0.0..=1.0).contains(&quantile) {
        return (if quantile < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY }, false);
    }
    if !tidy(buckets) {
        return (f64::NAN, false);
    }
    let is_forced = make_monotonic(buckets);
    (interpolated(quantile, buckets), is_forced)
}

fn interpolated(quantile: f64, buckets: &[Bucket]) -> f64 {
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if buckets.len() < 2 || observations == 0.0 || observations.is_nan() {
        return f64::NAN;
    }
    let rank = quantile * observations;
    let found = buckets[..last].iter().position(|bucket| bucket.count >= rank).unwrap_or(last);
    if found == last {
        return buckets[last - 1].upper_bound;
    }
    let bucket = buckets[found];
    if found == 0 {
        // The first bucket starts at zero, if it does not lie below.
        return if bucket.upper_bound <= 0.0 { bucket.upper_bound } else { bucket.upper_bound * (rank / bucket.count) };
    }
    let before = buckets[found - 1];
    let share = (rank - before.count) / (bucket.count - before.count);
    before.upper_bound + (bucket.upper_bound - before.upper_bound) * share
}

/// The share of observations between two values. NaN without a `+Inf` bucket or without observations.
pub(super) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    if !tidy(buckets) || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    let observations = buckets[buckets.len() - 1].count;
    if observations == 0.0 {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank = |value: f64| rank_of(value, buckets).min(observations);
    (rank(upper) - rank(lower)) / observations
}

/// How many observations lie below a value, interpolated within its bucket.
fn rank_of(value: f64, buckets: &[Bucket]) -> f64 {
    let mut rank = 0.0;
    let mut lower_bound = f64::NEG_INFINITY;
    for (index, bucket) in buckets.iter().enumerate() {
        if lower_bound >= value {
            return rank;
        }
        if bucket.upper_bound > value {
            // As for quantiles, a first bucket that reaches above zero starts at zero.
            let start = if index == 0 && bucket.upper_bound > 0.0 { 0.0 } else { lower_bound };
            return rank + (bucket.count - rank) * (value - start) / (bucket.upper_bound - start);
        }
        rank = bucket.count;
        lower_bound = bucket.upper_bound;
    }
    rank
}

/// Sorts, joins buckets with equal bounds; false if the last one is not `+Inf`.
fn tidy(buckets: &mut Vec<Bucket>) -> bool {
    buckets.sort_by(|left, right| left.upper_bound.total_cmp(&right.upper_bound));
    buckets.dedup_by(|next, kept| {
        let is_same = next.upper_bound == kept.upper_bound;
        if is_same {
            kept.count += next.count;
        }
        is_same
    });
    buckets.last().is_some_and(|last| last.upper_bound == f64::INFINITY)
}

/// Scrapes and rules race, so a bucket may hold less than the one before it: it is raised. Whether one was
/// (differences from inexact arithmetic aside).
fn make_monotonic(buckets: &mut [Bucket]) -> bool {
    let mut before = f64::NEG_INFINITY;
    let mut is_forced = false;
    for bucket in buckets {
        let is_equal = (bucket.count - before).abs() / (bucket.count.abs() + before.abs()) < SMALL_DELTA;
        is_forced |= bucket.count < before && !is_equal;
        if bucket.count < before || is_equal {
            bucket.count = before;
        }
        before = bucket.count;
    }
    is_forced
}
