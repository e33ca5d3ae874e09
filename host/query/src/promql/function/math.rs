//! Functions of one number.

use super::{Evaluated, Function, SCALAR, VECTOR, map, whole};

pub(super) const FUNCTIONS: &[Function] = &[
    map("abs", &[VECTOR], |value, _| Some(value.abs())),
    map("ceil", &[VECTOR], |value, _| Some(value.ceil())),
    map("floor", &[VECTOR], |value, _| Some(value.floor())),
    map("exp", &[VECTOR], |value, _| Some(value.exp())),
    map("sqrt", &[VECTOR], |value, _| Some(value.sqrt())),
    map("ln", &[VECTOR], |value, _| Some(value.ln())),
    map("log2", &[VECTOR], |value, _| Some(value.log2())),
    map("log10", &[VECTOR], |value, _| Some(value.log10())),
    map("sgn", &[VECTOR], |value, _| {
        Some(match () {
            () if value < 0.0 => -1.0,
            () if value > 0.0 => 1.0,
            () => value,
        })
    }),
    map("sin", &[VECTOR], |value, _| Some(value.sin())),
    map("cos", &[VECTOR], |value, _| Some(value.cos())),
    map("tan", &[VECTOR], |value, _| Some(value.tan())),
    map("asin", &[VECTOR], |value, _| Some(value.asin())),
    map("acos", &[VECTOR], |value, _| Some(value.acos())),
    map("atan", &[VECTOR], |value, _| Some(value.atan())),
    map("sinh", &[VECTOR], |value, _| Some(value.sinh())),
    map("cosh", &[VECTOR], |value, _| Some(value.cosh())),
    map("tanh", &[VECTOR], |value, _| Some(value.tanh())),
    map("asinh", &[VECTOR], |value, _| Some(value.asinh())),
    map("acosh", &[VECTOR], |value, _| Some(value.acosh())),
    map("atanh", &[VECTOR], |value, _| Some(value.atanh())),
    map("deg", &[VECTOR], |value, _| Some(value.to_degrees())),
    map("rad", &[VECTOR], |value, _| Some(value.to_radians())),
    map("clamp", &[VECTOR, SCALAR, SCALAR], |value, limits| {
        let (low, high) = (limits[0], limits[1]);
        if high < low { None } else { Some(larger(low, smaller(high, value))) }
    }),
    map("clamp_min", &[VECTOR, SCALAR], |value, limits| Some(larger(limits[0], value))),
    map("clamp_max", &[VECTOR, SCALAR], |value, limits| Some(smaller(limits[0], value))),
    Function {
        optional: 1,
        ..map("round", &[VECTOR, SCALAR], |value, to| {
            // By the inverse, so that 0.1 and the like hit their multiples as Prometheus does. Ties go up.
            let inverse = 1.0 / to.first().copied().unwrap_or(1.0);
            Some((value * inverse + 0.5).floor() / inverse)
        })
    },
    whole("pi", &[], SCALAR, |_, _, grid| Ok(Evaluated::Scalar(vec![std::f64::consts::PI; grid.count]))),
    whole("min_of", &[SCALAR, SCALAR], SCALAR, |evaluation, args, grid| {
        let mut left = evaluation.scalar(&args[0], grid)?;
        let right = evaluation.scalar(&args[1], grid)?;
        left.iter_mut().zip(right).for_each(|(left, right)| *left = smaller(*left, right));
        Ok(Evaluated::Scalar(left))
    }),
    whole("max_of", &[SCALAR, SCALAR], SCALAR, |evaluation, args, grid| {
        let mut left = evaluation.scalar(&args[0], grid)?;
        let right = evaluation.scalar(&args[1], grid)?;
        left.iter_mut().zip(right).for_each(|(left, right)| *left = larger(*left, right));
        Ok(Evaluated::Scalar(left))
    }),
];

/// As Go's `math.Min`: NaN if either is.
fn smaller(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() { f64::NAN } else { left.min(right) }
}

/// As Go's `math.Max`: NaN if either is.
fn larger(left: f64, right: f64) -> f64 {
    if left.is_nan() || right.is_nan() { f64::NAN } else { left.max(right) }
}
