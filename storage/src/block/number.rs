//! How the values of one series go into a samples file: as whole numbers with a decimal scale where every one of them comes back bit by
//! bit, else as floating-point numbers.

use cepmon_model::is_stale;

/// Decimal places that are tried. Durations in nanoseconds printed as seconds have nine.
const MAX_SCALE: usize = 12;

/// Powers of ten, all exact.
const POWERS: [f64; MAX_SCALE + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];

/// Whole numbers up to here are exact.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// The smallest scale with which all values but stale marks are `v_int / 10^scale`, bit by bit. `None` if there is no such scale.
pub(crate) fn integer_scale(values: &[f64]) -> Option<i8> {
    let mut scale = 0;
    let mut largest = 0.0f64;
    for &value in values {
        if is_stale(value) {
            continue;
        }
        // Once exact at a scale, always exact at a larger one (the quotient is of the same number) unless the whole part overflows.
        while scaled(value, scale).is_none() {
            scale += 1;
            if scale > MAX_SCALE {
                return None;
            }
        }
        largest = largest.max(value.abs());
    }
    (largest * POWERS[scale] <= MAX_WHOLE).then_some(scale as i8)
}

/// The whole number that stands for a value at a scale that [`integer_scale`] found.
pub(crate) fn to_integer(value: f64, scale: i8) -> i64 {
    (value * POWERS[scale as usize]).round() as i64
}

/// The value of a row.
pub(crate) fn from_integer(whole: i64, scale: i8) -> f64 {
    let power = POWERS.get(scale as usize).copied().unwrap_or_else(|| 10f64.powi(i32::from(scale)));
    whole as f64 / power
}

fn scaled(value: f64, scale: usize) -> Option<f64> {
    let whole = (value * POWERS[scale]).round();
    // By way of i64, which has no −0.
    let comes_back = whole.abs() <= MAX_WHOLE && from_integer(whole as i64, scale as i8).to_bits() == value.to_bits();
    comes_back.then_some(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_smallest_exact_scale_is_found() {
        let check = |values: &[f64], want: Option<i8>| assert_eq!(integer_scale(values), want, "{values:?}");
        check(&[], Some(0));
        check(&[1.0, -5.0, cepmon_model::stale_nan()], Some(0));
        check(&[1.0, 0.25, 3.5], Some(2));
        check(&[0.1, 0.2, 0.1 + 0.2], None);
        check(&[-0.0], None);
        check(&[f64::NAN], None);
        check(&[f64::INFINITY], None);
        check(&[9_007_199_254_740_992.0], Some(0));
        check(&[9_007_199_254_740_994.0], None);
        check(&[9_007_199_254_740_991.0, 0.5], None);
        check(&[0.000_000_123], Some(9));
        check(&[1e-13], None);
    }

    proptest! {
        #[test]
        fn integers_come_back_bit_by_bit(values in prop::collection::vec(prop_oneof![
            any::<f64>(), (any::<i32>(), 0i32..9).prop_map(|(whole, scale)| f64::from(whole) / 10f64.powi(scale)),
        ], 0..6)) {
            if let Some(scale) = integer_scale(&values) {
                for value in values {
                    prop_assert!(is_stale(value) || from_integer(to_integer(value, scale), scale).to_bits() == value.to_bits());
                }
            }
        }
    }
}
