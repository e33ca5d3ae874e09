//! A block's `index` (versions 1 and 2): symbols, and series with their labels and chunks. Postings are not read: all series are wanted,
//! and they lie one after the other.

use cepmon_model::LabelSet;

use crate::bytes::{Bytes, Malformed};

const MAGIC: u32 = 0xbaaa_d700;
/// Six offsets and their checksum.
const CONTENTS_LEN: usize = 6 * 8 + 4;
/// Series of version 2 begin at multiples of this, and their number is the multiple.
const ALIGNMENT: u64 = 16;

/// An index in memory.
#[derive(Debug)]
pub(super) struct Index {
    bytes: Vec<u8>,
    version: u8,
    /// Places of the symbols' texts, by number; version 1 names them by offset instead.
    symbols: Vec<u32>,
    series_start: u64,
    series_end: u64,
}

/// One series of a block.
#[derive(Debug)]
pub(super) struct IndexedSeries {
    /// Its number, by which tombstones name it.
    pub(super) number: u64,
    pub(super) labels: LabelSet,
    pub(super) chunks: Vec<ChunkPlace>,
}

/// Where a chunk lies, and its first and last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkPlace {
    pub(super) min_time: i64,
    pub(super) max_time: i64,
    /// The segment, from 0.
    pub(super) segment: u32,
    pub(super) offset: u32,
}

impl Index {
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let mut header = Bytes::new(&bytes);
        if header.be32()? != MAGIC {
            return Err(Malformed::Magic);
        }
        let version = header.byte()?;
        if !(1..=2).contains(&version) {
            return Err(Malformed::Version);
        }
        let contents_at = bytes.len().checked_sub(CONTENTS_LEN).ok_or(Malformed::Short)?;
        let mut contents = Bytes::new(Bytes::at(&bytes, contents_at as u64)?.checked(CONTENTS_LEN - 4)?);
        let (symbols_at, series_start) = (contents.be64()?, contents.be64()?);
        // The sections after the series have no fixed order over versions, and newer ones leave some out.
        let mut series_end = contents_at as u64;
        for _ in 0..4 {
            let offset = contents.be64()?;
            if offset >= series_start {
                series_end = series_end.min(offset);
            }
        }
        let symbols = if version == 1 { Vec::new() } else { read_symbols(&bytes, symbols_at)? };
        Ok(Self { bytes, version, symbols, series_start, series_end })
    }

    /// Calls `each` with every series in order. A damaged one is an error of its own and the next one follows, unless its length is gone.
    pub(super) fn for_each<E>(&self, mut each: impl FnMut(Result<IndexedSeries, Malformed>) -> Result<(), E>) -> Result<(), E> {
        let mut offset = self.series_start;
        loop {
            if self.version == 2 {
                offset = offset.next_multiple_of(ALIGNMENT);
            }
            if offset >= self.series_end {
                return Ok(());
            }
            let entry = Bytes::at(&self.bytes, offset).and_then(|mut place| {
                let before = place.len();
                let len = place.count()?;
                let end = offset + (before - place.len()) as u64 + len as u64 + 4;
                if end > self.series_end { Err(Malformed::Short) } else { Ok((place, len, end)) }
            });
            match entry {
                Ok((mut place, len, end)) => {
                    let number = if self.version == 2 { offset / ALIGNMENT } else { offset };
                    each(place.checked(len).and_then(|entry| self.series(number, entry)))?;
                    offset = end;
                }
                Err(problem) => return each(Err(problem)),
            }
        }
    }

    fn series(&self, number: u64, entry: &[u8]) -> Result<IndexedSeries, Malformed> {
        let mut entry = Bytes::new(entry);
        let mut labels = Vec::new();
        for _ in 0..entry.count()? {
            labels.push((self.symbol(entry.uvarint()?)?, self.symbol(entry.uvarint()?)?));
        }
        let mut chunks = Vec::new();
        let (mut max_time, mut place) = (0i64, 0i64);
        for index in 0..entry.count()? {
            // Times and places are told as differences to the chunk before.
            let min_time = if index == 0 { entry.varint()? } else { max_time.wrapping_add(entry.uvarint()?.cast_signed()) };
            max_time = min_time.wrapping_add(entry.uvarint()?.cast_signed());
            place = if index == 0 { entry.uvarint()?.cast_signed() } else { place.wrapping_add(entry.varint()?) };
            let place = place.cast_unsigned();
            chunks.push(ChunkPlace { min_time, max_time, segment: (place >> 32) as u32, offset: place as u32 });
        }
        Ok(IndexedSeries { number, labels: LabelSet::from_sorted(labels.into_iter()), chunks })
    }

    fn symbol(&self, reference: u64) -> Result<&str, Malformed> {
        let offset = if self.version == 1 {
            reference
        } else {
            let number = usize::try_from(reference).map_err(|_| Malformed::Reference)?;
            u64::from(*self.symbols.get(number).ok_or(Malformed::Reference)?)
        };
        Bytes::at(&self.bytes, offset).map_err(|_| Malformed::Reference)?.text()
    }
}

fn read_symbols(bytes: &[u8], at: u64) -> Result<Vec<u32>, Malformed> {
    let mut place = Bytes::at(bytes, at)?;
    let len = place.be32()? as usize;
    let section_at = bytes.len() - place.len();
    let mut section = Bytes::new(place.checked(len)?);
    let count = section.be32()?;
    let mut symbols = Vec::with_capacity((count as usize).min(len));
    for _ in 0..count {
        let offset = section_at + len - section.len();
        symbols.push(u32::try_from(offset).map_err(|_| Malformed::Number)?);
        let text_len = section.count()?;
        section.take(text_len)?;
    }
    Ok(symbols)
}
