//! `and`, `or`, `unless`: which series are there at a step, whatever their values.

use std::collections::HashMap;

use cepmon_model::LabelSet;

use super::{BinaryOp, Matching};
use crate::Error;
use crate::vector::StepVector;
use crate::vector::grouping::Grouping;
use crate::vector::unify::unify_results;

pub(super) fn combine(op: BinaryOp, matching: &Matching, mut left: StepVector, mut right: StepVector) -> Result<StepVector, Error> {
    let signature = matching.labels.clone().unwrap_or(Grouping::Without(Vec::new()));
    match op {
        BinaryOp::And => keep(&mut left, &presence(&right, &signature), &signature, true),
        BinaryOp::Unless => keep(&mut left, &presence(&right, &signature), &signature, false),
        _ => {
            keep(&mut right, &presence(&left, &signature), &signature, false);
            left.append(&mut right);
        }
    }
    unify_results(left)
}

/// For each signature the steps at which some series has it.
fn presence(vector: &StepVector, signature: &Grouping) -> HashMap<LabelSet, Vec<bool>> {
    let mut presence: HashMap<LabelSet, Vec<bool>> = HashMap::new();
    for series in vector {
        let steps = presence.entry(signature.project(&series.labels)).or_insert_with(|| vec![false; series.column.len()]);
        for index in series.column.steps() {
            steps[index] = true;
        }
    }
    presence
}

/// Keeps the values whose signature is (or is not) present at their step.
fn keep(vector: &mut StepVector, presence: &HashMap<LabelSet, Vec<bool>>, signature: &Grouping, wanted: bool) {
    for series in vector.iter_mut() {
        let steps = presence.get(&signature.project(&series.labels));
        series.column.retain(|index| steps.is_some_and(|steps| steps[index]) == wanted);
    }
}
