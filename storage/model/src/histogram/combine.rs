//! Sums and differences of histograms (Prometheus 3, `FloatHistogram.Add` and `Sub`).

use super::{Bucket, Histogram, ResetHint};

/// Exponential and custom buckets cannot be combined: their bounds have nothing to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("histograms with exponential and with custom buckets cannot be combined")]
pub struct IncompatibleBuckets;

/// What there is to say about a sum or a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Combined {
    /// One operand follows a reset, the other one does not.
    pub hints_collide: bool,
    /// The custom bounds of both differ, so that only those are left that both have.
    pub bounds_were_reconciled: bool,
}

impl Histogram {
    /// Adds another histogram; differences of schema, zero bucket and bounds are reconciled to the coarser ones.
    pub fn add(&mut self, other: &Self) -> Result<Combined, IncompatibleBuckets> {
        self.combine(other, |left, right| left + right)
    }

    /// Subtracts another histogram. The hint becomes the one of a sum; whoever means a difference sets [`ResetHint::Gauge`].
    pub fn subtract(&mut self, other: &Self) -> Result<Combined, IncompatibleBuckets> {
        self.combine(other, |left, right| left - right)
    }

    fn combine(&mut self, other: &Self, join: impl Fn(f64, f64) -> f64) -> Result<Combined, IncompatibleBuckets> {
        let mut other = other.clone();
        let bounds_were_reconciled = self.align(&mut other)?;
        let hints_collide = self.hint.collides(other.hint);
        self.hint = self.hint.joined(other.hint);
        for (left, right) in [(&mut self.count, other.count), (&mut self.sum, other.sum), (&mut self.zero_count, other.zero_count)] {
            *left = join(*left, right);
        }
        for (left, right) in [(&mut self.positive, &other.positive), (&mut self.negative, &other.negative)] {
            *left = merged(left, right, &join);
        }
        if bounds_were_reconciled {
            self.compact();
        }
        Ok(Combined { hints_collide, bounds_were_reconciled })
    }
}

impl ResetHint {
    /// The hint of a sum: a gauge makes a gauge, else what is not known of both is not known.
    pub fn joined(self, other: Self) -> Self {
        match (self, other) {
            (left, right) if left == right => left,
            (Self::Gauge, _) | (_, Self::Gauge) => Self::Gauge,
            _ => Self::Unknown,
        }
    }

    /// Whether one says what the other denies.
    fn collides(self, other: Self) -> bool {
        matches!((self, other), (Self::Reset, Self::NotReset) | (Self::NotReset, Self::Reset))
    }
}

/// All buckets of both sides, each joined with the other side's or with nothing.
fn merged(left: &[Bucket], right: &[Bucket], mut join: impl FnMut(f64, f64) -> f64) -> Vec<Bucket> {
    let mut result = Vec::with_capacity(left.len().max(right.len()));
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    loop {
        let index = match (left.peek(), right.peek()) {
            (Some(left), Some(right)) => left.index.min(right.index),
            (Some(one), None) | (None, Some(one)) => one.index,
            (None, None) => return result,
        };
        let next = |side: &mut std::iter::Peekable<std::slice::Iter<'_, Bucket>>| {
            side.next_if(|bucket| bucket.index == index).map_or(0.0, |bucket| bucket.count)
        };
        let (from_left, from_right) = (next(&mut left), next(&mut right));
        result.push(Bucket { index, count: join(from_left, from_right) });
    }
}
