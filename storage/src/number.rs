//! Numbers as chunks, records and files store them: whole numbers with a decimal scale where every bit comes back, zigzag for what may be
//! negative. Most values that people measure have few decimal places, and differences of whole numbers are short.

use cepmon_model::is_stale;

/// Decimal places that a samples file can have. Durations in nanoseconds printed as seconds have nine.
const MAX_SCALE: usize = 12;

/// Powers of ten, all exact.
const POWERS: [f64; MAX_SCALE + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];

/// Whole numbers up to here are exact.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// The whole number that is a value times `10^scale`, if [`from_whole`] gives the value back bit by bit. Never so for −0.0.
pub(crate) fn to_whole(value: f64, scale: u8) -> Option<i64> {
    let power = POWERS.get(usize::from(scale))?;
    let whole = if scale == 0 { value as i64 } else { (value * power).round() as i64 };
    let comes_back = whole.unsigned_abs() <= MAX_WHOLE as u64 && from_whole(whole, scale).to_bits() == value.to_bits();
    comes_back.then_some(whole)
}

/// The value that a whole number stands for.
pub(crate) fn from_whole(whole: i64, scale: u8) -> f64 {
    if scale == 0 {
        return whole as f64;
    }
    let power = POWERS.get(usize::from(scale)).copied().unwrap_or_else(|| 10f64.powi(i32::from(scale)));
    whole as f64 / power
}

/// The smallest scale up to `max_scale` with which all values but stale marks are whole numbers. `None` if there is no such scale.
fn common_scale(values: &[f64], max_scale: u8) -> Option<u8> {
    let mut scale = 0;
    let mut largest = 0.0f64;
    for &value in values {
        if is_stale(value) {
            continue;
        }
        // Once exact at a scale, always exact at a larger one (the quotient is of the same number) unless the whole part overflows.
        while to_whole(value, scale).is_none() {
            scale += 1;
            if scale > max_scale {
                return None;
            }
        }
        largest = largest.max(value.abs());
    }
    (largest * POWERS[usize::from(scale)] <= MAX_WHOLE).then_some(scale)
}

/// The scale with which a series goes into `v_int` of a samples file; `None` if it goes into `v_f64`.
pub(crate) fn integer_scale(values: &[f64]) -> Option<u8> {
    common_scale(values, MAX_SCALE as u8)
}

/// The smallest scale up to `max_scale` at which two neighbours are whole numbers, and these numbers.
pub(crate) fn whole_neighbours(last: f64, value: f64, max_scale: u8) -> Option<(u8, i64, i64)> {
    (0..=max_scale).find_map(|scale| {
        let whole = to_whole(value, scale)?;
        Some((scale, to_whole(last, scale)?, whole))
    })
}

/// A number that may be negative as one that is small when it is near zero.
pub(crate) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// The number that [`zigzag`] took.
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_smallest_exact_scale_is_found() {
        let check = |values: &[f64], want: Option<u8>| assert_eq!(integer_scale(values), want, "{values:?}");
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
                    let whole = to_whole(value, scale);
                    prop_assert!(is_stale(value) || from_whole(whole.unwrap(), scale).to_bits() == value.to_bits());
                }
            }
        }
    }
}
