//! Numbers and texts out of bytes, as Go's `encoding/binary` and Prometheus's `tsdb/encoding` write them.

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("it ends too early")]
    Short,
    #[error("a number is too large")]
    Number,
    #[error("its checksum is wrong")]
    Checksum,
    #[error("it does not begin with the mark of its kind")]
    Magic,
    #[error("a version that is not known")]
    Version,
    #[error("a text is not UTF-8")]
    Text,
    #[error("a reference leads nowhere")]
    Reference,
    #[error("its compression is broken")]
    Compression,
}

/// A place in bytes that moves on with each reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes from an offset on.
    pub(crate) fn at(bytes: &'a [u8], offset: u64) -> Result<Self, Malformed> {
        let offset = usize::try_from(offset).map_err(|_| Malformed::Short)?;
        bytes.get(offset..).map(Self).ok_or(Malformed::Short)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn be32(&mut self) -> Result<u32, Malformed> {
        self.take(4)?.try_into().map(u32::from_be_bytes).map_err(|_| Malformed::Short)
    }

    pub(crate) fn be64(&mut self) -> Result<u64, Malformed> {
        self.take(8)?.try_into().map(u64::from_be_bytes).map_err(|_| Malformed::Short)
    }

    pub(crate) fn uvarint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed::Number);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::Number)
    }

    /// Zigzag, as Go's `Varint`.
    pub(crate) fn varint(&mut self) -> Result<i64, Malformed> {
        let value = self.uvarint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub(crate) fn count(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.uvarint()?).map_err(|_| Malformed::Number)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let len = self.count()?;
        std::str::from_utf8(self.take(len)?).map_err(|_| Malformed::Text)
    }

    /// Bytes that are followed by their checksum (CRC-32C).
    pub(crate) fn checked(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let bytes = self.take(len)?;
        if self.be32()? == crc32c::crc32c(bytes) { Ok(bytes) } else { Err(Malformed::Checksum) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_go() {
        assert_eq!(Bytes::new(&[0xac, 0x02]).uvarint(), Ok(300));
        assert_eq!(Bytes::new(&[0x03]).varint(), Ok(-2));
        let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Bytes::new(&largest).uvarint(), Ok(u64::MAX));
        assert_eq!(Bytes::new(&largest).varint(), Ok(i64::MIN));
        assert_eq!(Bytes::new(&[0xff; 11]).uvarint(), Err(Malformed::Number));
        assert_eq!(Bytes::new(&[0x80]).uvarint(), Err(Malformed::Short));
    }
}
