//! Binary operators over scalars and step vectors.

mod op;
mod matching;
mod fill;
mod set;

pub use fill::Fill;
pub use matching::{Cardinality, Matching};
pub use op::BinaryOp;

use crate::Error;
use crate::vector::{Budget, StepVector};

/// An operator with its `bool`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) op: BinaryOp,
    pub(crate) returns_bool: bool,
}

impl Operation {
    /// Whether the result is another quantity than the left operand, so that its name no longer fits.
    fn drops_name(self) -> bool {
        !self.op.is_comparison() || self.returns_bool
    }

    /// The result for two values. A comparison that filters keeps `kept`.
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
pub(crate) fn vector_scalar(operation: Operation, mut vector: StepVector, scalar: &[f64], is_swapped: bool) -> StepVector {
    for series in &mut vector {
        series.column.map(|index, value| {
            let (left, right) = if is_swapped { (scalar[index], value) } else { (value, scalar[index]) };
            operation.apply(left, right, value)
        });
        series.drops_name |= operation.drops_name();
    }
    vector
}

/// Two vectors.
pub(crate) fn vectors(
    operation: Operation,
    matching: &Matching,
    left: StepVector,
    right: StepVector,
    budget: &Budget,
) -> Result<StepVector, Error> {
    match operation.op {
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => set::combine(operation.op, matching, left, right),
        _ => matching::combine(operation, matching, &left, &right, budget),
    }
}
