//! Reproducible random numbers, and bytes that are nearly valid.

/// SplitMix64: every seed gives another stream, also seeds that follow one another.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    pub fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// A number as liars choose them: small, at an edge, or any.
    pub fn number(&mut self, near: usize) -> u32 {
        match self.below(8) {
            0 => u32::MAX,
            1 => 1 << 31,
            2 => self.next() as u32,
            3 => (near as u32).wrapping_add(1),
            4 => near as u32,
            _ => self.below(near + 1) as u32,
        }
    }

    /// Pieces of `seeds`, put together and damaged in up to eight places.
    pub fn mutant(&mut self, seeds: &[&[u8]], max_pieces: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..=self.below(max_pieces) {
            bytes.extend_from_slice(self.pick(seeds));
        }
        for _ in 0..self.below(9) {
            if bytes.is_empty() {
                break;
            }
            let at = self.below(bytes.len());
            let end = (at + 1 + self.below(16)).min(bytes.len());
            match self.below(6) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.next() as u8,
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let piece = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                4 => {
                    let seed = self.pick(seeds);
                    let from = self.below(seed.len().max(1)).min(seed.len());
                    let piece = seed[from..(from + 16).min(seed.len())].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => bytes.truncate(at),
            }
        }
        bytes
    }
}
