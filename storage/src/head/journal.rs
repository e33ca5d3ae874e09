//! What the head writes to the log and how it reads it back.
//!
//! A segment defines label pairs, metadata and series the first time a sample of theirs is in it, so a cut or damaged log never lacks a
//! definition, and a flush need not write all series again at once. About 3 bytes per sample of a scrape.

use cepmon_model::{LabelSet, MetricKind, MetricMetadata};
use hashbrown::HashMap;

use super::Head;
use super::append::{Accepted, Limits};
use super::metadata::MetadataId;
use crate::index::PairId;
use crate::storage::AppendOutcome;
use crate::wal::cursor::{Cursor, Malformed, put_bytes, put_number, put_signed};
use crate::wal::frame::{RecordKind, put_record};
use crate::wal::value::{put_value, read_value};

/// Samples per record: at most 20 bytes each, so far below the longest record.
const RECORD_SAMPLES: usize = 1 << 17;
/// Slots that a reader believes: sixty times the series that fit the budget of a large server.
const MAX_SLOTS: usize = 1 << 26;
/// Bytes of definitions after which another record begins.
const DEFINITION_BYTES: usize = 1 << 20;

/// Which definitions the current segment has.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    index_epoch: u32,
    /// The segment that defined it last, by pair.
    pair_segments: Vec<u32>,
    /// The segment that defined it last, by metadata number.
    metadata_segments: Vec<u32>,
}

/// Definitions on their way into a record.
#[derive(Debug, Default)]
struct Definitions {
    pairs: Vec<u8>,
    pair_count: u64,
    metadata: Vec<u8>,
    metadata_count: u64,
    series: Vec<u8>,
    series_count: u64,
}

impl Journal {
    /// Appends the records for accepted samples of a batch that goes to `segment`. If they then do not get into that segment, nothing
    /// may be written to it any more: the head believes that it has the definitions.
    pub(crate) fn encode(&mut self, head: &mut Head, segment: u32, accepted: &[Accepted], out: &mut Vec<u8>) {
        if self.index_epoch != head.index_epoch {
            self.index_epoch = head.index_epoch;
            self.pair_segments.clear();
        }
        for piece in accepted.chunks(RECORD_SAMPLES) {
            self.define(head, segment, piece, out);
            put_record(out, RecordKind::Samples, |out| put_samples(head, piece, out));
        }
    }

    fn define(&mut self, head: &mut Head, segment: u32, samples: &[Accepted], out: &mut Vec<u8>) {
        let mut definitions = Definitions::default();
        for sample in samples {
            let place = &mut head.slots[sample.slot as usize];
            if place.log_segment == segment {
                continue;
            }
            (place.log_segment, place.log_value) = (segment, 0);
            let place = &head.slots[sample.slot as usize];
            let list = head.index.pair_list(sample.slot);
            for &pair in list {
                if is_undefined(&mut self.pair_segments, pair, segment) {
                    definitions.add_pair(pair, head.index.pair_text(pair));
                }
            }
            if place.metadata != 0 && is_undefined(&mut self.metadata_segments, place.metadata, segment) {
                definitions.add_metadata(place.metadata, head.metadata.get(place.metadata));
            }
            definitions.add_series(sample.slot, place.metadata, list);
            if definitions.bytes() > DEFINITION_BYTES {
                std::mem::take(&mut definitions).put(out);
            }
        }
        if definitions.series_count > 0 {
            definitions.put(out);
        }
    }
}

/// Whether something numbered has no definition in the segment yet; from now on it counts as having one.
fn is_undefined(segments: &mut Vec<u32>, number: u32, segment: u32) -> bool {
    if segments.len() <= number as usize {
        segments.resize(number as usize + 1, 0);
    }
    std::mem::replace(&mut segments[number as usize], segment) != segment
}

impl Definitions {
    fn add_pair(&mut self, pair: PairId, (name, value): (&str, &str)) {
        put_number(&mut self.pairs, u64::from(pair));
        put_bytes(&mut self.pairs, name.as_bytes());
        put_bytes(&mut self.pairs, value.as_bytes());
        self.pair_count += 1;
    }

    fn add_metadata(&mut self, number: MetadataId, metadata: &MetricMetadata) {
        put_number(&mut self.metadata, u64::from(number));
        put_bytes(&mut self.metadata, metadata.kind.as_str().as_bytes());
        put_bytes(&mut self.metadata, metadata.unit.as_bytes());
        put_bytes(&mut self.metadata, metadata.help.as_bytes());
        self.metadata_count += 1;
    }

    fn add_series(&mut self, slot: u32, metadata: MetadataId, pairs: &[PairId]) {
        put_number(&mut self.series, u64::from(slot));
        put_number(&mut self.series, u64::from(metadata));
        put_number(&mut self.series, pairs.len() as u64);
        for &pair in pairs {
            put_number(&mut self.series, u64::from(pair));
        }
        self.series_count += 1;
    }

    fn bytes(&self) -> usize {
        self.pairs.len() + self.metadata.len() + self.series.len()
    }

    fn put(self, out: &mut Vec<u8>) {
        put_record(out, RecordKind::Series, |out| {
            for (count, bytes) in [(self.pair_count, &self.pairs), (self.metadata_count, &self.metadata), (self.series_count, &self.series)]
            {
                put_number(out, count);
                out.extend_from_slice(bytes);
            }
        });
    }
}

/// Columns: slots as runs of neighbours, times (once if all are equal, as in a scrape), values.
fn put_samples(head: &mut Head, samples: &[Accepted], out: &mut Vec<u8>) {
    put_number(out, samples.len() as u64);
    let mut expected = 0u32;
    for run in samples.chunk_by(|a, b| a.slot.checked_add(1) == Some(b.slot)) {
        let first = run[0].slot;
        put_signed(out, i64::from(first) - i64::from(expected));
        put_number(out, run.len() as u64);
        expected = first.wrapping_add(run.len() as u32);
    }
    let first_time = samples.first().map_or(0, |sample| sample.timestamp);
    put_signed(out, first_time);
    let has_one_time = samples.iter().all(|sample| sample.timestamp == first_time);
    out.push(u8::from(!has_one_time));
    if !has_one_time {
        let mut last = first_time;
        for sample in samples {
            put_signed(out, sample.timestamp.wrapping_sub(last));
            last = sample.timestamp;
        }
    }
    for sample in samples {
        let place = &mut head.slots[sample.slot as usize];
        put_value(out, place.log_value, sample.value);
        place.log_value = sample.value;
    }
}

/// Reads one segment's definitions and samples into a head. Use a fresh one for each segment.
#[derive(Debug, Default)]
pub(crate) struct SeriesReplay {
    pairs: HashMap<u32, (Box<str>, Box<str>)>,
    metadata: HashMap<u32, MetricMetadata>,
    /// By the segment's slot: the head's slot and the value that the next one refers to.
    series: Vec<Option<(u32, u64)>>,
}

impl SeriesReplay {
    /// Applies a `Series` record.
    pub(crate) fn apply_series(&mut self, head: &mut Head, payload: &[u8]) -> Result<(), Malformed> {
        let mut cursor = Cursor::new(payload);
        for _ in 0..cursor.count()? {
            let pair = cursor.number_u32()?;
            self.pairs.insert(pair, (cursor.text()?.into(), cursor.text()?.into()));
        }
        for _ in 0..cursor.count()? {
            let number = cursor.number_u32()?;
            let kind = MetricKind::from_name(cursor.text()?).unwrap_or_default();
            let (unit, help) = (cursor.text()?.to_owned(), cursor.text()?.to_owned());
            self.metadata.insert(number, MetricMetadata { kind, unit, help });
        }
        for _ in 0..cursor.count()? {
            let slot = cursor.number_u32()?;
            let metadata = self.metadata.get(&cursor.number_u32()?).cloned().unwrap_or_default();
            let mut pairs = Vec::new();
            for _ in 0..cursor.count()? {
                pairs.push(self.pairs.get(&cursor.number_u32()?).ok_or(Malformed)?);
            }
            let labels = LabelSet::from_sorted(pairs.iter().map(|(name, value)| (&**name, &**value)));
            if labels.is_empty() {
                return Err(Malformed);
            }
            let (head_slot, _) = head.register(&labels, &metadata);
            let slot = slot as usize;
            if slot >= MAX_SLOTS {
                return Err(Malformed);
            }
            if self.series.len() <= slot {
                self.series.resize(slot + 1, None);
            }
            self.series[slot] = Some((head_slot, 0));
        }
        cursor.end()
    }

    /// Applies a `Samples` record and gives the number of its samples.
    pub(crate) fn apply_samples(&mut self, head: &mut Head, payload: &[u8]) -> Result<u64, Malformed> {
        let mut cursor = Cursor::new(payload);
        let count = cursor.count()?;
        let mut slots = Vec::with_capacity(count);
        let mut expected = 0i64;
        while slots.len() < count {
            let first = expected.checked_add(cursor.signed()?).ok_or(Malformed)?;
            let run = cursor.number_u32()? as usize;
            if run == 0 || run > count - slots.len() {
                return Err(Malformed);
            }
            let first = u32::try_from(first).map_err(|_| Malformed)?;
            slots.extend((0..run as u32).map(|step| first.wrapping_add(step)));
            expected = i64::from(first.wrapping_add(run as u32));
        }
        let mut time = cursor.signed()?;
        let mut times = vec![time; count];
        if cursor.byte()? == 1 {
            for place in &mut times {
                time = time.wrapping_add(cursor.signed()?);
                *place = time;
            }
        }
        let mut samples = Vec::with_capacity(count);
        for (slot, timestamp) in slots.into_iter().zip(times) {
            let (head_slot, last) = self.series.get_mut(slot as usize).and_then(Option::as_mut).ok_or(Malformed)?;
            *last = read_value(&mut cursor, *last)?;
            samples.push(Accepted { slot: *head_slot, timestamp, value: *last });
        }
        cursor.end()?;
        head.store_replayed(&samples);
        Ok(count as u64)
    }
}

impl Head {
    /// Stores samples of the log. Only accepted ones are in it, but two segments may disagree about a series when one is damaged, so
    /// each is looked at again.
    fn store_replayed(&mut self, samples: &[Accepted]) {
        let limits = Limits { oldest: i64::MIN, frozen: None };
        let mut outcome = AppendOutcome::default();
        for sample in samples {
            let is_next = sample.timestamp > self.slots[sample.slot as usize].last_timestamp;
            if is_next || self.is_new(sample, limits, &mut outcome) {
                self.store(std::slice::from_ref(sample));
            }
        }
    }
}
