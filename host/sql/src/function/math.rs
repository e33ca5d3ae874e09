//! Mathematics on `Float64`. DataFusion has these too, behind a feature that the workspace does not build; here every argument is made a
//! float first and every answer is one.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::compute::binary;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility};

/// A function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct MathFunction {
    kind: Kind,
    signature: Signature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Abs,
    Ceil,
    Exp,
    Floor,
    IsNan,
    Ln,
    Log10,
    Log2,
    Power,
    Round,
    Signum,
    Sqrt,
}

/// All of them.
pub(super) fn all() -> impl Iterator<Item = MathFunction> {
    use Kind::{Abs, Ceil, Exp, Floor, IsNan, Ln, Log2, Log10, Power, Round, Signum, Sqrt};
    [Abs, Ceil, Exp, Floor, IsNan, Ln, Log10, Log2, Power, Round, Signum, Sqrt].into_iter().map(|kind| {
        let one = TypeSignature::Exact(vec![DataType::Float64]);
        let two = TypeSignature::Exact(vec![DataType::Float64, DataType::Float64]);
        let signature = match kind {
            Power => two,
            Round => TypeSignature::OneOf(vec![one, two]),
            _ => one,
        };
        MathFunction { kind, signature: Signature::new(signature, Volatility::Immutable) }
    })
}

impl ScalarUDFImpl for MathFunction {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Abs => "abs",
            Kind::Ceil => "ceil",
            Kind::Exp => "exp",
            Kind::Floor => "floor",
            Kind::IsNan => "isnan",
            Kind::Ln => "ln",
            Kind::Log10 => "log10",
            Kind::Log2 => "log2",
            Kind::Power => "power",
            Kind::Round => "round",
            Kind::Signum => "signum",
            Kind::Sqrt => "sqrt",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(if self.kind == Kind::IsNan { DataType::Boolean } else { DataType::Float64 })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let columns: Option<Vec<&Float64Array>> = arrays.iter().map(|array| array.as_primitive_opt::<Float64Type>()).collect();
        let answer: ArrayRef = match (columns.as_deref(), self.kind, unary(self.kind)) {
            (Some([x]), Kind::IsNan, _) => Arc::new(BooleanArray::from_unary(*x, f64::is_nan)),
            (Some([x]), _, Some(function)) => Arc::new(x.unary::<_, Float64Type>(function)),
            (Some([x, y]), Kind::Power, _) => Arc::new(binary::<_, _, _, Float64Type>(x, y, f64::powf)?),
            (Some([x, digits]), Kind::Round, _) => Arc::new(binary::<_, _, _, Float64Type>(x, digits, round_to)?),
            _ => return exec_err!("function {} got arguments that are not numbers", self.name()),
        };
        if is_constant && answer.len() == 1 {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?));
        }
        Ok(ColumnarValue::Array(answer))
    }
}

/// What a function of one float to a float computes.
fn unary(kind: Kind) -> Option<fn(f64) -> f64> {
    Some(match kind {
        Kind::Abs => f64::abs,
        Kind::Ceil => f64::ceil,
        Kind::Exp => f64::exp,
        Kind::Floor => f64::floor,
        Kind::Ln => f64::ln,
        Kind::Log10 => f64::log10,
        Kind::Log2 => f64::log2,
        Kind::Round => f64::round,
        Kind::Signum => f64::signum,
        Kind::Sqrt => f64::sqrt,
        Kind::IsNan | Kind::Power => return None,
    })
}

/// Half away from zero, as in PostgreSQL; negative digits round left of the point.
fn round_to(value: f64, digits: f64) -> f64 {
    let factor = 10f64.powf(digits.trunc());
    let rounded = (value * factor).round() / factor;
    // Beyond the precision of a float there is nothing to round.
    if rounded.is_finite() { rounded } else { value }
}

#[cfg(test)]
mod tests {
    use super::round_to;

    #[test]
    fn rounding_goes_away_from_zero_and_keeps_what_it_cannot_round() {
        let check = |value: f64, digits: f64, want: f64| assert_eq!(round_to(value, digits), want, "round({value}, {digits})");
        check(2.345, 2.0, 2.35);
        check(-2.5, 0.0, -3.0);
        check(1234.0, -2.0, 1200.0);
        check(1.5, 400.0, 1.5);
        check(f64::INFINITY, 2.0, f64::INFINITY);
    }
}
