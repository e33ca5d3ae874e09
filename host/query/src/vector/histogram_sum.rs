//! Sums and means of native histograms that keep the small digits, as [`kahan`](super::kahan) does for numbers: every count has a
//! compensation of its own.

use cepmon_model::{Bucket, Histogram, IncompatibleBuckets, ResetHint};

use super::Note;
use super::kahan::KahanSum;
use crate::Severity;

/// A sum with its compensation, which is a histogram with the same buckets.
#[derive(Debug, Clone)]
pub(crate) struct HistogramSum {
    sum: Histogram,
    compensation: Histogram,
}

impl HistogramSum {
    pub(crate) fn of(first: &Histogram) -> Self {
        let compensation = Histogram {
            hint: first.hint,
            schema: first.schema,
            zero_threshold: first.zero_threshold,
            custom_values: std::sync::Arc::clone(&first.custom_values),
            ..Histogram::default()
        };
        Self { sum: first.clone(), compensation }
    }

    /// Adds one more; says whether custom bounds had to be reconciled.
    pub(crate) fn add(&mut self, other: &Histogram) -> Result<bool, IncompatibleBuckets> {
        let mut other = other.clone();
        let was_reconciled = self.sum.align(&mut other)?;
        self.compensation.align(&mut self.sum)?;
        self.compensation.align(&mut other)?;
        let (sum, compensation) = (&mut self.sum, &mut self.compensation);
        sum.hint = sum.hint.joined(other.hint);
        compensation.hint = sum.hint;
        add_number(&mut sum.count, &mut compensation.count, other.count);
        add_number(&mut sum.sum, &mut compensation.sum, other.sum);
        add_number(&mut sum.zero_count, &mut compensation.zero_count, other.zero_count);
        add_buckets(&mut sum.positive, &mut compensation.positive, &other.positive);
        add_buckets(&mut sum.negative, &mut compensation.negative, &other.negative);
        Ok(was_reconciled)
    }

    pub(crate) fn total(mut self) -> Histogram {
        self.sum.add(&self.compensation).expect("BUG: a sum and its compensation have buckets of one kind");
        self.sum.compact();
        self.sum
    }

    fn scale(&mut self, factor: f64) {
        self.sum.scale(factor);
        self.compensation.scale(factor);
    }

    fn divide(&mut self, divisor: f64) {
        self.sum.divide(divisor);
        self.compensation.divide(divisor);
    }
}

/// A mean: a sum over a count while the sum is finite, from then on updated histogram by histogram.
#[derive(Debug, Clone)]
pub(crate) struct HistogramMean {
    sum: HistogramSum,
    count: f64,
    is_incremental: bool,
}

impl HistogramMean {
    pub(crate) fn of(first: &Histogram) -> Self {
        Self { sum: HistogramSum::of(first), count: 1.0, is_incremental: false }
    }

    /// Adds one more; says whether custom bounds had to be reconciled.
    pub(crate) fn add(&mut self, other: &Histogram) -> Result<bool, IncompatibleBuckets> {
        self.count += 1.0;
        if !self.is_incremental {
            let mut next = self.sum.clone();
            let was_reconciled = next.add(other)?;
            if !next.sum.is_overflown() {
                self.sum = next;
                return Ok(was_reconciled);
            }
            self.is_incremental = true;
            self.sum.divide(self.count - 1.0);
        }
        self.sum.scale((self.count - 1.0) / self.count);
        let mut share = other.clone();
        share.divide(self.count);
        self.sum.add(&share)
    }

    pub(crate) fn total(mut self) -> Histogram {
        if !self.is_incremental {
            self.sum.divide(self.count);
        }
        self.sum.total()
    }
}

/// How the warning of resets that contradict each other begins.
pub(crate) const COLLIDING_RESETS: &str = "conflicting counter resets during histogram";

/// What there is to say about the histograms that became one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    reset: bool,
    not_reset: bool,
    reconciled: bool,
}

impl Seen {
    pub(crate) fn of(first: &Histogram) -> Self {
        let mut seen = Self::default();
        seen.hint(first.hint);
        seen
    }

    pub(crate) fn note(&mut self, histogram: &Histogram, was_reconciled: bool) {
        self.hint(histogram.hint);
        self.reconciled |= was_reconciled;
    }

    fn hint(&mut self, hint: ResetHint) {
        self.reset |= hint == ResetHint::Reset;
        self.not_reset |= hint == ResetHint::NotReset;
    }

    pub(crate) fn tell(self, note: Note<'_>) {
        if self.reset && self.not_reset {
            note(Severity::Warning, format!("{COLLIDING_RESETS} aggregation"));
        }
        if self.reconciled {
            note(Severity::Info, "mismatched custom buckets were reconciled during aggregation".to_owned());
        }
    }
}

fn add_number(sum: &mut f64, compensation: &mut f64, value: f64) {
    (*sum, *compensation) = KahanSum::step(*sum, *compensation, value);
}

fn add_buckets(sum: &mut Vec<Bucket>, compensation: &mut Vec<Bucket>, other: &[Bucket]) {
    for bucket in other {
        let place = sum.partition_point(|own| own.index < bucket.index);
        if sum.get(place).is_none_or(|own| own.index != bucket.index) {
            sum.insert(place, Bucket { index: bucket.index, count: 0.0 });
        }
        let beside = compensation.partition_point(|own| own.index < bucket.index);
        if compensation.get(beside).is_none_or(|own| own.index != bucket.index) {
            compensation.insert(beside, Bucket { index: bucket.index, count: 0.0 });
        }
        add_number(&mut sum[place].count, &mut compensation[beside].count, bucket.count);
    }
}
