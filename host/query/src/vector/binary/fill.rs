//! `fill`: series that stand in where the other side has a series to match and this side has none.

use std::collections::HashMap;
use std::sync::Arc;

use cepmon_model::LabelSet;

use super::matching::Match;
use crate::Error;
use crate::vector::{Budget, StepSeries};

/// Values that stand in where a series finds none on the other side (Prometheus 3.10, behind `promql-binop-fill-modifiers`).
/// With `group_right` the two are exchanged, as there: `right` stands in on the "one" side, `left` on the "many" side.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Fill {
    /// `fill_left` or `fill`: stands on the left.
    pub left: Option<f64>,
    /// `fill_right` or `fill`: stands on the right.
    pub right: Option<f64>,
}

/// A series that stands in, for the match with these labels.
pub(super) struct StandIn {
    pub(super) key: LabelSet,
    pub(super) is_many: bool,
    pub(super) series: StepSeries,
}

/// The series that are missing, with the matching labels as theirs.
pub(super) fn stand_ins(fill: Fill, matches: &HashMap<LabelSet, Match<'_>>, budget: &Budget) -> Result<Vec<StandIn>, Error> {
    let mut found = Vec::new();
    for (key, sides) in matches {
        for (is_many, value, missing, present) in [(false, fill.right, &sides.one, &sides.many), (true, fill.left, &sides.many, &sides.one)]
        {
            let (Some(value), Some(first)) = (value, present.first()) else { continue };
            let mut column = budget.column(first.column.len())?;
            for index in 0..column.len() {
                let is_at = |side: &[&StepSeries]| side.iter().any(|series| series.column.has(index));
                column.set(index, (is_at(present) && !is_at(missing)).then_some(value));
            }
            if !column.is_empty() {
                let series = StepSeries { labels: Arc::new(key.clone()), drops_name: false, column };
                found.push(StandIn { key: key.clone(), is_many, series });
            }
        }
    }
    // In an order that does not depend on hashes.
    found.sort_by(|left, right| left.key.cmp(&right.key));
    Ok(found)
}
