//! Binary operators over scalars and step vectors.

mod op;
mod native;
mod trim;
mod matching;
mod fill;
mod set;

use std::sync::Arc;

pub use fill::Fill;
pub use matching::{Cardinality, Matching};
pub use op::BinaryOp;

use crate::vector::{Budget, Note, StepVector};
use crate::{Error, SampleValue};

/// An operator with its `bool`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) op: BinaryOp,
    pub(crate) returns_bool: bool,
}

impl Operation {
    /// Whether the result is another quantity than the left operand, so that its name no longer fits.
    fn drops_name(self) -> bool {
        self.op.changes_quantity() || self.returns_bool
    }

    /// Whether it has no meaning for numbers alone.
    fn needs_samples(self) -> bool {
        self.op.is_trim()
    }

    /// The result for two numbers. A comparison that filters keeps `kept`.
    fn apply(self, left: f64, right: f64, kept: f64) -> Option<f64> {
        if !self.op.is_comparison() {
            return Some(self.op.compute(left, right));
        }
        let holds = self.op.compute(left, right) != 0.0;
        match () {
            () if self.returns_bool => Some(f64::from(u8::from(holds))),
            () if holds => Some(kept),
            () => None,
        }
    }
}

/// Two scalars; comparisons give 0 or 1.
pub(crate) fn scalars(op: BinaryOp, left: &mut [f64], right: &[f64]) {
    for (left, right) in left.iter_mut().zip(right) {
        *left = op.compute(*left, *right);
    }
}

/// A vector and a scalar; `is_swapped` if the scalar stands on the left.
pub(crate) fn vector_scalar(
    operation: Operation,
    mut vector: StepVector,
    scalar: &[f64],
    is_swapped: bool,
    note: Note<'_>,
) -> Result<StepVector, Error> {
    let of_sample = |index: usize, sample: SampleValue| {
        let scalar = SampleValue::Float(scalar[index]);
        let (left, right) = if is_swapped { (&scalar, &sample) } else { (&sample, &scalar) };
        operation.apply_samples(left, right, &sample, note)
    };
    for series in &mut vector {
        series.column.map_histograms(|index, histogram| of_sample(index, SampleValue::Histogram(Arc::clone(histogram))))?;
        if operation.needs_samples() {
            series.column.map(|index, value| {
                of_sample(index, SampleValue::Float(value));
                None
            });
        } else {
            series.column.map(|index, value| {
                let (left, right) = if is_swapped { (scalar[index], value) } else { (value, scalar[index]) };
                operation.apply(left, right, value)
            });
        }
        series.drops_name |= operation.drops_name();
    }
    Ok(vector)
}

/// Two vectors.
pub(crate) fn vectors(
    operation: Operation,
    matching: &Matching,
    left: StepVector,
    right: StepVector,
    budget: &Budget,
    note: Note<'_>,
) -> Result<StepVector, Error> {
    match operation.op {
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => set::combine(operation.op, matching, left, right),
        _ => matching::combine(operation, matching, &left, &right, budget, note),
    }
}
