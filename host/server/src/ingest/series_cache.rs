//! From the raw bytes of a series' text to its reference, per target. A steady scrape gives the same texts in the same order, so
//! the next text is first compared with the one that stood there last time: no hashing, no decoding of labels.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use cepmon_storage::SeriesRef;
use hashbrown::HashTable;

/// Index of an entry of the cache.
pub(super) type EntryIndex = u32;

/// In place of a number: the job's rules drop this series. They are asked once, not per sample.
pub(super) const DROPPED: SeriesRef = SeriesRef(u64::MAX);

/// A series of a target, as the cache knows it.
#[derive(Debug)]
pub(super) struct Entry {
    start: u32,
    len: u32,
    /// Its number in the head, or [`DROPPED`].
    pub(super) series: SeriesRef,
    /// The scrape that saw it last.
    pub(super) seen: u64,
    /// Whether its samples bring times of their own; then it gets no stale mark (Prometheus 2.48).
    pub(super) has_own_times: bool,
}

#[derive(Debug, Default)]
pub(super) struct SeriesCache {
    /// All series texts, one after the other, so that a steady scrape reads memory in order.
    texts: Vec<u8>,
    entries: Vec<Entry>,
    /// Entries by the hash of their text.
    by_text: HashTable<EntryIndex>,
    hasher: RandomState,
    /// Entries in the order of the last scrape.
    order: Vec<EntryIndex>,
    /// Position in `order` of the next expected text.
    cursor: usize,
    /// Entries in the order of this scrape.
    next_order: Vec<EntryIndex>,
}

impl SeriesCache {
    /// Starts a scrape.
    pub(super) fn start(&mut self) {
        self.cursor = 0;
        self.next_order.clear();
    }

    /// The entry of a text, if it is known.
    pub(super) fn find(&mut self, text: &[u8]) -> Option<EntryIndex> {
        let expected = self.order.get(self.cursor).copied();
        let found = expected.filter(|index| self.text(*index) == text).or_else(|| self.find_by_hash(text));
        if let Some(index) = found {
            self.note(index);
        }
        found
    }

    /// Adds a text that is not known.
    pub(super) fn insert(&mut self, text: &[u8], series: SeriesRef) -> EntryIndex {
        let index = u32::try_from(self.entries.len()).expect("BUG: over 4 billion series of one target");
        let start = u32::try_from(self.texts.len()).expect("BUG: over 4 GiB of series texts of one target");
        self.texts.extend_from_slice(text);
        let len = u32::try_from(text.len()).expect("BUG: a series text over 4 GiB");
        self.entries.push(Entry { start, len, series, seen: 0, has_own_times: false });
        let (entries, texts, hasher) = (&self.entries, &self.texts, &self.hasher);
        let hash = |index: &EntryIndex| hasher.hash_one(text_of(texts, &entries[*index as usize]));
        self.by_text.insert_unique(hash(&index), index, hash);
        self.note(index);
        index
    }

    /// An entry.
    pub(super) fn entry(&mut self, index: EntryIndex) -> &mut Entry {
        &mut self.entries[index as usize]
    }

    /// Ends a scrape: its order is what the next one is expected to have.
    pub(super) fn finish(&mut self) {
        std::mem::swap(&mut self.order, &mut self.next_order);
    }

    /// All entries.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Forgets entries that no scrape since `oldest` has seen, when they are over half of all: a churning target stays bounded
    /// by twice its series.
    pub(super) fn forget_before(&mut self, oldest: u64) {
        let gone = self.entries.iter().filter(|entry| entry.seen < oldest).count();
        if gone * 2 <= self.entries.len() {
            return;
        }
        let old = std::mem::take(self);
        self.hasher = old.hasher.clone();
        let mut moved = HashMap::new();
        for (index, entry) in old.entries.iter().enumerate().filter(|(_, entry)| entry.seen >= oldest) {
            let new = self.insert(text_of(&old.texts, entry), entry.series);
            *self.entry(new) = Entry { start: self.entries[new as usize].start, ..Entry { ..*entry } };
            moved.insert(index as u32, new);
        }
        self.next_order.clear();
        self.order = old.order.iter().filter_map(|index| moved.get(index).copied()).collect();
    }

    fn note(&mut self, index: EntryIndex) {
        self.next_order.push(index);
        // After a series that is new or gone, the order continues behind the one that was found.
        if self.order.get(self.cursor) == Some(&index) {
            self.cursor += 1;
        } else if self.order.get(self.cursor + 1) == Some(&index) {
            self.cursor += 2;
        }
    }

    fn find_by_hash(&self, text: &[u8]) -> Option<EntryIndex> {
        // One series gone is the usual change: look one further before hashing.
        if let Some(next) = self.order.get(self.cursor + 1).copied().filter(|index| self.text(*index) == text) {
            return Some(next);
        }
        self.by_text.find(self.hasher.hash_one(text), |index| self.text(*index) == text).copied()
    }

    /// An entry's text.
    pub(super) fn text(&self, index: EntryIndex) -> &[u8] {
        text_of(&self.texts, &self.entries[index as usize])
    }
}

fn text_of<'a>(texts: &'a [u8], entry: &Entry) -> &'a [u8] {
    &texts[entry.start as usize..(entry.start + entry.len) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrape(cache: &mut SeriesCache, number: u64, texts: &[&str]) -> Vec<u64> {
        cache.start();
        let mut refs = Vec::new();
        for text in texts {
            let known = cache.entries().len() as u64;
            let index = cache.find(text.as_bytes()).unwrap_or_else(|| cache.insert(text.as_bytes(), SeriesRef(known)));
            cache.entry(index).seen = number;
            refs.push(cache.entry(index).series.0);
        }
        cache.finish();
        refs
    }

    #[test]
    fn texts_keep_their_reference_in_any_order() {
        let mut cache = SeriesCache::default();
        assert_eq!(scrape(&mut cache, 1, &["a", "b", "c"]), [0, 1, 2]);
        assert_eq!(scrape(&mut cache, 2, &["a", "b", "c"]), [0, 1, 2]);
        assert_eq!(scrape(&mut cache, 3, &["a", "c", "b"]), [0, 2, 1]);
        assert_eq!(scrape(&mut cache, 4, &["x", "c", "b", "a"]), [3, 2, 1, 0]);
        assert_eq!(scrape(&mut cache, 5, &["b", "b"]), [1, 1]);
    }

    #[test]
    fn a_churning_target_does_not_grow_without_end() {
        let mut cache = SeriesCache::default();
        for number in 0..1_000u64 {
            let text = format!("pod_{number}");
            cache.start();
            let index = cache.find(b"stays").unwrap_or_else(|| cache.insert(b"stays", SeriesRef(7)));
            cache.entry(index).seen = number;
            let index = cache.insert(text.as_bytes(), SeriesRef(100 + number));
            cache.entry(index).seen = number;
            cache.finish();
            cache.forget_before(number);
        }
        assert!(cache.entries().len() <= 5, "{} entries", cache.entries().len());
        assert_eq!(scrape(&mut cache, 1_000, &["stays"]), [7]);
    }
}
