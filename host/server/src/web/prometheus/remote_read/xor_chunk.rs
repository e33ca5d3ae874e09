//! Samples in Prometheus's XOR encoding (`tsdb/chunkenc/xor.go`): times as differences of differences, values as the bits that changed.
//! Written only; reading it is the importer's.

/// Writes chunks.
pub(super) struct XorChunk {
    bytes: Vec<u8>,
    /// Bits of the last byte that are free.
    free_bits: u32,
    /// Zeros around the bits that changed last; none before the first change.
    window: Option<(u32, u32)>,
}

impl XorChunk {
    /// Samples in a chunk, as Prometheus cuts them.
    pub(super) const SAMPLES: usize = 120;

    /// At most 65,535 samples, ascending, as many times as values.
    pub(super) fn encode(times: &[i64], values: &[f64]) -> Vec<u8> {
        let count = u16::try_from(times.len()).expect("BUG: a chunk over 65,535 samples");
        let mut chunk = Self { bytes: count.to_be_bytes().to_vec(), free_bits: 0, window: None };
        let (mut before, mut delta_before, mut value_before) = (0, 0, 0);
        for (index, (&time, value)) in times.iter().zip(values).enumerate() {
            let (delta, value) = (time.wrapping_sub(before), value.to_bits());
            match index {
                0 => {
                    chunk.push_varint(((time << 1) ^ (time >> 63)).cast_unsigned());
                    chunk.push_bits(value, 64);
                }
                1 => {
                    chunk.push_varint(delta.cast_unsigned());
                    chunk.push_change(value ^ value_before);
                }
                _ => {
                    chunk.push_acceleration(delta.wrapping_sub(delta_before));
                    chunk.push_change(value ^ value_before);
                }
            }
            (before, delta_before, value_before) = (time, delta, value);
        }
        chunk.bytes
    }

    fn push_acceleration(&mut self, difference: i64) {
        let fits = |bits: u32| (-((1 << (bits - 1)) - 1)..=1 << (bits - 1)).contains(&difference);
        let (prefix, prefix_bits, bits) = match () {
            () if difference == 0 => return self.push_bits(0, 1),
            () if fits(14) => (0b10, 2, 14),
            () if fits(17) => (0b110, 3, 17),
            () if fits(20) => (0b1110, 4, 20),
            () => (0b1111, 4, 64),
        };
        self.push_bits(prefix, prefix_bits);
        self.push_bits(difference.cast_unsigned(), bits);
    }

    fn push_change(&mut self, change: u64) {
        if change == 0 {
            return self.push_bits(0, 1);
        }
        self.push_bits(1, 1);
        // Five bits hold the number of leading zeros.
        let (leading, trailing) = (change.leading_zeros().min(31), change.trailing_zeros());
        if let Some((known_leading, known_trailing)) = self.window.filter(|known| leading >= known.0 && trailing >= known.1) {
            self.push_bits(0, 1);
            return self.push_bits(change >> known_trailing, 64 - known_leading - known_trailing);
        }
        let bits = 64 - leading - trailing;
        self.push_bits(1, 1);
        self.push_bits(u64::from(leading), 5);
        // 64 stands as 0, which cannot be: something changed.
        self.push_bits(u64::from(bits), 6);
        self.push_bits(change >> trailing, bits);
        self.window = Some((leading, trailing));
    }

    /// Seven bits a byte, the lowest first.
    fn push_varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.push_bits(number & 0x7f | 0x80, 8);
            number >>= 7;
        }
        self.push_bits(number, 8);
    }

    /// The lowest `count` bits, the highest of them first.
    fn push_bits(&mut self, bits: u64, mut count: u32) {
        while count > 0 {
            if self.free_bits == 0 {
                self.bytes.push(0);
                self.free_bits = 8;
            }
            let taken = count.min(self.free_bits);
            let part = (bits >> (count - taken)) & ((1 << taken) - 1);
            let last = self.bytes.last_mut().expect("BUG: a byte was just pushed");
            *last |= (part << (self.free_bits - taken)) as u8;
            self.free_bits -= taken;
            count -= taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(times: &[i64], values: &[f64]) -> String {
        XorChunk::encode(times, values).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn samples_become_the_bits_that_the_format_describes() {
        // Count, time 1 (zigzag 2), 64 bits of 1.0.
        assert_eq!(hex(&[1], &[1.0]), "0001023ff0000000000000");
        // Delta 15,000 as 98 75, then "unchanged": one bit 0.
        assert_eq!(hex(&[0, 15_000], &[1.0, 1.0]), "0002003ff0000000000000987500");
        // The same delta and value once more: two bits 0 after that bit.
        assert_eq!(hex(&[0, 15_000, 30_000], &[1.0, 1.0, 1.0]), "0003003ff0000000000000987500");
        // 1.0 to 2.0: 0x7ff0… changes, 1 leading zero, 52 trailing, 11 bits: 1 1 00001 001011 11111111111.
        assert_eq!(hex(&[0, 1], &[1.0, 2.0]), "0002003ff000000000000001c25fff");
    }
}
