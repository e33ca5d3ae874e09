//! Binary operators where an operand is a native histogram (Prometheus 3, `vectorElemBinop`).

use std::sync::Arc;

use cepmon_model::{Combined, Histogram, IncompatibleBuckets, ResetHint};

use super::trim::trimmed;
use super::{BinaryOp, Operation};
use crate::vector::Note;
use crate::vector::histogram_sum::COLLIDING_RESETS;
use crate::{SampleValue, Severity};

impl Operation {
    /// The result for two samples of any kind. A comparison that filters keeps `kept`. What has no meaning has no result and a remark.
    pub(super) fn apply_samples(self, left: &SampleValue, right: &SampleValue, kept: &SampleValue, note: Note<'_>) -> Option<SampleValue> {
        let filtered = |holds: bool| match () {
            () if self.returns_bool => Some(SampleValue::Float(f64::from(u8::from(holds)))),
            () => holds.then(|| kept.clone()),
        };
        match (left, right) {
            (SampleValue::Float(left), SampleValue::Float(right)) if !self.op.is_trim() => {
                let SampleValue::Float(kept) = kept else { return None };
                return self.apply(*left, *right, *kept).map(SampleValue::Float);
            }
            (SampleValue::Float(factor), SampleValue::Histogram(histogram)) if self.op == BinaryOp::Mul => {
                return Some(changed(histogram, |result| result.scale(*factor)));
            }
            (SampleValue::Histogram(histogram), SampleValue::Float(number)) => match self.op {
                BinaryOp::Mul => return Some(changed(histogram, |result| result.scale(*number))),
                BinaryOp::Div => return Some(changed(histogram, |result| result.divide(*number))),
                BinaryOp::TrimUpper | BinaryOp::TrimLower => {
                    return Some(SampleValue::of(trimmed(histogram, *number, self.op == BinaryOp::TrimUpper)));
                }
                _ => {}
            },
            (SampleValue::Histogram(left), SampleValue::Histogram(right)) => match self.op {
                BinaryOp::Add | BinaryOp::Sub => return self.combined(left, right, note),
                BinaryOp::Equal => return filtered(left.is_same_data(right)),
                BinaryOp::NotEqual => return filtered(!left.is_same_data(right)),
                _ => {}
            },
            _ => {}
        }
        let (op, left, right) = (self.op.text(), left.kind(), right.kind());
        note(Severity::Info, format!("incompatible sample types encountered for binary operator {op:?}: {left} {op} {right}"));
        None
    }

    fn combined(self, left: &Histogram, right: &Histogram, note: Note<'_>) -> Option<SampleValue> {
        let mut result = left.clone();
        let (combined, word) = match self.op {
            BinaryOp::Sub => (result.subtract(right), "subtraction"),
            _ => (result.add(right), "addition"),
        };
        let Combined { hints_collide, bounds_were_reconciled } = match combined {
            Ok(combined) => combined,
            Err(IncompatibleBuckets) => {
                note(Severity::Warning, format!("incompatible bucket layout encountered for binary operator {}", self.op.text()));
                return None;
            }
        };
        if hints_collide {
            note(Severity::Warning, format!("{COLLIDING_RESETS} {word}"));
        }
        if bounds_were_reconciled {
            note(Severity::Info, format!("mismatched custom buckets were reconciled during {word}"));
        }
        if self.op == BinaryOp::Sub {
            result.hint = ResetHint::Gauge;
        }
        result.compact();
        Some(SampleValue::of(result))
    }
}

fn changed(histogram: &Arc<Histogram>, change: impl FnOnce(&mut Histogram)) -> SampleValue {
    let mut result = Histogram::clone(histogram);
    change(&mut result);
    result.compact();
    SampleValue::of(result)
}
