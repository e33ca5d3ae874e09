//! Sample values in records: one byte for a small whole step, else the bytes that changed.

use super::cursor::{Cursor, Malformed};
use crate::head::chunk::{unzigzag, whole_number, zigzag};

/// Control bytes below this are a zigzag integer difference themselves; 0 is also "the same bits" for values that are not whole.
const SMALL_STEPS: u64 = 0xc0;
/// `BIG_STEP + n`: an integer difference in n bytes (1 to 8).
const BIG_STEP: u8 = 0xbf;
/// `XOR + 8 * trailing zero bytes + significant bytes - 1`, for the bytes of last XOR value; the control byte is followed by a second one.
const XOR: u8 = 0xc8;

/// Appends a value against the series' last one in this segment.
pub(crate) fn put_value(out: &mut Vec<u8>, last: u64, value: u64) {
    if last == value {
        return out.push(0);
    }
    if let (Some(before), Some(now)) = (whole_number(last), whole_number(value)) {
        let step = zigzag(now - before);
        if step < SMALL_STEPS {
            return out.push(step as u8);
        }
        let bytes = significant_bytes(step);
        out.push(BIG_STEP + bytes);
        return out.extend_from_slice(&step.to_le_bytes()[..bytes as usize]);
    }
    let xor = last ^ value;
    let trailing = (xor.trailing_zeros() / 8) as u8;
    let shifted = xor >> (8 * trailing);
    let bytes = significant_bytes(shifted);
    out.push(XOR + trailing);
    // Seven of eight XOR values reach from the exponent to the last byte, so the length is seldom worth less than a byte of its own.
    out.push(bytes);
    out.extend_from_slice(&shifted.to_le_bytes()[..bytes as usize]);
}

/// Reads what [`put_value`] wrote.
pub(crate) fn read_value(cursor: &mut Cursor<'_>, last: u64) -> Result<u64, Malformed> {
    let control = cursor.byte()?;
    if control == 0 {
        return Ok(last);
    }
    let step_from_last = |step: u64| {
        let before = whole_number(last).ok_or(Malformed)?;
        Ok((before.wrapping_add(unzigzag(step)) as f64).to_bits())
    };
    if u64::from(control) < SMALL_STEPS {
        return step_from_last(u64::from(control));
    }
    if control < XOR {
        return step_from_last(little_endian(cursor.take((control - BIG_STEP) as usize)?)?);
    }
    let trailing = u32::from(control - XOR);
    let bytes = cursor.byte()?;
    let xor = little_endian(cursor.take(bytes as usize)?)?.checked_shl(8 * trailing).ok_or(Malformed)?;
    Ok(last ^ xor)
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
            any::<u64>(), (-300i64..300).prop_map(|whole| (whole as f64).to_bits()), any::<i64>().prop_map(|whole| (whole as f64).to_bits()),
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
