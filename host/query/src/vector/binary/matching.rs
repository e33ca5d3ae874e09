//! Arithmetic and comparison between vectors: series find each other by labels, one to one or many to one.
//!
//! Pairs are found once per query; only where several series of one side have the same matching labels are steps looked at, since
//! such series may replace each other in time.

use std::collections::HashMap;
use std::sync::Arc;

use cepmon_model::LabelSet;

use super::Operation;
use super::fill::{Fill, StandIn, stand_ins};
use crate::Error;
use crate::vector::grouping::{DESCRIBING, Grouping};
use crate::vector::unify::unify;
use crate::vector::{Budget, Note, StepSeries, StepVector};

/// How the series of two vectors find each other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matching {
    /// `on (…)` or `ignoring (…)`; `None` = by all labels but the name.
    pub labels: Option<Grouping>,
    /// Which side may have several series per match.
    pub cardinality: Cardinality,
    /// Labels that `group_left`/`group_right` copies from the "one" side.
    pub include: Vec<String>,
    /// Values for series that find none.
    pub fill: Fill,
}

/// Which side of a binary operator may have several series per match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cardinality {
    /// None.
    #[default]
    OneToOne,
    /// `group_left`: the left one.
    ManyToOne,
    /// `group_right`: the right one.
    OneToMany,
}

/// Series of both sides that have the same matching labels.
#[derive(Default)]
pub(super) struct Match<'a> {
    pub(super) many: Vec<&'a StepSeries>,
    pub(super) one: Vec<&'a StepSeries>,
}

pub(super) fn combine(
    operation: Operation,
    matching: &Matching,
    left: &StepVector,
    right: &StepVector,
    budget: &Budget,
    note: Note<'_>,
) -> Result<StepVector, Error> {
    // With `group_right` the sides are exchanged here and the operands once more in `apply`.
    let is_swapped = matching.cardinality == Cardinality::OneToMany;
    let (many, one) = if is_swapped { (right, left) } else { (left, right) };
    let signature = matching.labels.clone().unwrap_or(Grouping::Without(Vec::new()));
    let mut matches: HashMap<LabelSet, Match<'_>> = HashMap::new();
    for series in one {
        matches.entry(signature.project(&series.labels)).or_default().one.push(series);
    }
    check_one_side(&matches, many, is_swapped)?;
    // In the order of the many side, so that instant answers come in a stable order.
    let mut order = Vec::new();
    for series in many {
        let key = signature.project(&series.labels);
        if matching.fill.right.is_some() && !matches.contains_key(&key) {
            matches.insert(key.clone(), Match::default());
        }
        if let Some(found) = matches.get_mut(&key) {
            found.many.push(series);
            order.push((series, key));
        }
    }
    if matching.cardinality == Cardinality::OneToOne {
        for found in matches.values().filter(|found| found.many.len() > 1) {
            check_many_side(found)?;
        }
    }
    let stand_ins = stand_ins(matching.fill, &matches, budget)?;
    for StandIn { key, is_many, series } in &stand_ins {
        match is_many {
            true => order.push((series, key.clone())),
            false => matches.entry(key.clone()).or_default().one.push(series),
        }
    }
    let mut result = Vec::with_capacity(order.len());
    for (many, key) in order {
        let ones = matches.get(&key).map(|found| found.one.as_slice()).unwrap_or_default();
        for one in ones {
            let mut column = budget.column(many.column.len())?;
            if operation.needs_samples() || many.column.has_histograms() || one.column.has_histograms() {
                for index in many.column.steps() {
                    let (Some(sample), Some(other)) = (many.column.sample(index), one.column.sample(index)) else { continue };
                    let (left, right) = if is_swapped { (other, sample) } else { (sample, other) };
                    column.put(index, operation.apply_samples(&left, &right, &left, note))?;
                }
            } else {
                for (index, value) in many.column.points() {
                    let Some(other) = one.column.get(index) else { continue };
                    let (left, right) = if is_swapped { (other, value) } else { (value, other) };
                    column.set(index, operation.apply(left, right, left));
                }
            }
            let labels = Arc::new(result_labels(operation, matching, &many.labels, &one.labels));
            result.push(StepSeries { labels, drops_name: many.drops_name || operation.returns_bool, column });
        }
    }
    let is_grouped = matching.cardinality != Cardinality::OneToOne;
    unify(result, |_| match is_grouped {
        true => Error::execution("multiple matches for labels: grouping labels must ensure unique matches"),
        false => Error::same_labels(),
    })
}

/// The "one" side must not have two series per match at the same step, if there is anything to match with.
fn check_one_side(matches: &HashMap<LabelSet, Match<'_>>, many: &StepVector, is_swapped: bool) -> Result<(), Error> {
    for (key, found) in matches.iter().filter(|(_, found)| found.one.len() > 1) {
        let steps = found.one[0].column.len();
        for index in 0..steps {
            let mut present = found.one.iter().filter(|series| series.column.has(index));
            let (Some(first), Some(second)) = (present.next(), present.next()) else { continue };
            if many.iter().all(|series| !series.column.has(index)) {
                continue;
            }
            let side = if is_swapped { "left" } else { "right" };
            return Err(Error::execution(format!(
                "found duplicate series for the match group {} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not \
                 allowed: matching labels must be unique on one side",
                braced(key),
                braced(&second.labels),
                braced(&first.labels),
            )));
        }
    }
    Ok(())
}

/// Labels as Prometheus's messages have them: the name is one of them.
fn braced(labels: &LabelSet) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// One to one, the left side must be unique too wherever the right side has a value.
fn check_many_side(found: &Match<'_>) -> Result<(), Error> {
    for index in 0..found.many[0].column.len() {
        let has_one = found.one.iter().any(|series| series.column.has(index));
        let count = found.many.iter().filter(|series| series.column.has(index)).count();
        if has_one && count > 1 {
            return Err(Error::execution("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"));
        }
    }
    Ok(())
}

fn result_labels(operation: Operation, matching: &Matching, many: &LabelSet, one: &LabelSet) -> LabelSet {
    let is_one_to_one = matching.cardinality == Cardinality::OneToOne;
    let mut labels = match &matching.labels {
        Some(Grouping::By(names)) if is_one_to_one => {
            LabelSet::from_sorted(many.iter().filter(|(name, _)| names.iter().any(|kept| kept == name))).to_builder()
        }
        Some(Grouping::Without(names)) if is_one_to_one => {
            LabelSet::from_sorted(many.iter().filter(|(name, _)| !names.iter().any(|dropped| dropped == name))).to_builder()
        }
        _ => many.to_builder(),
    };
    if operation.op.changes_quantity() {
        for name in DESCRIBING {
            labels.set(name, "");
        }
    }
    for name in &matching.include {
        labels.set(name, one.get(name).unwrap_or_default());
    }
    labels.build()
}
