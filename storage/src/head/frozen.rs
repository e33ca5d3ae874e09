//! The part of the head that a flush is writing: the chunks of one moment. Appends go on beside it, scans see both.

use std::sync::Arc;

use cepmon_model::{LabelSet, MetricMetadata, SeriesId, is_stale};

use super::arena::{ChunkAddress, Pages};
use super::chunk::{self, OpenChunk};
use super::late::LateSamples;
use super::view::merge_late;
use super::{Head, NO_SAMPLE};
use crate::Deletion;

/// A series that gave no sample for an hour leaves the head at the next flush.
const IDLE_MS: i64 = 3_600_000;

#[derive(Debug)]
struct FrozenSeries {
    chunk: ChunkAddress,
    late: Option<Box<LateSamples>>,
    /// Blocks may have samples of the series up to here; `i64::MAX` = nobody knows.
    flushed_until: i64,
}

/// Samples that do not change any more.
#[derive(Debug)]
pub(crate) struct FrozenSamples {
    pages: Pages,
    /// By slot.
    series: Vec<FrozenSeries>,
    pub(crate) samples: u64,
    pub(crate) max_timestamp: i64,
}

impl FrozenSamples {
    /// Appends a series' samples between two times (inclusive) to two columns, ascending.
    pub(crate) fn read(&self, slot: u32, range: (i64, i64), timestamps: &mut Vec<i64>, values: &mut Vec<f64>) {
        let Some(series) = self.series.get(slot as usize) else { return };
        let start = timestamps.len();
        read_chain(|address| self.pages.get(address), series.chunk, range, timestamps, values);
        if let Some(late) = &series.late {
            merge_late(late.range(range), start, timestamps, values);
        }
    }

    /// Whether blocks may already have a series' samples from `first_timestamp` on.
    pub(crate) fn may_be_in_blocks(&self, slot: u32, first_timestamp: i64) -> bool {
        self.series.get(slot as usize).is_some_and(|series| first_timestamp <= series.flushed_until)
    }

    fn has_samples(&self, slot: u32) -> bool {
        self.series.get(slot as usize).is_some_and(|series| series.chunk != ChunkAddress::NONE || series.late.is_some())
    }

    /// The spans (inclusive) to write apart, oldest first: all of it, or what is older than the youngest `recent_ms` and these, when there is
    /// far more than that.
    pub(crate) fn spans(&self, order: &[(u32, SeriesId)], recent_ms: i64) -> Vec<(i64, i64)> {
        let recent = self.max_timestamp.saturating_sub(recent_ms);
        // What a flush normally finds spans `recent_ms` and a little more.
        let far = recent.saturating_sub(recent_ms);
        if order.iter().any(|&(slot, _)| self.first_timestamp(slot).is_some_and(|first| first < far)) {
            vec![(i64::MIN, recent - 1), (recent, i64::MAX)]
        } else {
            vec![(i64::MIN, i64::MAX)]
        }
    }

    /// The time of a series' oldest sample here.
    pub(super) fn first_timestamp(&self, slot: u32) -> Option<i64> {
        let series = self.series.get(slot as usize)?;
        let late = series.late.as_ref().and_then(|late| late.first_timestamp());
        let chunk = first_in_chain(|address| self.pages.get(address), series.chunk);
        late.into_iter().chain(chunk).min()
    }
}

impl Head {
    /// Takes all samples out. Takes about 0.1 µs per series; appends wait for that long. `blocks_end` is the youngest time in blocks.
    pub(crate) fn freeze(&mut self, blocks_end: i64) -> FrozenSamples {
        let mut series = Vec::with_capacity(self.slots.len());
        for slot in 0..self.slots.len() {
            self.close_chunk(slot as u32);
            let place = &mut self.slots[slot];
            place.open = OpenChunk::default();
            let chunk = std::mem::replace(&mut place.chunk, ChunkAddress::NONE);
            let flushed_until = place.flushed_until;
            // A series that came back may have younger samples in blocks than those that it came back with.
            if place.last_timestamp >= blocks_end {
                place.flushed_until = place.last_timestamp;
            } else {
                place.flushed_until = flushed_until.max(place.last_timestamp);
            }
            series.push(FrozenSeries { chunk, late: place.late.take(), flushed_until });
        }
        let samples = std::mem::take(&mut self.samples);
        let max_timestamp = std::mem::replace(&mut self.max_timestamp, i64::MIN);
        (self.open_bytes, self.late_bytes) = (0, 0);
        let pages = self.arena.take();
        FrozenSamples { pages, series, samples, max_timestamp }
    }

    /// Slots and ids of the frozen part's series, in the order of their labels.
    pub(crate) fn frozen_order(&mut self, frozen: &FrozenSamples) -> Vec<(u32, SeriesId)> {
        if self.order_is_stale {
            let mut order = std::mem::take(&mut self.order);
            order.clear();
            order.extend(self.index.numbers());
            order.sort_by(|&left, &right| self.index.compare(left, right));
            self.order = order;
            self.order_is_stale = false;
        }
        let with_samples = self.order.iter().filter(|&&slot| frozen.has_samples(slot));
        with_samples.map(|&slot| (slot, self.slots[slot as usize].id)).collect()
    }

    /// Labels and metadata of a series that is being flushed.
    pub(crate) fn describe(&self, slot: u32) -> (LabelSet, Arc<MetricMetadata>) {
        (self.index.labels(slot), Arc::clone(self.metadata.get(self.slots[slot as usize].metadata)))
    }

    /// After a deletion from blocks: forgets the last sample of series that are meant and have none in memory, so that an equal one can
    /// be stored again.
    pub(crate) fn forget(&mut self, deletion: &Deletion) {
        let numbers = deletion.selectors.iter().flat_map(|matchers| self.index.select(matchers));
        for slot in numbers.collect::<Vec<_>>() {
            let place = &mut self.slots[slot as usize];
            let is_empty = place.open.count() == 0 && place.chunk == ChunkAddress::NONE && place.late.is_none();
            if is_empty && (deletion.start..=deletion.end).contains(&place.last_timestamp) {
                (place.last_timestamp, place.last_value) = (NO_SAMPLE, 0);
            }
        }
    }

    /// After the frozen part is in blocks: lets series go that ended or were idle for an hour before `youngest`, the frozen part's last
    /// time. Gives their number.
    pub(crate) fn drop_ended(&mut self, youngest: i64) -> usize {
        let mut gone = Vec::new();
        for slot in self.index.numbers() {
            let place = &self.slots[slot as usize];
            let is_empty = place.open.count() == 0 && place.chunk == ChunkAddress::NONE && place.late.is_none();
            // Also true of a series without any sample: its owner registers it again when one comes.
            let is_idle = place.last_timestamp < youngest.saturating_sub(IDLE_MS);
            if is_empty && (is_idle || is_stale(f64::from_bits(place.last_value))) {
                gone.push(slot);
            }
        }
        self.release(&gone);
        if self.index.is_half_dead() {
            self.index = self.index.rebuilt();
            self.index_epoch += 1;
        }
        gone.len()
    }
}

/// Appends the samples of a chain of chunks, which goes from young to old, in ascending order.
pub(super) fn read_chain<'a>(
    get: impl Fn(ChunkAddress) -> Option<super::arena::ClosedChunk<'a>>,
    youngest: ChunkAddress,
    range: (i64, i64),
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
) {
    let mut chain = Vec::new();
    let mut next = youngest;
    while let Some(closed) = get(next).filter(|closed| closed.last_timestamp >= range.0) {
        if closed.first_timestamp <= range.1 {
            chain.push(closed);
        }
        next = closed.previous;
    }
    for closed in chain.into_iter().rev() {
        chunk::decode(closed.bytes, closed.count, range, timestamps, values);
    }
}

/// The time of a chain's oldest sample.
pub(super) fn first_in_chain<'a>(
    get: impl Fn(ChunkAddress) -> Option<super::arena::ClosedChunk<'a>>,
    youngest: ChunkAddress,
) -> Option<i64> {
    let (mut first, mut next) = (None, youngest);
    while let Some(closed) = get(next) {
        (first, next) = (Some(closed.first_timestamp), closed.previous);
    }
    first
}
