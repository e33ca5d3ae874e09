//! [`Snapshot`]: what can be read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use cepmon_model::{LabelSet, Matcher, MetricKind, MetricMetadata, SeriesId, TimestampMs};

use super::histograms::{WithHistograms, scan_histograms};
use super::logs::scan_logs;
use super::samples::scan_samples;
use super::tables::scan_table;
use super::{LogScan, SampleScan, SeriesInfo, SeriesSamples};
use crate::block::Block;
use crate::block::schema::MAX_PROMOTED_FIELDS;
use crate::compact::deletion::is_meant;
use crate::dir::manifest::BlockKind;
use crate::table::exemplar::series_of_row;
use crate::{EXEMPLARS, Error, SeriesExemplar, Storage, TableDef};

/// A view for reading. Each scan is consistent in itself: it takes blocks and memory at one moment, when it is called, sees every append
/// that had returned by then, and keeps its files until it is dropped. Two scans of one snapshot may differ by what came in between.
#[derive(Debug, Clone)]
pub struct Snapshot {
    storage: Storage,
}

impl Snapshot {
    pub(crate) fn new(storage: Storage) -> Self {
        Self { storage }
    }

    pub(super) fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Series that match, in the order of `LabelSet`, each once, with their samples merged over head and blocks: ascending, no time twice
    /// (where two differ, the one that was stored first counts), stale marks included. Series without samples in the span do not come.
    pub fn scan_samples(&self, scan: &SampleScan) -> Result<Box<dyn Iterator<Item = Result<SeriesSamples, Error>> + Send>, Error> {
        let shared = &self.storage.shared;
        let range = (scan.start.max(shared.read().oldest_sample), scan.end);
        let histograms = scan_histograms(shared, std::slice::from_ref(&scan.matchers), range)?;
        let samples = scan_samples(shared, scan)?;
        if histograms.is_empty() {
            return Ok(Box::new(samples));
        }
        Ok(Box::new(WithHistograms::new(samples, histograms, &shared.options.tenant)))
    }

    /// What is known of the series that match, in the order of `LabelSet`.
    pub fn series(&self, matchers: &[Matcher]) -> Result<Vec<SeriesInfo>, Error> {
        let (head, blocks, oldest) = {
            let state = self.storage.shared.read();
            let frozen = state.frozen.as_ref().map(|frozen| &frozen.samples);
            (state.head.series_info(matchers, frozen), metric_blocks(&state.blocks), state.oldest_sample)
        };
        let mut infos: BTreeMap<Arc<LabelSet>, SeriesInfo> = BTreeMap::new();
        for block in &blocks {
            let index = self.storage.shared.cache.index_for(block, matchers)?;
            for position in index.select(matchers, (oldest, i64::MAX)) {
                let labels = Arc::new(index.labels(position));
                let place = index.place(position);
                let (metadata, id) = (index.metadata(position).as_ref().clone(), index.id(position));
                let info =
                    SeriesInfo { id, labels: Arc::clone(&labels), metadata, min_time: place.min_ts.max(oldest), max_time: place.max_ts };
                merge_info(&mut infos, labels, info);
            }
        }
        for series in head {
            let labels = Arc::new(series.labels);
            let metadata = series.metadata.as_ref().clone();
            let (min_time, max_time) = (series.min_time, series.max_time);
            let info = SeriesInfo { id: series.id, labels: Arc::clone(&labels), metadata, min_time, max_time };
            merge_info(&mut infos, labels, info);
        }
        let histograms = scan_histograms(&self.storage.shared, &[matchers.to_vec()], (oldest, i64::MAX))?;
        for (labels, samples) in histograms {
            let (Some(first), Some(last)) = (samples.first(), samples.last()) else { continue };
            let metadata = MetricMetadata { kind: MetricKind::Histogram, ..MetricMetadata::default() };
            let id = SeriesId::of(&self.storage.shared.options.tenant, &labels, 0);
            let (min_time, max_time) = (first.timestamp, last.timestamp);
            let info = SeriesInfo { id, labels: Arc::clone(&labels), metadata, min_time, max_time };
            merge_info(&mut infos, labels, info);
        }
        Ok(infos.into_values().collect())
    }

    /// The names of all metrics, sorted.
    pub fn metric_names(&self) -> Result<Vec<String>, Error> {
        let (head, blocks) = {
            let state = self.storage.shared.read();
            (state.head.metric_names(), metric_blocks(&state.blocks))
        };
        let mut names: BTreeSet<String> = head.into_iter().filter(|name| !name.is_empty()).collect();
        self.storage.shared.cache.with_metrics(&blocks, |metrics| {
            names.extend(metrics.keys().filter(|name| !name.is_empty()).cloned());
        })?;
        Ok(names.into_iter().collect())
    }

    /// The names of all labels of a metric, sorted, without `__name__`.
    pub fn label_names(&self, metric: &str) -> Result<Vec<String>, Error> {
        let (head, blocks) = {
            let state = self.storage.shared.read();
            (state.head.label_names(metric), metric_blocks(&state.blocks))
        };
        let mut names: BTreeSet<String> = head.into_iter().collect();
        self.storage.shared.cache.with_metrics(&blocks, |metrics| {
            names.extend(metrics.get(metric).into_iter().flatten().cloned());
        })?;
        Ok(names.into_iter().collect())
    }

    /// Log entries that match, in no promised order over batches, sorted by stream and time within one.
    ///
    /// # Errors
    /// [`Error::Refused`] for a column that there cannot be.
    pub fn scan_logs(&self, scan: &LogScan) -> Result<Box<dyn Iterator<Item = Result<RecordBatch, Error>> + Send>, Error> {
        Ok(Box::new(scan_logs(&self.storage.shared, scan)?))
    }

    /// Names of log fields that have columns of their own (without the prefix `field_`), those of the youngest blocks and the most frequent
    /// ones first, at most 64. Fields of entries that are still in memory count as soon as they are flushed.
    pub fn promoted_fields(&self) -> Result<Vec<String>, Error> {
        let blocks: Vec<Arc<Block>> = {
            let state = self.storage.shared.read();
            state.blocks.iter().rev().filter(|block| block.entry.kind == BlockKind::Logs).cloned().collect()
        };
        let mut names: Vec<String> = Vec::new();
        for block in blocks {
            let footer = match self.storage.shared.cache.footer(&block) {
                // Names promise nothing; scans of its time say why.
                Err(Error::Damaged { .. }) => continue,
                footer => footer?,
            };
            for name in footer.logs.iter().flat_map(|summary| &summary.fields) {
                if names.len() == MAX_PROMOTED_FIELDS {
                    return Ok(names);
                }
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        Ok(names)
    }

    /// Rows of a typed table between two times (inclusive), ascending by time within each batch.
    pub fn scan_table(&self, table: &TableDef, start: TimestampMs, end: TimestampMs) -> Result<Vec<RecordBatch>, Error> {
        let mut found = Vec::new();
        scan_table(&self.storage.shared, table, (start, end), None, |batch| {
            found.push(batch);
            Ok(())
        })?;
        Ok(found)
    }

    /// Exemplars between two times (inclusive) of the series that one of the lists of conditions means, by series and time, none twice.
    ///
    /// # Errors
    /// [`Error::Refused`] for more than `limit` of them.
    pub fn exemplars(
        &self,
        selectors: &[Vec<Matcher>],
        start: TimestampMs,
        end: TimestampMs,
        limit: usize,
    ) -> Result<Vec<SeriesExemplar>, Error> {
        let mut found = Vec::new();
        scan_table(&self.storage.shared, &EXEMPLARS, (start, end), None, |batch| {
            for row in (0..batch.num_rows()).filter(|&row| is_meant(selectors, &series_of_row(&batch, row))) {
                found.push(SeriesExemplar::of_row(&batch, row));
            }
            if found.len() > limit {
                let problem = format!("more than {limit} exemplars; ask for a shorter time or fewer series");
                return Err(Error::Refused { target: EXEMPLARS.name.to_owned(), problem });
            }
            Ok(())
        })?;
        found.sort_by(|left, right| left.series.cmp(&right.series).then(left.timestamp.cmp(&right.timestamp)));
        found.dedup();
        Ok(found)
    }
}

fn metric_blocks(blocks: &[Arc<Block>]) -> Vec<Arc<Block>> {
    blocks.iter().filter(|block| block.entry.kind == BlockKind::Metrics).cloned().collect()
}

/// Younger sources come later; their metadata counts if they have any.
fn merge_info(infos: &mut BTreeMap<Arc<LabelSet>, SeriesInfo>, labels: Arc<LabelSet>, info: SeriesInfo) {
    match infos.get_mut(&labels) {
        None => drop(infos.insert(labels, info)),
        Some(known) => {
            known.min_time = known.min_time.min(info.min_time);
            known.max_time = known.max_time.max(info.max_time);
            if info.metadata != cepmon_model::MetricMetadata::default() {
                known.metadata = info.metadata;
            }
        }
    }
}
