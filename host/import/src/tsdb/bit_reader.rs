//! Bits from the highest of a byte to the lowest, byte by byte.

use crate::bytes::Malformed;

/// A place in a stream of bits. 64 bits are fetched at once: a chunk's bits are read one, two or five at a time.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The next bits, at the top; below `left` bits it is zero.
    bits: u64,
    left: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, bits: 0, left: 0 }
    }

    pub(super) fn bit(&mut self) -> Result<bool, Malformed> {
        if self.left == 0 {
            self.fill()?;
        }
        let bit = self.bits >> 63 == 1;
        self.bits <<= 1;
        self.left -= 1;
        Ok(bit)
    }

    /// A number of up to 64 bits.
    pub(super) fn bits(&mut self, count: u32) -> Result<u64, Malformed> {
        if count == 0 {
            return Ok(0);
        }
        if self.left == 0 {
            self.fill()?;
        }
        if count <= self.left {
            let value = self.bits >> (64 - count);
            self.bits = self.bits.checked_shl(count).unwrap_or(0);
            self.left -= count;
            return Ok(value);
        }
        let (high, missing) = (self.bits >> (64 - self.left), count - self.left);
        self.fill()?;
        if missing > self.left {
            return Err(Malformed::Short);
        }
        let low = self.bits >> (64 - missing);
        self.bits = self.bits.checked_shl(missing).unwrap_or(0);
        self.left -= missing;
        Ok(high.checked_shl(missing).unwrap_or(0) | low)
    }

    /// Go's `binary.ReadUvarint`.
    pub(super) fn uvarint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.bits(8)?;
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::Number)
    }

    /// Go's `binary.ReadVarint`.
    pub(super) fn varint(&mut self) -> Result<i64, Malformed> {
        let value = self.uvarint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn fill(&mut self) -> Result<(), Malformed> {
        if let Some((first, rest)) = self.bytes.split_first_chunk::<8>() {
            (self.bits, self.left, self.bytes) = (u64::from_be_bytes(*first), 64, rest);
            return Ok(());
        }
        if self.bytes.is_empty() {
            return Err(Malformed::Short);
        }
        let mut last = [0; 8];
        last[..self.bytes.len()].copy_from_slice(self.bytes);
        (self.bits, self.left) = (u64::from_be_bytes(last), self.bytes.len() as u32 * 8);
        self.bytes = &[];
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_highest_first_over_the_borders_of_words() {
        let bytes: Vec<u8> = (1..=11).collect();
        let mut reader = BitReader::new(&bytes);
        assert_eq!((reader.bit(), reader.bits(7)), (Ok(false), Ok(1)));
        assert_eq!(reader.bits(52), Ok(0x0002_0304_0506_0700 >> 4));
        assert_eq!(reader.bits(12), Ok(0x809));
        assert_eq!(reader.bits(16), Ok(0x0a0b));
        assert_eq!(reader.bits(1), Err(Malformed::Short));
    }

    #[test]
    fn a_whole_word_is_read_at_once_or_over_a_border() {
        let bytes = [0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        assert_eq!(BitReader::new(&bytes).bits(64), Ok(0xff00_0102_0304_0506));
        let mut reader = BitReader::new(&bytes);
        assert_eq!((reader.bits(8), reader.bits(64)), (Ok(0xff), Ok(0x0001_0203_0405_0607)));
    }
}
