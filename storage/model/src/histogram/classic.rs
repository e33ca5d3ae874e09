//! A histogram with custom buckets from the buckets, count and sum of a classic one (Prometheus 3, `util/convertnhcb`).

use std::sync::Arc;

use super::{Bucket, CUSTOM_BUCKETS, Histogram};

/// The parts of one classic histogram, at one time.
#[derive(Debug, Clone, Default)]
pub struct ClassicHistogram {
    /// Upper bounds and how many observations are at most that.
    cumulative: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: Option<f64>,
}

/// Why a classic histogram is none.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ClassicProblem {
    /// A bucket has less than one that it contains.
    #[error("classic histogram has fewer observations up to {bound} than below it")]
    NotCumulative {
        /// Where it ends.
        bound: f64,
    },
    /// The count is not that of the bucket `+Inf`.
    #[error("classic histogram has a count of {count}, and {infinite} in its buckets")]
    CountDiffers {
        /// What `_count` says.
        count: f64,
        /// What the last bucket says.
        infinite: f64,
    },
    /// Neither buckets nor a count.
    #[error("classic histogram has neither buckets nor a count")]
    Empty,
}

impl ClassicHistogram {
    /// The sample of the bucket that ends at a bound. The first one counts, if there are several.
    pub fn set_bucket(&mut self, bound: f64, cumulative: f64) {
        let place = self.cumulative.partition_point(|(other, _)| *other < bound);
        if self.cumulative.get(place).is_none_or(|(other, _)| *other != bound) {
            self.cumulative.insert(place, (bound, cumulative));
        }
    }

    /// The sample of `_count`.
    pub fn set_count(&mut self, count: f64) {
        self.count = Some(count);
    }

    /// The sample of `_sum`.
    pub fn set_sum(&mut self, sum: f64) {
        self.sum = Some(sum);
    }

    /// The native histogram with these buckets.
    pub fn convert(mut self) -> Result<Histogram, ClassicProblem> {
        let infinite = self.cumulative.last().filter(|(bound, _)| *bound == f64::INFINITY).map(|(_, count)| *count);
        let count = self.count.or_else(|| self.cumulative.last().map(|(_, count)| *count)).ok_or(ClassicProblem::Empty)?;
        match infinite {
            Some(infinite) if infinite != count => return Err(ClassicProblem::CountDiffers { count, infinite }),
            Some(_) => {}
            None => self.cumulative.push((f64::INFINITY, count)),
        }
        let (mut before, mut positive) = (0.0, Vec::new());
        for (index, (bound, cumulative)) in self.cumulative.iter().enumerate() {
            if cumulative.is_nan() || *cumulative < before {
                return Err(ClassicProblem::NotCumulative { bound: *bound });
            }
            if *cumulative > before {
                positive.push(Bucket { index: i32::try_from(index).unwrap_or(i32::MAX), count: cumulative - before });
            }
            before = *cumulative;
        }
        let bounds = self.cumulative.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite());
        let custom_values: Arc<[f64]> = bounds.collect();
        Ok(Histogram { schema: CUSTOM_BUCKETS, count, sum: self.sum.unwrap_or_default(), positive, custom_values, ..Histogram::default() })
    }
}
