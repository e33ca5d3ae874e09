//! Native histograms over blocks and memory, and samples with the histograms of their series. A store without any pays nothing but a look
//! at its list of blocks.

use std::collections::BTreeMap;
use std::collections::btree_map::IntoIter;
use std::iter::Peekable;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use cepmon_model::{HistogramSample, LabelSet, METRIC_NAME, Matcher, SeriesId};

use super::SeriesSamples;
use super::tables::scan_table;
use crate::block::table::NameFilter;
use crate::compact::deletion::is_meant;
use crate::dir::manifest::BlockKind;
use crate::storage::Shared;
use crate::table::histogram::of_row;
use crate::{Error, HISTOGRAMS};

/// Histograms by their series.
pub(super) type Histograms = BTreeMap<Arc<LabelSet>, Vec<HistogramSample>>;

/// The histograms of series for which all conditions of one of the lists hold, ascending, no time twice: of two, the one that was stored
/// first counts.
pub(super) fn scan_histograms(shared: &Shared, selectors: &[Vec<Matcher>], range: (i64, i64)) -> Result<Histograms, Error> {
    let mut found = Histograms::new();
    if !has_histograms(shared, range) {
        return Ok(found);
    }
    let everything = [Vec::new()];
    let selectors = if selectors.is_empty() { &everything } else { selectors };
    let by_name: Vec<Vec<Matcher>> = selectors.iter().map(|selector| of_name(selector)).collect();
    let is_wanted: NameFilter = Arc::new(move |name| by_name.iter().any(|selector| selector.iter().all(|matcher| matcher.matches(name))));
    scan_table(shared, &HISTOGRAMS, range, Some(&is_wanted), |batch| {
        let names = batch.column(1).as_string::<i32>();
        for row in 0..batch.num_rows() {
            // Rows in memory are not filtered yet.
            if is_wanted(names.value(row)) {
                take_row(&batch, row, selectors, &mut found);
            }
        }
        Ok(())
    })?;
    for samples in found.values_mut() {
        samples.sort_by_key(|sample| sample.timestamp);
        samples.dedup_by_key(|sample| sample.timestamp);
    }
    Ok(found)
}

fn of_name(selector: &[Matcher]) -> Vec<Matcher> {
    selector.iter().filter(|matcher| matcher.name() == METRIC_NAME).cloned().collect()
}

fn take_row(batch: &RecordBatch, row: usize, selectors: &[Vec<Matcher>], found: &mut Histograms) {
    let (labels, sample) = of_row(batch, row);
    if is_meant(selectors, &labels) {
        match found.get_mut(&labels) {
            Some(samples) => samples.push(sample),
            None => drop(found.insert(Arc::new(labels), vec![sample])),
        }
    }
}

fn has_histograms(shared: &Shared, range: (i64, i64)) -> bool {
    let state = shared.read();
    let is_wanted = |kind: &BlockKind| matches!(kind, BlockKind::Table(name) if name == HISTOGRAMS.name);
    state.blocks.iter().any(|block| is_wanted(&block.entry.kind) && block.overlaps(range))
        || state.frozen.iter().flat_map(|frozen| &frozen.tables).any(|rows| rows.table.name == HISTOGRAMS.name)
        || state.tables.iter().any(|buffer| buffer.table.name == HISTOGRAMS.name && buffer.count() > 0)
}

/// Series of samples in the order of labels, each with its histograms; those with histograms alone come where they belong.
pub(super) struct WithHistograms<S: Iterator<Item = Result<SeriesSamples, Error>>> {
    samples: Peekable<S>,
    histograms: Peekable<IntoIter<Arc<LabelSet>, Vec<HistogramSample>>>,
    tenant: String,
}

impl<S: Iterator<Item = Result<SeriesSamples, Error>>> WithHistograms<S> {
    pub(super) fn new(samples: S, histograms: Histograms, tenant: &str) -> Self {
        Self { samples: samples.peekable(), histograms: histograms.into_iter().peekable(), tenant: tenant.to_owned() }
    }
}

impl<S: Iterator<Item = Result<SeriesSamples, Error>>> Iterator for WithHistograms<S> {
    type Item = Result<SeriesSamples, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some((labels, _)) = self.histograms.peek() else { return self.samples.next() };
        let is_alone = match self.samples.peek() {
            Some(Err(_)) => return self.samples.next(),
            Some(Ok(series)) if series.labels < *labels => return self.samples.next(),
            Some(Ok(series)) => series.labels != *labels,
            None => true,
        };
        let (labels, histograms) = self.histograms.next()?;
        if is_alone {
            let id = SeriesId::of(&self.tenant, &labels, 0);
            return Some(Ok(SeriesSamples { id, labels, timestamps: Vec::new(), values: Vec::new(), histograms }));
        }
        let series = self.samples.next()?;
        Some(series.map(|series| {
            // A time has one sample: numbers were there first.
            let is_free = |sample: &HistogramSample| series.timestamps.binary_search(&sample.timestamp).is_err();
            let histograms = histograms.into_iter().filter(is_free).collect();
            SeriesSamples { histograms, ..series }
        }))
    }
}
