//! What a scan takes from the head: references to shared chunk pages and copies of the little that still changes. Taking it holds up
//! appends for about a microsecond per series; reading it holds up nobody.

use std::sync::Arc;

use cepmon_model::{LabelSet, Matcher, MetricMetadata, SeriesId};

use super::Head;
use super::arena::{ChunkAddress, Pages};
use super::chunk;
use super::frozen::{FrozenSamples, first_in_chain, read_chain};
use crate::index::LabelIndex;

/// A series as it was when the view was taken.
#[derive(Debug)]
pub(crate) struct ViewSeries {
    pub(crate) id: SeriesId,
    pub(crate) labels: Arc<LabelSet>,
    slot: u32,
    chunk: ChunkAddress,
    open: Box<[u8]>,
    open_count: u8,
    late: Box<[(i64, u64)]>,
}

/// Selected series of the head at one moment, in the order of their labels.
#[derive(Debug)]
pub(crate) struct HeadView {
    pages: Pages,
    frozen: Option<Arc<FrozenSamples>>,
    pub(crate) series: Vec<ViewSeries>,
}

/// What the head knows of a series beside its samples.
#[derive(Debug)]
pub(crate) struct HeadSeriesInfo {
    pub(crate) id: SeriesId,
    pub(crate) labels: LabelSet,
    pub(crate) metadata: Arc<MetricMetadata>,
    pub(crate) min_time: i64,
    pub(crate) max_time: i64,
}

impl Head {
    /// A view of the series that match and may have samples between two times, inclusive.
    pub(crate) fn view(&self, matchers: &[Matcher], range: (i64, i64), frozen: Option<&Arc<FrozenSamples>>) -> HeadView {
        let mut series = Vec::new();
        for slot in self.index.select(matchers) {
            let place = &self.slots[slot as usize];
            let late = place.late.as_ref().map_or(&[][..], |late| late.range(range));
            // The last timestamp outlives a flush, so it says nothing about what is still here; but nothing is younger.
            if place.last_timestamp < range.0 && late.is_empty() && frozen.is_none() {
                continue;
            }
            series.push(ViewSeries {
                id: place.id,
                labels: Arc::new(self.index.labels(slot)),
                slot,
                chunk: place.chunk,
                open: place.open.to_bytes().into(),
                open_count: place.open.count(),
                late: late.into(),
            });
        }
        series.sort_by(|left, right| left.labels.cmp(&right.labels));
        HeadView { pages: self.arena.pages(), frozen: frozen.cloned(), series }
    }

    /// What is known of the series that match and have samples here.
    pub(crate) fn series_info(&self, matchers: &[Matcher], frozen: Option<&Arc<FrozenSamples>>) -> Vec<HeadSeriesInfo> {
        let mut infos = Vec::new();
        for slot in self.index.select(matchers) {
            let Some(min_time) = self.first_timestamp(slot, frozen) else { continue };
            let place = &self.slots[slot as usize];
            let metadata = Arc::clone(self.metadata.get(place.metadata));
            infos.push(HeadSeriesInfo {
                id: place.id,
                labels: self.index.labels(slot),
                metadata,
                min_time,
                max_time: place.last_timestamp,
            });
        }
        infos.sort_by(|left, right| left.labels.cmp(&right.labels));
        infos
    }

    /// The series that any selector matches (all without one) and that have samples here between two times, inclusive.
    pub(crate) fn select_between(
        &self,
        selectors: &[Vec<Matcher>],
        range: (i64, i64),
        frozen: Option<&Arc<FrozenSamples>>,
    ) -> impl Iterator<Item = u32> {
        self.index.select_any(selectors).into_iter().filter(move |&slot| {
            let first = self.first_timestamp(slot, frozen);
            self.slots[slot as usize].last_timestamp >= range.0 && first.is_some_and(|first| first <= range.1)
        })
    }

    /// The labels of all series, each pair with its series.
    pub(crate) fn index(&self) -> &LabelIndex {
        &self.index
    }

    /// Metadata of a series.
    pub(crate) fn metadata_of(&self, slot: u32) -> &Arc<MetricMetadata> {
        self.metadata.get(self.slots[slot as usize].metadata)
    }

    /// How many chunks there are, and the times of the oldest and the youngest sample.
    pub(crate) fn extent(&self, frozen: Option<&Arc<FrozenSamples>>) -> (u64, Option<(i64, i64)>) {
        let (mut chunks, mut span) = (0, None);
        for slot in self.index.numbers() {
            let place = &self.slots[slot as usize];
            chunks += u64::from(place.open.count() > 0);
            let mut next = place.chunk;
            while let Some(closed) = self.arena.get(next) {
                chunks += 1;
                next = closed.previous;
            }
            if let Some(first) = self.first_timestamp(slot, frozen) {
                let (oldest, youngest) = span.unwrap_or((first, place.last_timestamp));
                span = Some((first.min(oldest), place.last_timestamp.max(youngest)));
            }
        }
        (chunks, span)
    }

    /// The oldest sample of a series that is here.
    fn first_timestamp(&self, slot: u32, frozen: Option<&Arc<FrozenSamples>>) -> Option<i64> {
        let place = &self.slots[slot as usize];
        let open = place.open.first_timestamp();
        let closed = first_in_chain(|address| self.arena.get(address), place.chunk);
        let late = place.late.as_ref().and_then(|late| late.first_timestamp());
        let frozen = frozen.and_then(|frozen| frozen.first_timestamp(slot));
        [open, closed, late, frozen].into_iter().flatten().min()
    }

    /// Names of all metrics in the head.
    pub(crate) fn metric_names(&self) -> Vec<String> {
        self.index.metric_names().map(str::to_owned).collect()
    }

    /// Names of the labels that a metric's series in the head have.
    pub(crate) fn label_names(&self, metric: &str) -> Vec<String> {
        self.index.label_names(metric).into_iter().map(str::to_owned).collect()
    }
}

impl HeadView {
    /// Appends the samples of one series between two times (inclusive) to two columns, ascending.
    pub(crate) fn read(&self, index: usize, range: (i64, i64), timestamps: &mut Vec<i64>, values: &mut Vec<f64>) {
        let Some(series) = self.series.get(index) else { return };
        let start = timestamps.len();
        if let Some(frozen) = &self.frozen {
            frozen.read(series.slot, range, timestamps, values);
        }
        read_chain(|address| self.pages.get(address), series.chunk, range, timestamps, values);
        chunk::decode(&series.open, series.open_count, range, timestamps, values);
        merge_late(&series.late, start, timestamps, values);
    }
}

/// Merges late samples into the rows from `start` on, which ascend but for a place where newer ones follow older late ones. Where two have
/// one time, the one that is there counts.
pub(super) fn merge_late(late: &[(i64, u64)], start: usize, timestamps: &mut Vec<i64>, values: &mut Vec<f64>) {
    let rows = &timestamps[start..];
    let is_ascending = rows.is_sorted_by(|a, b| a < b);
    if late.is_empty() && is_ascending {
        return;
    }
    let mut merged: Vec<(i64, f64)> = rows.iter().copied().zip(values[start..].iter().copied()).collect();
    merged.extend(late.iter().map(|&(time, value)| (time, f64::from_bits(value))));
    merged.sort_by_key(|&(time, _)| time);
    merged.dedup_by_key(|&mut (time, _)| time);
    timestamps.truncate(start);
    values.truncate(start);
    timestamps.extend(merged.iter().map(|&(time, _)| time));
    values.extend(merged.iter().map(|&(_, value)| value));
}
