//! Label pairs, each stored once: text in one string, found by hash.

use hashbrown::{HashMap, HashTable};
use xxhash_rust::xxh3::xxh3_64;

use super::PairId;

#[derive(Debug, Clone, Copy)]
struct Pair {
    name: u32,
    /// The value's bytes in `values`.
    start: u32,
    end: u32,
}

#[derive(Debug, Default)]
struct Name {
    text: Box<str>,
    /// The pairs of that name, ascending.
    pairs: Vec<PairId>,
}

/// Numbered label pairs.
#[derive(Debug, Default)]
pub(super) struct PairTable {
    names: Vec<Name>,
    name_numbers: HashMap<Box<str>, u32>,
    pairs: Vec<Pair>,
    values: String,
    lookup: HashTable<PairId>,
}

impl PairTable {
    /// The number of a pair, given now if it is new.
    pub(super) fn intern(&mut self, name: &str, value: &str) -> PairId {
        let name = match self.name_numbers.get(name) {
            Some(&number) => number,
            None => self.add_name(name),
        };
        let hash = pair_hash(name, value);
        if let Some(&pair) = self.lookup.find(hash, |&pair| self.is(pair, name, value)) {
            return pair;
        }
        let pair = u32::try_from(self.pairs.len()).expect("BUG: more than 4 G label pairs");
        let start = offset(self.values.len());
        self.values.push_str(value);
        self.pairs.push(Pair { name, start, end: offset(self.values.len()) });
        self.names[name as usize].pairs.push(pair);
        let (pairs, values) = (&self.pairs, &self.values);
        self.lookup.insert_unique(hash, pair, |&pair| {
            let pair = pairs[pair as usize];
            pair_hash(pair.name, &values[pair.start as usize..pair.end as usize])
        });
        pair
    }

    /// The number of a pair, if it has one.
    pub(super) fn find(&self, name: &str, value: &str) -> Option<PairId> {
        let name = *self.name_numbers.get(name)?;
        self.lookup.find(pair_hash(name, value), |&pair| self.is(pair, name, value)).copied()
    }

    /// Name and value.
    pub(super) fn text(&self, pair: PairId) -> (&str, &str) {
        let pair = self.pairs[pair as usize];
        (&self.names[pair.name as usize].text, &self.values[pair.start as usize..pair.end as usize])
    }

    /// All pairs of a name, ascending.
    pub(super) fn with_name(&self, name: &str) -> &[PairId] {
        self.name_numbers.get(name).map_or(&[], |&number| &self.names[number as usize].pairs)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let names: usize = self.names.iter().map(|name| 2 * name.text.len() + 64 + name.pairs.capacity() * size_of::<PairId>()).sum();
        // A hash table keeps a control byte per bucket and at most 7/8 of them full.
        let lookup = self.lookup.capacity() * 8 / 7 * (size_of::<PairId>() + 1);
        names + self.pairs.capacity() * size_of::<Pair>() + self.values.capacity() + lookup
    }

    fn add_name(&mut self, name: &str) -> u32 {
        let number = u32::try_from(self.names.len()).expect("BUG: more than 4 G label names");
        self.names.push(Name { text: name.into(), pairs: Vec::new() });
        self.name_numbers.insert(name.into(), number);
        number
    }

    fn is(&self, pair: PairId, name: u32, value: &str) -> bool {
        let pair = self.pairs[pair as usize];
        pair.name == name && &self.values[pair.start as usize..pair.end as usize] == value
    }
}

fn pair_hash(name: u32, value: &str) -> u64 {
    xxh3_64(value.as_bytes()) ^ u64::from(name).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn offset(len: usize) -> u32 {
    u32::try_from(len).expect("BUG: more than 4 GiB of label values")
}
