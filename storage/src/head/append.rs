//! Taking samples in, in two steps with the log between them: decide what becomes of each, then store the accepted ones.

use super::arena::ChunkAddress;
use super::chunk;
use super::frozen::FrozenSamples;
use super::late::LateSamples;
use super::{Head, NO_SAMPLE};
use crate::storage::{AppendOutcome, SeriesRef};

/// A sample that will be stored once it is in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Accepted {
    pub(crate) slot: u32,
    pub(crate) timestamp: i64,
    pub(crate) value: u64,
}

/// What decides besides the head itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits<'a> {
    /// Samples below are too old.
    pub(crate) oldest: i64,
    /// The part of the head that is being flushed.
    pub(crate) frozen: Option<&'a FrozenSamples>,
}

impl Head {
    /// Sorts a batch into accepted samples and an outcome that counts them as appended. Changes nothing that a scan sees.
    pub(crate) fn classify(&mut self, batch: &[(SeriesRef, i64, f64)], limits: Limits<'_>, accepted: &mut Vec<Accepted>) -> AppendOutcome {
        accepted.clear();
        let mut outcome = AppendOutcome::default();
        self.batch = self.batch.wrapping_add(1);
        let mut has_repeats = false;
        for (index, &(series, timestamp, value)) in batch.iter().enumerate() {
            let (slot, generation) = split_ref(series);
            let Some(place) = self.slots.get_mut(slot as usize).filter(|place| place.generation == generation) else {
                outcome.unknown.push(index);
                continue;
            };
            has_repeats |= place.batch == self.batch;
            place.batch = self.batch;
            accepted.push(Accepted { slot, timestamp, value: value.to_bits() });
        }
        if has_repeats {
            drop_repeats(accepted, &mut outcome);
        }
        accepted.retain(|sample| self.is_new(sample, limits, &mut outcome));
        outcome.appended = accepted.len();
        outcome
    }

    /// Stores accepted samples; scans see them from now on. A series' samples must come in the order in which `classify` left them.
    pub(crate) fn store(&mut self, accepted: &[Accepted]) {
        for sample in accepted {
            self.store_one(*sample);
        }
        self.samples += accepted.len() as u64;
    }

    pub(super) fn is_new(&self, sample: &Accepted, limits: Limits<'_>, outcome: &mut AppendOutcome) -> bool {
        if sample.timestamp < limits.oldest || sample.timestamp == NO_SAMPLE {
            outcome.too_old += 1;
            return false;
        }
        let place = &self.slots[sample.slot as usize];
        if sample.timestamp > place.last_timestamp {
            return true;
        }
        let existing = if sample.timestamp == place.last_timestamp {
            Some(place.last_value)
        } else {
            self.find(sample.slot, sample.timestamp, limits.frozen)
        };
        match existing {
            None => return true,
            Some(value) if value == sample.value => outcome.duplicates += 1,
            Some(_) => outcome.conflicts += 1,
        }
        false
    }

    /// The value of a series at a time, if the head has it.
    fn find(&self, slot: u32, timestamp: i64, frozen: Option<&FrozenSamples>) -> Option<u64> {
        let place = &self.slots[slot as usize];
        if let Some(value) = place.late.as_ref().and_then(|late| late.find(timestamp)) {
            return Some(value);
        }
        let mut times = Vec::new();
        let mut values = Vec::new();
        chunk::decode(&place.open.to_bytes(), place.open.count(), (timestamp, timestamp), &mut times, &mut values);
        let mut next = place.chunk;
        while let Some(closed) = self.arena.get(next).filter(|closed| closed.last_timestamp >= timestamp && values.is_empty()) {
            chunk::decode(closed.bytes, closed.count, (timestamp, timestamp), &mut times, &mut values);
            next = closed.previous;
        }
        if values.is_empty()
            && let Some(frozen) = frozen
        {
            frozen.read(slot, (timestamp, timestamp), &mut times, &mut values);
        }
        values.first().map(|value| value.to_bits())
    }

    fn store_one(&mut self, sample: Accepted) {
        let Accepted { slot, timestamp, value } = sample;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let place = &mut self.slots[slot as usize];
        if timestamp <= place.last_timestamp {
            let late = place.late.get_or_insert_with(Box::default);
            let before = late_bytes(late);
            late.insert(timestamp, value);
            self.late_bytes += late_bytes(late) - before;
            return;
        }
        let before = place.open.capacity();
        place.open.push((place.last_timestamp, place.last_value), timestamp, value);
        self.open_bytes += place.open.capacity() - before;
        (place.last_timestamp, place.last_value) = (timestamp, value);
        if place.open.count() == chunk::CHUNK_SAMPLES {
            self.close_chunk(slot);
        }
    }

    /// Moves a series' open chunk to the closed ones.
    pub(super) fn close_chunk(&mut self, slot: u32) {
        let place = &mut self.slots[slot as usize];
        if place.open.count() > 0 {
            place.chunk = self.arena.push(place.chunk, place.open.count(), place.last_timestamp, &place.open.to_bytes());
            place.open.clear();
        }
        debug_assert!(place.chunk != ChunkAddress::NONE || place.open.count() == 0);
    }
}

/// Slot and generation of a reference.
pub(super) fn split_ref(series: SeriesRef) -> (u32, u32) {
    (series.0 as u32, (series.0 >> 32) as u32)
}

pub(super) fn late_bytes(late: &LateSamples) -> usize {
    late.capacity() * size_of::<(i64, u64)>()
}

/// Orders a batch that has series more than once, and drops equal times: the first value in the batch counts.
fn drop_repeats(accepted: &mut Vec<Accepted>, outcome: &mut AppendOutcome) {
    accepted.sort_by_key(|sample| (sample.slot, sample.timestamp));
    accepted.dedup_by(|repeat, first| {
        let is_repeat = (repeat.slot, repeat.timestamp) == (first.slot, first.timestamp);
        if is_repeat && repeat.value == first.value {
            outcome.duplicates += 1;
        } else if is_repeat {
            outcome.conflicts += 1;
        }
        is_repeat
    });
}
