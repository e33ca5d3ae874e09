//! Which labels there are, without reading a sample: for completion, for lists of series, for the hunt for cardinality.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cepmon_model::{LabelSet, METRIC_NAME, Matcher, MetricKind, MetricMetadata, TimestampMs};

use super::Snapshot;
use super::histograms::scan_histograms;
use crate::Error;
use crate::block::Block;
use crate::dir::manifest::BlockKind;

/// Which series are asked about.
#[derive(Debug, Clone)]
pub struct LabelScan {
    /// Selectors, any of which holds; none = all series.
    pub selectors: Vec<Vec<Matcher>>,
    /// They have a sample from here on, inclusive. To the series: within one block or memory, samples count as lying everywhere between
    /// the first and the last.
    pub start: TimestampMs,
    /// They have a sample up to here, inclusive.
    pub end: TimestampMs,
}

/// What the series in memory have most of; each list is in descending order.
#[derive(Debug, Clone, Default)]
pub struct Cardinality {
    /// Series in memory.
    pub series: u64,
    /// Pieces of about 120 samples in which their samples lie.
    pub chunks: u64,
    /// Times of the oldest and the youngest of these samples.
    pub span: Option<(TimestampMs, TimestampMs)>,
    /// Distinct pairs of name and value.
    pub label_pairs: u64,
    /// Metrics by their series.
    pub series_by_metric: Vec<(String, u64)>,
    /// Labels by their distinct values.
    pub values_by_label: Vec<(String, u64)>,
    /// Labels by the bytes of their values, counted once per series.
    pub bytes_by_label: Vec<(String, u64)>,
    /// Pairs `name=value` by their series.
    pub series_by_pair: Vec<(String, u64)>,
}

impl Snapshot {
    /// The series that are asked about, in the order of `LabelSet`.
    pub fn select_series(&self, scan: &LabelScan) -> Result<BTreeSet<LabelSet>, Error> {
        let (mut found, range, blocks): (BTreeSet<LabelSet>, _, _) = {
            let state = self.storage().shared.read();
            let range = (scan.start.max(state.oldest_sample), scan.end);
            let frozen = state.frozen.as_ref().map(|frozen| &frozen.samples);
            let slots = state.head.select_between(&scan.selectors, range, frozen);
            (slots.map(|slot| state.head.index().labels(slot)).collect(), range, touched(&state.blocks, range))
        };
        for block in &blocks {
            let index = self.storage().shared.cache.index(block)?;
            found.extend(index.select_any(&scan.selectors, range).into_iter().map(|position| index.labels(position)));
        }
        let histograms = scan_histograms(&self.storage().shared, &scan.selectors, range)?;
        found.extend(histograms.into_keys().map(Arc::unwrap_or_clone));
        Ok(found)
    }

    /// The names of their labels, `__name__` among them.
    pub fn select_label_names(&self, scan: &LabelScan) -> Result<BTreeSet<String>, Error> {
        let mut names = BTreeSet::new();
        self.visit_pairs(scan, |name, _| {
            if !names.contains(name) {
                names.insert(name.to_owned());
            }
        })?;
        Ok(names)
    }

    /// The values that one label has among them.
    pub fn select_label_values(&self, label: &str, scan: &LabelScan) -> Result<BTreeSet<String>, Error> {
        let mut values = BTreeSet::new();
        self.visit_pairs(scan, |name, value| {
            if name == label && !values.contains(value) {
                values.insert(value.to_owned());
            }
        })?;
        Ok(values)
    }

    /// Type, unit and help of the metrics in memory, by the metric's name; several where its series differ. `matchers` limit whose.
    pub fn metadata(&self, matchers: &[Matcher]) -> BTreeMap<String, BTreeSet<MetricMetadata>> {
        let state = self.storage().shared.read();
        let mut found: BTreeMap<String, BTreeSet<MetricMetadata>> = BTreeMap::new();
        let selected: Option<BTreeSet<u32>> = (!matchers.is_empty()).then(|| state.head.index().select(matchers).into_iter().collect());
        state.head.index().visit_postings(|name, value, slots| {
            let slots = slots.iter().filter(|slot| selected.as_ref().is_none_or(|selected| selected.contains(slot)));
            let mut last: Option<&Arc<MetricMetadata>> = None;
            for metadata in slots.filter(|_| name == METRIC_NAME).map(|&slot| state.head.metadata_of(slot)) {
                // Mostly all series of a metric have the same.
                if last.is_none_or(|last| !Arc::ptr_eq(last, metadata)) {
                    found.entry(value.to_owned()).or_default().insert(metadata.as_ref().clone());
                    last = Some(metadata);
                }
            }
        });
        found
    }

    /// The type of a metric in memory; `None` if there is none or it is not known.
    pub fn metric_kind(&self, metric: &str) -> Option<MetricKind> {
        let state = self.storage().shared.read();
        let slot = state.head.index().select(&[Matcher::equal(METRIC_NAME, metric)]).into_iter().next()?;
        Some(state.head.metadata_of(slot).kind).filter(|kind| *kind != MetricKind::Unknown)
    }

    /// Where the series in memory come from, with the first `limit` of each list.
    pub fn cardinality(&self, limit: usize) -> Cardinality {
        let state = self.storage().shared.read();
        let frozen = state.frozen.as_ref().map(|frozen| &frozen.samples);
        let (chunks, span) = state.head.extent(frozen);
        let mut all = Cardinality { series: state.head.series_count() as u64, chunks, span, ..Cardinality::default() };
        let (mut values, mut bytes): (BTreeMap<String, u64>, BTreeMap<String, u64>) = Default::default();
        state.head.index().visit_postings(|name, value, slots| {
            let series = slots.len() as u64;
            all.label_pairs += 1;
            *values.entry(name.to_owned()).or_default() += 1;
            *bytes.entry(name.to_owned()).or_default() += value.len() as u64 * series;
            if name == METRIC_NAME {
                keep_largest(&mut all.series_by_metric, limit, series, || value.to_owned());
            }
            keep_largest(&mut all.series_by_pair, limit, series, || format!("{name}={value}"));
        });
        for (lists, counts) in [(&mut all.values_by_label, values), (&mut all.bytes_by_label, bytes)] {
            counts.into_iter().for_each(|(name, count)| keep_largest(lists, limit, count, || name));
        }
        all
    }

    /// A damaged block's labels are left out: lists of names promise nothing, and scans of its time say why.
    fn visit_pairs(&self, scan: &LabelScan, mut visit: impl FnMut(&str, &str)) -> Result<(), Error> {
        let (range, blocks) = {
            let state = self.storage().shared.read();
            let range = (scan.start.max(state.oldest_sample), scan.end);
            let frozen = state.frozen.as_ref().map(|frozen| &frozen.samples);
            state.head.index().visit_pairs(state.head.select_between(&scan.selectors, range, frozen), &mut visit);
            (range, touched(&state.blocks, range))
        };
        for block in &blocks {
            match self.storage().shared.cache.index(block) {
                Err(Error::Damaged { .. }) => {}
                Err(error) => return Err(error),
                Ok(index) => index.visit_pairs(index.select_any(&scan.selectors, range), &mut visit),
            }
        }
        match scan_histograms(&self.storage().shared, &scan.selectors, range) {
            Err(Error::Damaged { .. }) => {}
            Err(error) => return Err(error),
            Ok(histograms) => histograms.keys().for_each(|labels| labels.iter().for_each(|(name, value)| visit(name, value))),
        }
        Ok(())
    }
}

fn touched(blocks: &[Arc<Block>], range: (i64, i64)) -> Vec<Arc<Block>> {
    blocks.iter().filter(|block| block.entry.kind == BlockKind::Metrics && block.overlaps(range)).cloned().collect()
}

/// Puts an item into a list in descending order if it is among the first `limit`; of equal ones, those that came first stay.
fn keep_largest(list: &mut Vec<(String, u64)>, limit: usize, count: u64, name: impl FnOnce() -> String) {
    let place = list.partition_point(|(_, other)| *other >= count);
    if place < limit {
        list.insert(place, (name(), count));
        list.truncate(limit);
    }
}
