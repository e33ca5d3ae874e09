//! For a flush: which samples of a series are in blocks already, so that no file holds a sample twice and the first value stays.

use std::sync::Arc;

use cepmon_model::LabelSet;

use crate::Error;
use crate::block::Block;
use crate::block::sample_reader::SampleReader;
use crate::dir::manifest::BlockKind;
use crate::storage::Shared;

/// The metrics blocks of the moment when a flush began.
pub(crate) struct KnownSamples<'a> {
    shared: &'a Shared,
    blocks: Vec<Arc<Block>>,
}

impl<'a> KnownSamples<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        let state = shared.read();
        let blocks = state.blocks.iter().filter(|block| block.entry.kind == BlockKind::Metrics).cloned().collect();
        drop(state);
        Self { shared, blocks }
    }

    /// Removes the samples (ascending) whose times a block has for this series; gives how many of them had another value there. A damaged
    /// block must not hold up a flush: it is passed over, and if it is restored later, scans still count its samples first.
    pub(crate) fn remove(&mut self, labels: &LabelSet, timestamps: &mut Vec<i64>, values: &mut Vec<f64>) -> Result<usize, Error> {
        let mut conflicts = 0;
        for block in &self.blocks {
            let (Some(&first), Some(&last)) = (timestamps.first(), timestamps.last()) else { break };
            if !block.overlaps((first, last)) {
                continue;
            }
            let (known_times, known_values) = match self.read(block, labels, (first, last)) {
                Err(Error::Damaged { .. }) => continue,
                known => known?,
            };
            conflicts += remove_known(timestamps, values, &known_times, &known_values);
        }
        Ok(conflicts)
    }

    fn read(&self, block: &Arc<Block>, labels: &LabelSet, range: (i64, i64)) -> Result<(Vec<i64>, Vec<f64>), Error> {
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        let index = self.shared.cache.index(block)?;
        let place = index.find(labels).map(|position| index.place(position));
        if let Some(place) = place.filter(|place| place.min_ts <= range.1 && place.max_ts >= range.0) {
            let rows = place.first_row as usize..place.first_row.saturating_add(place.rows) as usize;
            let mut reader = SampleReader::open(&self.shared.cache, block, vec![rows.clone()])?;
            reader.read(rows.len(), range, &mut timestamps, &mut values)?;
        }
        Ok((timestamps, values))
    }
}

fn remove_known(timestamps: &mut Vec<i64>, values: &mut Vec<f64>, known_times: &[i64], known_values: &[f64]) -> usize {
    let (mut conflicts, mut kept, mut known) = (0, 0, 0);
    for index in 0..timestamps.len() {
        while known < known_times.len() && known_times[known] < timestamps[index] {
            known += 1;
        }
        if known_times.get(known) == Some(&timestamps[index]) {
            conflicts += usize::from(known_values[known].to_bits() != values[index].to_bits());
            continue;
        }
        timestamps[kept] = timestamps[index];
        values[kept] = values[index];
        kept += 1;
    }
    timestamps.truncate(kept);
    values.truncate(kept);
    conflicts
}
