//! The head: recent samples, log entries and rows in memory. Samples lie compressed, about two bytes each; everything here is in the
//! write-ahead log too. It never reads blocks and touches no file.

pub(crate) mod chunk;
mod bits;
mod arena;
mod late;
mod metadata;
mod append;
mod frozen;
mod journal;
mod view;
pub(crate) mod logs;

use cepmon_model::{LabelSet, MetricMetadata, SeriesId};
use hashbrown::HashTable;

use crate::index::LabelIndex;
use arena::{Arena, ChunkAddress};
use chunk::OpenChunk;
use late::LateSamples;
use metadata::{MetadataId, MetadataTable};

pub(crate) use append::{Accepted, Limits};
pub(crate) use frozen::FrozenSamples;
pub(crate) use journal::{Journal, SeriesReplay};
pub(crate) use view::HeadView;

/// Time of a series that has no sample.
const NO_SAMPLE: i64 = i64::MIN;

/// A place for a series; its number is reused when the series has left.
#[derive(Debug)]
struct Slot {
    id: SeriesId,
    /// Counts the series that were here; half of a `SeriesRef`.
    generation: u32,
    metadata: MetadataId,
    /// The youngest sample, also of those that are in blocks already.
    last_timestamp: i64,
    last_value: u64,
    /// The youngest sample at the last flush; `i64::MAX` = the series is new here, blocks may have anything.
    flushed_until: i64,
    /// The value that the log's next one refers to, if `log_segment` is the current segment.
    log_value: u64,
    log_segment: u32,
    /// The batch that touched it last, to see a series twice in one.
    batch: u32,
    /// The youngest closed chunk.
    chunk: ChunkAddress,
    open: OpenChunk,
    late: Option<Box<LateSamples>>,
}

/// Recent samples of all series.
#[derive(Debug)]
pub(crate) struct Head {
    tenant: String,
    slots: Vec<Slot>,
    vacant: Vec<u32>,
    by_id: HashTable<u32>,
    index: LabelIndex,
    /// Counts rebuilds of the index, which change the numbers of label pairs.
    index_epoch: u32,
    metadata: MetadataTable,
    arena: Arena,
    /// Slots in the order of their labels, as of the last flush.
    order: Vec<u32>,
    order_is_stale: bool,
    open_bytes: usize,
    late_bytes: usize,
    samples: u64,
    max_timestamp: i64,
    batch: u32,
}

impl Head {
    pub(crate) fn new(tenant: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            slots: Vec::new(),
            vacant: Vec::new(),
            by_id: HashTable::new(),
            index: LabelIndex::default(),
            index_epoch: 0,
            metadata: MetadataTable::default(),
            arena: Arena::default(),
            order: Vec::new(),
            order_is_stale: false,
            open_bytes: 0,
            late_bytes: 0,
            samples: 0,
            max_timestamp: i64::MIN,
            batch: 0,
        }
    }

    /// The slot and generation of a series, made if it is new. The label set must not be empty.
    pub(crate) fn register(&mut self, labels: &LabelSet, metadata: &MetricMetadata) -> (u32, u32) {
        for salt in 0..=u8::MAX {
            let id = SeriesId::of(&self.tenant, labels, salt);
            match self.by_id.find(id.0, |&slot| self.slots[slot as usize].id == id).copied() {
                Some(slot) if self.index.has_labels(slot, labels) => {
                    self.update_metadata(slot, metadata);
                    return (slot, self.slots[slot as usize].generation);
                }
                // Another series has this number: 1 in 10^10 for 60,000 series.
                Some(_) => {}
                None => return self.add(id, labels, metadata),
            }
        }
        panic!("BUG: 256 salts give no free series id for {labels}")
    }

    /// Whether a series is in the head.
    pub(crate) fn contains(&self, labels: &LabelSet) -> bool {
        (0..=u8::MAX).map(|salt| SeriesId::of(&self.tenant, labels, salt)).find_map(|id| {
            let found = self.by_id.find(id.0, |&slot| self.slots[slot as usize].id == id).copied();
            // A number that nobody has ends the search; one that another series has goes on with the next salt.
            found.map_or(Some(false), |slot| self.index.has_labels(slot, labels).then_some(true))
        }) == Some(true)
    }

    /// Series that are in the head, with or without samples.
    pub(crate) fn series_count(&self) -> usize {
        self.index.len()
    }

    /// Samples that a flush would write.
    pub(crate) fn sample_count(&self) -> u64 {
        self.samples
    }

    /// Bytes that a flush frees.
    pub(crate) fn data_bytes(&self) -> usize {
        self.arena.heap_bytes() + self.open_bytes + self.late_bytes
    }

    /// Bytes that tell series apart and find them: labels, postings, ids, order, metadata. They stay as long as the series do.
    pub(crate) fn index_bytes(&self) -> usize {
        let ids = self.by_id.capacity() * 8 / 7 * (size_of::<u32>() + 1);
        let order = (self.order.capacity() + self.vacant.capacity()) * size_of::<u32>();
        self.index.heap_bytes() + self.metadata.heap_bytes() + ids + order
    }

    /// Bytes of what is remembered per series for the next sample: the last one, the open chunk's state, what the log has of it.
    pub(crate) fn slot_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    fn add(&mut self, id: SeriesId, labels: &LabelSet, metadata: &MetricMetadata) -> (u32, u32) {
        let metadata = self.metadata.intern(metadata);
        let slot = self.vacant.pop().unwrap_or_else(|| {
            if self.slots.len() == self.slots.capacity() {
                // An eighth more instead of doubling: a slot is large and there are many.
                self.slots.reserve_exact(64.max(self.slots.len() / 8));
            }
            self.slots.push(Slot {
                id,
                generation: 0,
                metadata,
                last_timestamp: NO_SAMPLE,
                last_value: 0,
                flushed_until: i64::MAX,
                log_value: 0,
                log_segment: 0,
                batch: 0,
                chunk: ChunkAddress::NONE,
                open: OpenChunk::default(),
                late: None,
            });
            u32::try_from(self.slots.len() - 1).expect("BUG: more than 4 G series in the head")
        });
        let place = &mut self.slots[slot as usize];
        (place.id, place.metadata) = (id, metadata);
        (place.last_timestamp, place.last_value, place.log_segment) = (NO_SAMPLE, 0, 0);
        place.flushed_until = i64::MAX;
        let generation = place.generation;
        self.index.insert(slot, labels);
        let slots = &self.slots;
        self.by_id.insert_unique(id.0, slot, |&slot| slots[slot as usize].id.0);
        self.order_is_stale = true;
        (slot, generation)
    }

    /// A type or help text that came later counts; one that is no longer given does not take the old one away.
    fn update_metadata(&mut self, slot: u32, metadata: &MetricMetadata) {
        let id = self.metadata.intern(metadata);
        let place = &mut self.slots[slot as usize];
        if id != 0 && id != place.metadata {
            place.metadata = id;
            place.log_segment = 0;
        }
    }

    /// Lets series leave. They must hold no samples.
    fn release(&mut self, gone: &[u32]) {
        for &slot in gone {
            let place = &mut self.slots[slot as usize];
            place.generation = place.generation.wrapping_add(1);
            let id = place.id;
            if let Ok(entry) = self.by_id.find_entry(id.0, |&other| other == slot) {
                entry.remove();
            }
            self.vacant.push(slot);
        }
        self.index.remove(gone);
        self.order_is_stale |= !gone.is_empty();
    }
}
