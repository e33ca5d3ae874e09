//! Aggregations over series, group by group.

mod fold;
mod rank;
mod count_values;
mod native;

use std::collections::HashMap;
use std::sync::Arc;

use cepmon_model::LabelSet;

use crate::Error;
use crate::vector::grouping::Grouping;
use crate::vector::{Budget, Grid, Note, StepVector};

pub(crate) use count_values::count_values;
pub(crate) use rank::{ascending_from_nan, quantile_of, quantile_of_sorted};

/// An aggregation operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateOp {
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `count`
    Count,
    /// `group`: 1
    Group,
    /// `stddev`, of the population
    Stddev,
    /// `stdvar`, of the population
    Stdvar,
    /// `topk`
    Topk,
    /// `bottomk`
    Bottomk,
    /// `limitk`: any k series (Prometheus 3)
    Limitk,
    /// `limit_ratio`: a share of the series, always the same ones (Prometheus 3)
    LimitRatio,
    /// `quantile`
    Quantile,
    /// `count_values`
    CountValues,
}

const NAMES: [(AggregateOp, &str); 14] = [
    (AggregateOp::Sum, "sum"),
    (AggregateOp::Avg, "avg"),
    (AggregateOp::Min, "min"),
    (AggregateOp::Max, "max"),
    (AggregateOp::Count, "count"),
    (AggregateOp::Group, "group"),
    (AggregateOp::Stddev, "stddev"),
    (AggregateOp::Stdvar, "stdvar"),
    (AggregateOp::Topk, "topk"),
    (AggregateOp::Bottomk, "bottomk"),
    (AggregateOp::Limitk, "limitk"),
    (AggregateOp::LimitRatio, "limit_ratio"),
    (AggregateOp::Quantile, "quantile"),
    (AggregateOp::CountValues, "count_values"),
];

impl AggregateOp {
    /// The operator of a name in lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, found)| *found == name).map(|(op, _)| *op)
    }

    /// The name as written.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(op, _)| *op == self).map_or("", |(_, name)| name)
    }

    /// Whether it takes a parameter before the vector.
    pub fn has_parameter(self) -> bool {
        matches!(self, Self::Topk | Self::Bottomk | Self::Limitk | Self::LimitRatio | Self::Quantile | Self::CountValues)
    }
}

/// Series with the same grouping labels.
struct Group {
    labels: Arc<LabelSet>,
    /// Whether some member's name no longer fits.
    drops_name: bool,
    /// Indexes of its series.
    members: Vec<usize>,
}

/// Groups in the order of their first series.
fn groups_of(vector: &StepVector, grouping: &Grouping) -> Vec<Group> {
    let mut positions: HashMap<Arc<LabelSet>, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (index, series) in vector.iter().enumerate() {
        let labels = Arc::new(grouping.project(&series.labels));
        let position = *positions.entry(Arc::clone(&labels)).or_insert_with(|| {
            groups.push(Group { labels, drops_name: false, members: Vec::new() });
            groups.len() - 1
        });
        groups[position].drops_name |= series.drops_name;
        groups[position].members.push(index);
    }
    groups
}

/// All aggregations but `count_values`. `parameter` holds one number per step for those that take one.
pub(crate) fn aggregate(
    op: AggregateOp,
    grouping: &Grouping,
    parameter: Option<&[f64]>,
    vector: StepVector,
    grid: &Grid,
    budget: &Budget,
    note: Note<'_>,
) -> Result<StepVector, Error> {
    let groups = groups_of(&vector, grouping);
    native::note_ignored(op, &vector, note);
    match (op, parameter) {
        (AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk, Some(parameter)) => {
            rank::select(op, &groups, parameter, vector, grid)
        }
        (AggregateOp::LimitRatio, Some(parameter)) => rank::share(parameter, vector),
        (AggregateOp::Quantile, Some(parameter)) => rank::quantiles(&groups, parameter, &vector, grid, budget),
        (AggregateOp::Sum | AggregateOp::Avg, _) => native::fold(op, &groups, &vector, grid, budget, note),
        _ => fold::fold(op, &groups, &vector, grid, budget),
    }
}
