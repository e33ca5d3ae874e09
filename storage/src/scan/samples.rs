//! Samples of many series over blocks and head, merged series by series. Memory: one series and one decoded batch per block.

use std::ops::Range;
use std::sync::Arc;

use cepmon_model::{LabelSet, Matcher, SeriesId};

use super::{SampleScan, SeriesSamples};
use crate::Error;
use crate::block::Block;
use crate::block::pages::add_rows;
use crate::block::sample_reader::SampleReader;
use crate::block::series::BlockIndex;
use crate::dir::manifest::BlockKind;
use crate::head::HeadView;
use crate::storage::Shared;

/// The selected series of one block, in the order of labels.
struct BlockSource {
    index: Arc<BlockIndex>,
    reader: SampleReader,
    positions: std::vec::IntoIter<u32>,
    /// The next series.
    next: Option<(u32, Arc<LabelSet>)>,
}

struct MergedSamples {
    range: (i64, i64),
    /// Oldest first: where two samples have one time, the older source counts.
    blocks: Vec<BlockSource>,
    head: HeadView,
    head_position: usize,
    has_failed: bool,
}

/// Begins a scan. It sees every append that has returned and keeps the blocks of this moment.
pub(super) fn scan_samples(
    shared: &Shared,
    scan: &SampleScan,
) -> Result<impl Iterator<Item = Result<SeriesSamples, Error>> + Send + use<>, Error> {
    let (range, head, blocks) = {
        let state = shared.read();
        // Whole blocks leave when all of them is too old; until then what is too old is not shown.
        let range = (scan.start.max(state.oldest_sample), scan.end);
        let frozen = state.frozen.as_ref().map(|frozen| &frozen.samples);
        let head = state.head.view(&scan.matchers, range, frozen);
        let blocks = state.blocks.iter().filter(|block| block.entry.kind == BlockKind::Metrics && block.overlaps(range));
        (range, head, in_order_of_time(blocks.cloned().collect()))
    };
    let mut sources = Vec::new();
    for block in &blocks {
        sources.extend(BlockSource::open(shared, block, &scan.matchers, range)?);
    }
    Ok(MergedSamples { range, blocks: sources, head, head_position: 0, has_failed: false })
}

/// Blocks that do not overlap, oldest first: their samples need no ordering then. Others stay as they are, since where two have a sample
/// of one time, the one that was written first counts.
fn in_order_of_time(mut blocks: Vec<Arc<Block>>) -> Vec<Arc<Block>> {
    let as_written = blocks.clone();
    blocks.sort_by_key(|block| block.entry.min_ts);
    let are_apart = blocks.windows(2).all(|pair| pair[0].entry.max_ts < pair[1].entry.min_ts);
    if are_apart { blocks } else { as_written }
}

impl BlockSource {
    fn open(shared: &Shared, block: &Arc<Block>, matchers: &[Matcher], range: (i64, i64)) -> Result<Option<Self>, Error> {
        let index = shared.cache.index_for(block, matchers)?;
        let positions = index.select(matchers, range);
        if positions.is_empty() {
            return Ok(None);
        }
        let mut rows = Vec::new();
        for &position in &positions {
            let place = index.place(position);
            let (start, end) = (place.first_row as usize, place.first_row.saturating_add(place.rows) as usize);
            add_rows(&mut rows, start..end);
        }
        let reader = SampleReader::open(&shared.cache, block, rows)?;
        let mut source = Self { index, reader, positions: positions.into_iter(), next: None };
        source.advance();
        Ok(Some(source))
    }

    fn advance(&mut self) {
        self.next = self.positions.next().map(|position| (position, Arc::new(self.index.labels(position))));
    }
}

impl MergedSamples {
    /// The next series in order that has samples in the span.
    fn next_series(&mut self) -> Result<Option<SeriesSamples>, Error> {
        loop {
            let in_head = self.head.series.get(self.head_position);
            let smallest_in_blocks = self.blocks.iter().filter_map(|block| block.next.as_ref()).map(|(_, labels)| labels).min();
            let (labels, mut id) = match (in_head, smallest_in_blocks) {
                (None, None) => return Ok(None),
                (Some(series), None) => (Arc::clone(&series.labels), series.id),
                (Some(series), Some(labels)) if series.labels <= *labels => (Arc::clone(&series.labels), series.id),
                (_, Some(labels)) => (Arc::clone(labels), SeriesId(0)),
            };
            let (mut timestamps, mut values) = (Vec::new(), Vec::new());
            for block in &mut self.blocks {
                let Some((position, _)) = block.next.as_ref().filter(|(_, next)| *next == labels) else { continue };
                id = block.index.id(*position);
                let place = block.index.place(*position);
                block.reader.read(place.rows as usize, self.range, &mut timestamps, &mut values)?;
                block.advance();
            }
            let is_in_head = self.head.series.get(self.head_position).is_some_and(|series| series.labels == labels);
            if is_in_head {
                self.head.read(self.head_position, self.range, &mut timestamps, &mut values);
                self.head_position += 1;
            }
            if timestamps.is_empty() {
                continue;
            }
            make_ascending(&mut timestamps, &mut values);
            return Ok(Some(SeriesSamples { id, labels, timestamps, values, histograms: Vec::new() }));
        }
    }
}

impl Iterator for MergedSamples {
    type Item = Result<SeriesSamples, Error>;

    /// After an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let next = self.next_series();
        self.has_failed = next.is_err();
        next.transpose()
    }
}

/// Sorts samples by time unless they are sorted, and keeps the first of equal times.
pub(crate) fn make_ascending(timestamps: &mut Vec<i64>, values: &mut Vec<f64>) {
    let mut runs = ascending_runs(timestamps);
    if runs.len() <= 1 {
        return;
    }
    // Mostly the samples of one block lie before all those of another, only that the other was written first.
    runs.sort_by_key(|run| timestamps[run.start]);
    if runs.windows(2).all(|pair| timestamps[pair[0].end - 1] < timestamps[pair[1].start]) {
        let (mut ordered_times, mut ordered_values) = (Vec::with_capacity(timestamps.len()), Vec::with_capacity(values.len()));
        for run in runs {
            ordered_times.extend_from_slice(&timestamps[run.clone()]);
            ordered_values.extend_from_slice(&values[run]);
        }
        (*timestamps, *values) = (ordered_times, ordered_values);
        return;
    }
    let mut samples: Vec<(i64, f64)> = timestamps.drain(..).zip(values.drain(..)).collect();
    samples.sort_by_key(|&(time, _)| time);
    samples.dedup_by_key(|&mut (time, _)| time);
    timestamps.extend(samples.iter().map(|&(time, _)| time));
    values.extend(samples.iter().map(|&(_, value)| value));
}

fn ascending_runs(timestamps: &[i64]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for chunk in timestamps.chunk_by(|left, right| left < right) {
        runs.push(start..start + chunk.len());
        start += chunk.len();
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_ascend_and_of_equal_times_the_first_counts() {
        for (times, want) in [
            (vec![1, 2, 3], vec![(1, 0.0), (2, 1.0), (3, 2.0)]),
            (vec![5, 6, 1, 2, 9, 3, 4], vec![(1, 2.0), (2, 3.0), (3, 5.0), (4, 6.0), (5, 0.0), (6, 1.0), (9, 4.0)]),
            (vec![5, 6, 1, 2, 3, 4], vec![(1, 2.0), (2, 3.0), (3, 4.0), (4, 5.0), (5, 0.0), (6, 1.0)]),
            (vec![1, 3, 2, 3], vec![(1, 0.0), (2, 2.0), (3, 1.0)]),
            (vec![2, 2], vec![(2, 0.0)]),
            (vec![], vec![]),
        ] {
            let mut timestamps = times;
            let mut values: Vec<f64> = (0..timestamps.len()).map(|index| index as f64).collect();
            make_ascending(&mut timestamps, &mut values);
            assert_eq!(timestamps.into_iter().zip(values).collect::<Vec<_>>(), want);
        }
    }
}
