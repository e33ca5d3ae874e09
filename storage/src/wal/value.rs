//! Sample values in records: one byte for a small whole step, else the bytes of a whole or decimal step, else those that changed.
//!
//! The first byte says which: 0 the same bits; below 0xc0 a whole step itself; then a step in so many bytes, by scale; then an XOR.

use super::cursor::{Cursor, Malformed};
use crate::number::{from_whole, to_whole, unzigzag, whole_neighbours, zigzag};

/// First bytes below are the zigzag of a whole step.
const FIRST_LONG_STEP: u8 = 0xc0;
/// Decimal places of steps: `FIRST_LONG_STEP + 8 * scale + bytes - 1`.
const MAX_STEP_SCALE: u8 = 5;
/// `FIRST_XOR + trailing zero bytes`; the number of bytes follows, then they.
const FIRST_XOR: u8 = FIRST_LONG_STEP + 8 * (MAX_STEP_SCALE + 1);

/// Appends a value against the series' last one in this segment.
pub(crate) fn put_value(out: &mut Vec<u8>, last: u64, value: u64) {
    if last == value {
        return out.push(0);
    }
    if let Some((scale, before, now)) = whole_neighbours(f64::from_bits(last), f64::from_bits(value), MAX_STEP_SCALE) {
        let step = zigzag(now - before);
        if scale == 0 && step < u64::from(FIRST_LONG_STEP) {
            return out.push(step as u8);
        }
        let bytes = significant_bytes(step);
        out.push(FIRST_LONG_STEP + 8 * scale + bytes - 1);
        return out.extend_from_slice(&step.to_le_bytes()[..bytes as usize]);
    }
    let xor = last ^ value;
    let trailing = (xor.trailing_zeros() / 8) as u8;
    let shifted = xor >> (8 * trailing);
    let bytes = significant_bytes(shifted);
    out.push(FIRST_XOR + trailing);
    out.push(bytes);
    out.extend_from_slice(&shifted.to_le_bytes()[..bytes as usize]);
}

/// Reads what [`put_value`] wrote.
pub(crate) fn read_value(cursor: &mut Cursor<'_>, last: u64) -> Result<u64, Malformed> {
    let first = cursor.byte()?;
    if first == 0 {
        return Ok(last);
    }
    if first >= FIRST_XOR {
        let trailing = u32::from(first - FIRST_XOR);
        let bytes = cursor.byte()?;
        let xor = little_endian(cursor.take(bytes as usize)?)?.checked_shl(8 * trailing).ok_or(Malformed)?;
        return Ok(last ^ xor);
    }
    let (scale, step) = if first < FIRST_LONG_STEP {
        (0, u64::from(first))
    } else {
        let code = first - FIRST_LONG_STEP;
        (code / 8, little_endian(cursor.take(usize::from(code % 8) + 1)?)?)
    };
    let before = to_whole(f64::from_bits(last), scale).ok_or(Malformed)?;
    Ok(from_whole(before.wrapping_add(unzigzag(step)), scale).to_bits())
}

fn significant_bytes(number: u64) -> u8 {
    8 - (number.leading_zeros() / 8) as u8
}

fn little_endian(bytes: &[u8]) -> Result<u64, Malformed> {
    let mut word = [0; 8];
    word.get_mut(..bytes.len()).ok_or(Malformed)?.copy_from_slice(bytes);
    Ok(u64::from_le_bytes(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_value_reads_back(pairs in prop::collection::vec(prop_oneof![
            any::<u64>(),
            (-300i64..300).prop_map(|whole| (whole as f64).to_bits()),
            any::<i64>().prop_map(|whole| (whole as f64).to_bits()),
            (0u32..9999).prop_map(|cents| (f64::from(cents) / 100.0).to_bits()), Just((-0.0f64).to_bits()),
        ], 1..50)) {
            let (mut out, mut last) = (Vec::new(), 0);
            for &value in &pairs {
                put_value(&mut out, last, value);
                last = value;
            }
            let (mut cursor, mut last) = (Cursor::new(&out), 0);
            for &value in &pairs {
                last = read_value(&mut cursor, last).unwrap();
                prop_assert_eq!(last, value);
            }
            prop_assert_eq!(cursor.end(), Ok(()));
        }
    }
}
