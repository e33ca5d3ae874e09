//! Chunks: up to 120 samples of one series, compressed. Timestamps as differences of differences; values as differences of whole numbers
//! where both neighbours are whole at the chunk's decimal scale, else as XOR (Gorilla, VLDB 2015).
//!
//! A chunk starts with its first timestamp and value in full, so it can be read alone. It does not know its series.
//!
//! A value is `0`: the same; `10`, two bits of width, a zigzag difference; `110`, an XOR in the last window; `111`, six bits of leading
//! zeros, six of length less one, an XOR. An impossible window (63 zeros and 64 bits) is followed by a new scale.

use super::bits::{BitReader, BitWriter};
use crate::number::{from_whole, to_whole, unzigzag, whole_neighbours, zigzag};

/// Samples per chunk, as in Prometheus: long enough for the 16 bytes of the start not to count, short enough to read few in vain.
pub(super) const CHUNK_SAMPLES: u8 = 120;

/// No XOR window yet.
const NO_WINDOW: u8 = u8::MAX;

/// Decimal places that are tried, and bits of a scale.
const MAX_SCALE: u8 = 5;
const SCALE_BITS: u32 = 3;
/// The prefix 111 and an impossible window, before a new scale.
const NEW_SCALE: u64 = 0b111 << 12 | 63 << 6 | 63;
/// After so many values without a scale, the search costs more than it finds.
const MAX_SEARCHES: u8 = 8;

/// Bits of a timestamp's difference of differences, by prefix 10, 110, 1110; beyond that 64 after 1111.
const TIME_BITS: [u32; 3] = [6, 12, 20];
/// Bits of an integer difference, by the two bits after the prefix 10.
const INTEGER_BITS: [u32; 4] = [5, 10, 18, 32];

/// The chunk that a series is being appended to.
#[derive(Debug)]
pub(super) struct OpenChunk {
    bits: BitWriter,
    delta: i64,
    count: u8,
    leading: u8,
    trailing: u8,
    /// Decimal places of the whole numbers.
    scale: u8,
    /// Searches for a scale in this chunk that found none.
    searches: u8,
}

impl Default for OpenChunk {
    fn default() -> Self {
        Self { bits: BitWriter::default(), delta: 0, count: 0, leading: NO_WINDOW, trailing: 0, scale: 0, searches: 0 }
    }
}

impl OpenChunk {
    /// Appends a sample that is younger than the last one, `last`, which must be the one appended before (ignored in an empty chunk).
    pub(super) fn push(&mut self, last: (i64, u64), timestamp: i64, value: u64) {
        if self.count == 0 {
            self.bits.push(timestamp.cast_unsigned(), 64);
            self.bits.push(value, 64);
            (self.delta, self.leading, self.scale, self.searches) = (0, NO_WINDOW, 0, 0);
        } else {
            self.push_time(last.0, timestamp);
            self.push_value(last.1, value);
        }
        self.count += 1;
    }

    pub(super) fn count(&self) -> u8 {
        self.count
    }

    /// The chunk so far, as [`decode`] reads it.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.bits.to_bytes()
    }

    /// The time of the first sample.
    pub(super) fn first_timestamp(&self) -> Option<i64> {
        self.bits.first_word().filter(|_| self.count > 0).map(i64::from_be_bytes)
    }

    pub(super) fn capacity(&self) -> usize {
        self.bits.capacity()
    }

    /// Starts the next chunk in the same memory.
    pub(super) fn clear(&mut self) {
        self.bits.clear();
        self.count = 0;
    }

    fn push_time(&mut self, last: i64, timestamp: i64) {
        let delta = timestamp.wrapping_sub(last);
        let change = delta.wrapping_sub(self.delta);
        self.delta = delta;
        if change == 0 {
            return self.bits.push(0, 1);
        }
        let zigzag = zigzag(change);
        for (index, bits) in (0u32..).zip(TIME_BITS) {
            if zigzag < 1 << bits {
                let prefix = (1u64 << (index + 2)) - 2;
                return self.bits.push(prefix << bits | zigzag, index + 2 + bits);
            }
        }
        self.bits.push(0b1111, 4);
        self.bits.push(zigzag, 64);
    }

    fn push_value(&mut self, last: u64, value: u64) {
        if last == value {
            return self.bits.push(0, 1);
        }
        if let Some((before, now)) = self.whole_pair(f64::from_bits(last), f64::from_bits(value)) {
            let zigzag = zigzag(now - before);
            for (index, bits) in (0u64..).zip(INTEGER_BITS) {
                if zigzag < 1 << bits {
                    return self.bits.push((0b1000 | index) << bits | zigzag, 4 + bits);
                }
            }
        }
        let xor = last ^ value;
        let (leading, trailing) = (xor.leading_zeros() as u8, xor.trailing_zeros() as u8);
        let fits_window = self.leading != NO_WINDOW && leading >= self.leading && trailing >= self.trailing;
        let own_bits = 64 - u32::from(leading) - u32::from(trailing);
        // The old window is kept while it wastes less than the 12 bits that a new one costs.
        if fits_window && self.window_bits() < own_bits + 12 {
            self.bits.push(0b110, 3);
            self.bits.push(xor >> self.trailing, self.window_bits());
        } else {
            (self.leading, self.trailing) = (leading, trailing);
            self.bits.push(0b111 << 12 | u64::from(leading) << 6 | u64::from(own_bits - 1), 15);
            self.bits.push(xor >> trailing, own_bits);
        }
    }

    /// Both values as whole numbers, at the chunk's scale or at a new one.
    fn whole_pair(&mut self, last: f64, value: f64) -> Option<(i64, i64)> {
        if let (Some(now), Some(before)) = (to_whole(value, self.scale), to_whole(last, self.scale)) {
            return Some((before, now));
        }
        if self.searches >= MAX_SEARCHES {
            return None;
        }
        let Some((scale, before, now)) = whole_neighbours(last, value, MAX_SCALE) else {
            self.searches += 1;
            return None;
        };
        self.scale = scale;
        self.bits.push(NEW_SCALE << SCALE_BITS | u64::from(scale), 15 + SCALE_BITS);
        Some((before, now))
    }

    fn window_bits(&self) -> u32 {
        64 - u32::from(self.leading) - u32::from(self.trailing)
    }
}

/// Appends the samples of a chunk that lie between `start` and `end` (inclusive) to two columns.
pub(super) fn decode(bytes: &[u8], count: u8, (start, end): (i64, i64), timestamps: &mut Vec<i64>, values: &mut Vec<f64>) {
    let mut bits = BitReader::new(bytes);
    let mut timestamp = bits.read(64).cast_signed();
    let mut delta = 0i64;
    let mut value = ValueState { bits: bits.read(64), scale: 0, trailing: 0, window: 64 };
    for index in 0..count {
        if index > 0 {
            delta = delta.wrapping_add(read_time_change(&mut bits));
            timestamp = timestamp.wrapping_add(delta);
            value.advance(&mut bits);
        }
        if timestamp > end {
            return;
        }
        if timestamp >= start {
            timestamps.push(timestamp);
            values.push(f64::from_bits(value.bits));
        }
    }
}

fn read_time_change(bits: &mut BitReader<'_>) -> i64 {
    if !bits.read_bit() {
        return 0;
    }
    for width in TIME_BITS {
        if !bits.read_bit() {
            return unzigzag(bits.read(width));
        }
    }
    unzigzag(bits.read(64))
}

/// The last value and what the next one refers to.
struct ValueState {
    bits: u64,
    scale: u8,
    trailing: u32,
    window: u32,
}

impl ValueState {
    fn advance(&mut self, bits: &mut BitReader<'_>) {
        if !bits.read_bit() {
            return;
        }
        if !bits.read_bit() {
            return self.step(bits);
        }
        if bits.read_bit() {
            let (leading, window) = (bits.read(6) as u32, bits.read(6) as u32 + 1);
            if leading + window > 64 {
                self.scale = bits.read(SCALE_BITS) as u8;
                // The difference at the new scale, or an XOR if that was shorter.
                return self.advance(bits);
            }
            (self.window, self.trailing) = (window, 64 - leading - window);
        }
        self.bits ^= bits.read(self.window) << self.trailing;
    }

    fn step(&mut self, bits: &mut BitReader<'_>) {
        let width = INTEGER_BITS[bits.read(2) as usize];
        // The writer took this way only where the last value is whole at the scale.
        let before = to_whole(f64::from_bits(self.bits), self.scale).unwrap_or_default();
        self.bits = from_whole(before.wrapping_add(unzigzag(bits.read(width))), self.scale).to_bits();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(samples: &[(i64, u64)]) {
        let mut chunk = OpenChunk::default();
        let mut last = (0, 0);
        for &(timestamp, value) in samples {
            chunk.push(last, timestamp, value);
            last = (timestamp, value);
        }
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        decode(&chunk.to_bytes(), chunk.count(), (i64::MIN, i64::MAX), &mut timestamps, &mut values);
        let got: Vec<(i64, u64)> = timestamps.into_iter().zip(values.into_iter().map(f64::to_bits)).collect();
        assert_eq!(got, samples);
    }

    #[test]
    fn a_steady_integer_series_takes_under_a_byte_and_a_half_per_sample() {
        let mut chunk = OpenChunk::default();
        let mut last = (0, 0);
        for index in 0..i64::from(CHUNK_SAMPLES) {
            let sample = (1_700_000_000_000 + 15_000 * index, ((index * index % 13 + 10 * index) as f64).to_bits());
            chunk.push(last, sample.0, sample.1);
            last = sample;
        }
        assert!(chunk.to_bytes().len() < 180, "{}", chunk.to_bytes().len());
    }

    #[test]
    fn only_the_asked_range_is_decoded() {
        let mut chunk = OpenChunk::default();
        for index in 0..10 {
            chunk.push((index - 1, 0), index, 0);
        }
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        decode(&chunk.to_bytes(), chunk.count(), (3, 5), &mut timestamps, &mut values);
        assert_eq!((timestamps, values.len()), (vec![3, 4, 5], 3));
    }

    fn value() -> impl Strategy<Value = u64> {
        prop_oneof![
            3 => (-1000i64..1000).prop_map(|whole| (whole as f64).to_bits()),
            1 => any::<i64>().prop_map(|whole| (whole as f64).to_bits()),
            2 => (0u32..100_000).prop_map(|cents| (f64::from(cents) / 100.0).to_bits()),
            1 => any::<u64>(),
            1 => Just((-0.0f64).to_bits()),
            1 => Just(cepmon_model::STALE_NAN_BITS),
        ]
    }

    fn step() -> impl Strategy<Value = i64> {
        prop_oneof![Just(15_000i64), 1..40_000i64, 1..i64::MAX / 200]
    }

    proptest! {
        #[test]
        fn every_chunk_reads_back(steps in prop::collection::vec((step(), value()), 1..120)) {
            let mut now = -5_000i64;
            let samples: Vec<(i64, u64)> = steps.into_iter().map(|(step, value)| { now += step; (now, value) }).collect();
            round_trip(&samples);
        }
    }
}
