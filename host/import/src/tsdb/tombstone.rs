//! What was deleted and is still there: spans of time by series.

use std::collections::HashMap;

use cepmon_model::Sample;

use crate::bytes::{Bytes, Malformed};

/// Deleted spans (both ends inclusive) by the number of the series.
#[derive(Debug, Default)]
pub(super) struct Tombstones(HashMap<u64, Vec<(i64, i64)>>);

const MAGIC: u32 = 0x0130_ba30;
const VERSION: u8 = 1;

impl Tombstones {
    /// Reads a block's file `tombstones`.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let body_len = bytes.len().checked_sub(4).ok_or(Malformed::Short)?;
        let mut place = Bytes::new(bytes);
        if place.be32()? != MAGIC {
            return Err(Malformed::Magic);
        }
        if place.byte()? != VERSION {
            return Err(Malformed::Version);
        }
        // The checksum is of the entries alone.
        let mut entries = Bytes::new(place.checked(body_len - 5)?);
        let mut tombstones = Self::default();
        while !entries.is_empty() {
            let series = entries.uvarint()?;
            tombstones.add(series, entries.varint()?, entries.varint()?);
        }
        Ok(tombstones)
    }

    pub(super) fn add(&mut self, series: u64, first: i64, last: i64) {
        self.0.entry(series).or_default().push((first, last));
    }

    pub(super) fn has(&self, series: u64, timestamp: i64) -> bool {
        self.0.get(&series).is_some_and(|spans| spans.iter().any(|(first, last)| (*first..=*last).contains(&timestamp)))
    }

    /// Takes the deleted ones out of a series' samples.
    pub(super) fn apply(&self, series: u64, samples: &mut Vec<Sample>) {
        if let Some(spans) = self.0.get(&series) {
            samples.retain(|sample| !spans.iter().any(|(first, last)| (*first..=*last).contains(&sample.timestamp)));
        }
    }
}
