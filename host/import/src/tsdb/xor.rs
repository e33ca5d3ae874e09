//! XOR chunks (Gorilla's compression, as `tsdb/chunkenc/xor.go` of Prometheus 2 and 3 writes it).

use cepmon_model::Sample;

use super::bit_reader::BitReader;
use crate::bytes::{Bytes, Malformed};

/// Adds the samples of a chunk.
pub(super) fn read_xor(chunk: &[u8], samples: &mut Vec<Sample>) -> Result<(), Malformed> {
    let mut header = Bytes::new(chunk);
    let count = u16::from_be_bytes(header.take(2)?.try_into().map_err(|_| Malformed::Short)?);
    let mut bits = BitReader::new(chunk.get(2..).unwrap_or_default());
    let (mut timestamp, mut delta) = (0i64, 0i64);
    let mut value = Value::default();
    for index in 0..count {
        match index {
            0 => {
                timestamp = bits.varint()?;
                value.bits = bits.bits(64)?;
            }
            1 => {
                delta = bits.uvarint()?.cast_signed();
                timestamp = timestamp.wrapping_add(delta);
                value.read(&mut bits)?;
            }
            _ => {
                delta = delta.wrapping_add(read_delta_of_delta(&mut bits)?);
                timestamp = timestamp.wrapping_add(delta);
                value.read(&mut bits)?;
            }
        }
        samples.push(Sample { timestamp, value: f64::from_bits(value.bits) });
    }
    Ok(())
}

fn read_delta_of_delta(bits: &mut BitReader<'_>) -> Result<i64, Malformed> {
    let mut ones = 0;
    while ones < 4 && bits.bit()? {
        ones += 1;
    }
    let width = [0, 14, 17, 20, 64][ones];
    let number = bits.bits(width)?.cast_signed();
    // The upper half are negative numbers; the middle itself is positive.
    let is_negative = width > 0 && width < 64 && number > 1 << (width - 1);
    Ok(if is_negative { number - (1 << width) } else { number })
}

/// The last value, and which of its bits the last change was within.
#[derive(Debug, Default)]
struct Value {
    bits: u64,
    leading: u32,
    trailing: u32,
}

impl Value {
    fn read(&mut self, bits: &mut BitReader<'_>) -> Result<(), Malformed> {
        let is_same = !bits.bit()?;
        if is_same {
            return Ok(());
        }
        let has_new_width = bits.bit()?;
        if has_new_width {
            self.leading = bits.bits(5)? as u32;
            let width = bits.bits(6)? as u32;
            // 64 does not fit six bits and 0 would be no change.
            let width = if width == 0 { 64 } else { width };
            self.trailing = 64u32.checked_sub(self.leading + width).ok_or(Malformed::Number)?;
        }
        let change = bits.bits(64 - self.leading - self.trailing)?;
        self.bits ^= change << self.trailing;
        Ok(())
    }
}
