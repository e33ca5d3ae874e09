//! Bits into bytes and back, most significant first.

/// Appends bits to bytes.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Unused bits of the last byte.
    free: u8,
}

/// Growth in small steps: an open chunk holds a few hundred bytes at most and there is one per series, so doubling would waste more
/// than the copies cost.
const GROWTH: usize = 32;

impl BitWriter {
    /// Appends the `count` (at most 64) low bits of `value`; higher bits must be zero.
    pub(super) fn push(&mut self, value: u64, count: u32) {
        let mut remaining = count;
        while remaining > 0 {
            if self.free == 0 {
                if self.bytes.len() == self.bytes.capacity() {
                    self.bytes.reserve_exact(GROWTH);
                }
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = remaining.min(u32::from(self.free));
            remaining -= taken;
            let piece = (value >> remaining) as u8 & (0xff_u8 >> (8 - taken));
            self.free -= taken as u8;
            if let Some(last) = self.bytes.last_mut() {
                *last |= piece << self.free;
            }
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Empties it; the memory stays for the next chunk.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.free = 0;
    }
}

/// Reads bits; past the end there are zeros.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The next bits, left-aligned.
    buffer: u64,
    available: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, buffer: 0, available: 0 }
    }

    /// The next `count` (at most 64) bits.
    pub(super) fn read(&mut self, count: u32) -> u64 {
        if count > 56 {
            let high = self.read(count - 32);
            return high << 32 | self.read(32);
        }
        if count == 0 {
            return 0;
        }
        if self.available < count {
            self.refill();
        }
        let value = self.buffer >> (64 - count);
        self.buffer <<= count;
        self.available = self.available.saturating_sub(count);
        value
    }

    pub(super) fn read_bit(&mut self) -> bool {
        self.read(1) == 1
    }

    fn refill(&mut self) {
        if let Some((word, _)) = self.bytes.split_first_chunk::<8>() {
            let whole_bytes = (64 - self.available) / 8;
            if whole_bytes == 8 {
                self.buffer = u64::from_be_bytes(*word);
            } else {
                let kept = u64::from_be_bytes(*word) >> (64 - 8 * whole_bytes) << (64 - 8 * whole_bytes);
                self.buffer |= kept >> self.available;
            }
            self.available += 8 * whole_bytes;
            self.bytes = &self.bytes[whole_bytes as usize..];
            return;
        }
        while self.available <= 56 {
            let Some((&byte, rest)) = self.bytes.split_first() else { return };
            self.buffer |= u64::from(byte) << (56 - self.available);
            self.available += 8;
            self.bytes = rest;
        }
    }
}
