//! Bits into bytes and back, most significant first.

/// Appends bits to bytes. The last ones wait in a word beside the series' other state, so most samples do not touch the heap at all: with
/// 100,000 series each touch is a cache miss, and those were a third of the time of an append.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    /// Whole words.
    bytes: Vec<u8>,
    /// The last bits, left-aligned.
    tail: u64,
    tail_bits: u32,
}

/// Growth in small steps: an open chunk holds a few hundred bytes at most and there is one per series, so doubling would waste more
/// than the copies cost.
const GROWTH: usize = 64;

impl BitWriter {
    /// Appends the `count` (1 to 64) low bits of `value`; higher bits must be zero.
    pub(super) fn push(&mut self, value: u64, count: u32) {
        let free = 64 - self.tail_bits;
        if count < free {
            self.tail |= value << (free - count);
            self.tail_bits += count;
            return;
        }
        let rest = count - free;
        self.spill(self.tail | value >> rest);
        self.tail = value.checked_shl(64 - rest).unwrap_or(0);
        self.tail_bits = rest;
    }

    /// All bits, filled up with zeros to whole bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let tail_bytes = self.tail_bits.div_ceil(8) as usize;
        let mut bytes = Vec::with_capacity(self.bytes.len() + tail_bytes);
        bytes.extend_from_slice(&self.bytes);
        bytes.extend_from_slice(&self.tail.to_be_bytes()[..tail_bytes]);
        bytes
    }

    /// The bytes of the first word, if there is one.
    pub(super) fn first_word(&self) -> Option<[u8; 8]> {
        self.bytes.first_chunk().copied()
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Empties it; the memory stays for the next chunk.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        (self.tail, self.tail_bits) = (0, 0);
    }

    fn spill(&mut self, word: u64) {
        if self.bytes.len() == self.bytes.capacity() {
            self.bytes.reserve_exact(GROWTH);
        }
        self.bytes.extend_from_slice(&word.to_be_bytes());
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
