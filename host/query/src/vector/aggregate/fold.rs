//! Aggregations that look at one number after the other: sum, avg, min, max, count, group, stddev, stdvar. To count, histograms are as
//! good as numbers; what else becomes of them is said in `native`.

use std::sync::Arc;

use super::{AggregateOp, Group};
use crate::Error;
use crate::vector::kahan::{KahanSum, Mean};
use crate::vector::{Budget, Grid, StepSeries, StepVector};

/// What is known of one group at one step.
#[derive(Clone, Copy)]
enum State {
    Sum(KahanSum),
    Mean(Mean),
    Extreme(f64),
    Count(f64),
    Variance { count: f64, mean: f64, squares: f64 },
}

impl State {
    fn start(op: AggregateOp) -> Self {
        match op {
            AggregateOp::Sum => Self::Sum(KahanSum::default()),
            AggregateOp::Avg => Self::Mean(Mean::default()),
            AggregateOp::Min | AggregateOp::Max => Self::Extreme(f64::NAN),
            AggregateOp::Stddev | AggregateOp::Stdvar => Self::Variance { count: 0.0, mean: 0.0, squares: 0.0 },
            _ => Self::Count(0.0),
        }
    }

    fn add(&mut self, op: AggregateOp, value: f64) {
        match self {
            Self::Sum(sum) => sum.add(value),
            Self::Mean(mean) => mean.add(value),
            // NaN gives way to any number.
            Self::Extreme(extreme) => {
                let is_better = if op == AggregateOp::Min { value < *extreme } else { value > *extreme };
                if is_better || extreme.is_nan() {
                    *extreme = value;
                }
            }
            Self::Count(count) => *count += 1.0,
            Self::Variance { count, mean, squares } => {
                *count += 1.0;
                let delta = value - *mean;
                *mean += delta / *count;
                *squares += delta * (value - *mean);
            }
        }
    }

    fn finish(self, op: AggregateOp) -> f64 {
        match (self, op) {
            (_, AggregateOp::Group) => 1.0,
            (Self::Sum(sum), _) => sum.total(),
            (Self::Mean(mean), _) => mean.total(),
            (Self::Extreme(value) | Self::Count(value), _) => value,
            (Self::Variance { count, squares, .. }, AggregateOp::Stddev) => (squares / count).sqrt(),
            (Self::Variance { count, squares, .. }, _) => squares / count,
        }
    }
}

pub(super) fn fold(op: AggregateOp, groups: &[Group], vector: &StepVector, grid: &Grid, budget: &Budget) -> Result<StepVector, Error> {
    let counts_histograms = matches!(op, AggregateOp::Count | AggregateOp::Group);
    let mut result = Vec::with_capacity(groups.len());
    let mut states: Vec<Option<State>> = vec![None; grid.count];
    for group in groups {
        states.fill(None);
        for member in &group.members {
            for (index, value) in vector[*member].column.points() {
                states[index].get_or_insert_with(|| State::start(op)).add(op, value);
            }
            for (index, _) in vector[*member].column.histogram_points().filter(|_| counts_histograms) {
                states[index].get_or_insert_with(|| State::start(op)).add(op, 1.0);
            }
        }
        let mut column = budget.column(grid.count)?;
        for (index, state) in states.iter().enumerate() {
            column.set(index, state.map(|state| state.finish(op)));
        }
        if !column.is_empty() {
            result.push(StepSeries { labels: Arc::clone(&group.labels), drops_name: group.drops_name, column });
        }
    }
    Ok(result)
}
