//! The series file of a metrics block: who the series are, what is known of them, and where their rows lie.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array};
use cepmon_model::{LabelSet, METRIC_NAME, MetricMetadata, SeriesId};

use super::block_file::BlockFile;
use super::file::{self, ParquetFile, properties};
use super::map::{append_labels, label_map_builder};
use super::schema::series_schema;
use super::series_reader::SeriesRows;
use crate::Error;
use crate::index::LabelIndex;

/// The footer key under which the metrics and their label names stand, as JSON.
const SUMMARY_KEY: &str = "cepmon.metrics";

/// Rows that are gathered before they go to the Parquet writer.
pub(super) const BATCH_ROWS: usize = 4096;

/// One row of a series file.
#[derive(Debug)]
pub(crate) struct SeriesRow {
    pub(crate) id: SeriesId,
    pub(crate) labels: LabelSet,
    pub(crate) metadata: Arc<MetricMetadata>,
    pub(crate) place: RowPlace,
}

/// Where a series' samples lie, and from when they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RowPlace {
    pub(crate) first_row: u64,
    pub(crate) rows: u64,
    pub(crate) min_ts: i64,
    pub(crate) max_ts: i64,
}

/// A series file that is being written.
pub(crate) struct SeriesWriter {
    file: ParquetFile,
    pending: Vec<SeriesRow>,
    summary: BTreeMap<String, BTreeSet<String>>,
}

impl SeriesWriter {
    pub(crate) fn create(path: PathBuf) -> Result<Self, Error> {
        let file = ParquetFile::create(path, series_schema(), properties(3).set_data_page_row_count_limit(BATCH_ROWS).build())?;
        Ok(Self { file, pending: Vec::new(), summary: BTreeMap::new() })
    }

    /// Appends a series. They come in the order of their labels, as in the samples file.
    pub(crate) fn push(&mut self, row: SeriesRow) -> Result<(), Error> {
        self.summarise(&row.labels);
        self.pending.push(row);
        if self.pending.len() >= BATCH_ROWS {
            self.write_batch()?;
        }
        Ok(())
    }

    /// Finishes the file, on disk; gives its bytes.
    pub(crate) fn finish(mut self) -> Result<u64, Error> {
        self.write_batch()?;
        let summary = serde_json::to_string(&self.summary).expect("BUG: names that are not JSON");
        self.file.note(SUMMARY_KEY, summary);
        self.file.finish()
    }

    fn summarise(&mut self, labels: &LabelSet) {
        let metric = labels.metric_name();
        if !self.summary.contains_key(metric) {
            self.summary.insert(metric.to_owned(), BTreeSet::new());
        }
        let Some(names) = self.summary.get_mut(metric) else { return };
        for (name, _) in labels.iter().filter(|(name, _)| *name != METRIC_NAME) {
            if !names.contains(name) {
                names.insert(name.to_owned());
            }
        }
    }

    fn write_batch(&mut self) -> Result<(), Error> {
        let rows = std::mem::take(&mut self.pending);
        let mut labels = label_map_builder();
        for row in &rows {
            append_labels(&mut labels, row.labels.iter().filter(|(name, _)| *name != METRIC_NAME)).map_err(Error::columns("series"))?;
        }
        let texts = |text: &dyn Fn(&SeriesRow) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(text))) };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.id.0))),
            texts(&|row| row.labels.metric_name().to_owned()),
            Arc::new(labels.finish()),
            texts(&|row| row.metadata.kind.as_str().to_owned()),
            texts(&|row| row.metadata.unit.clone()),
            texts(&|row| row.metadata.help.clone()),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.place.first_row.cast_signed()))),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.place.rows.cast_signed()))),
            Arc::new(TimestampMillisecondArray::from_iter_values(rows.iter().map(|row| row.place.min_ts))),
            Arc::new(TimestampMillisecondArray::from_iter_values(rows.iter().map(|row| row.place.max_ts))),
        ];
        let batch = RecordBatch::try_new(series_schema(), columns).map_err(Error::columns("series"))?;
        self.file.write(&batch)
    }
}

/// The metrics of a block with their label names.
#[derive(Debug)]
pub(crate) struct MetricSummary(pub(crate) BTreeMap<String, BTreeSet<String>>);

impl MetricSummary {
    pub(crate) fn read(file: &BlockFile) -> Result<Self, Error> {
        let footer = file::read_footer(file)?;
        let text = file::note_of(&footer, SUMMARY_KEY).ok_or_else(|| file.damaged("its footer lacks cepmon.metrics"))?;
        serde_json::from_str(text).map(Self).map_err(file.failure())
    }
}

/// Series of a block in memory, all of them or those of one metric: which ones match, and where their rows are. They are numbered in the
/// order of the series file, which is the order of labels and of samples.
#[derive(Debug)]
pub(crate) struct BlockIndex {
    index: LabelIndex,
    ids: Vec<SeriesId>,
    places: Vec<RowPlace>,
    metadata: Vec<Arc<MetricMetadata>>,
}

impl BlockIndex {
    pub(crate) fn read(file: &BlockFile) -> Result<Self, Error> {
        Self::of_rows(SeriesRows::open(file)?)
    }

    /// The series of one metric alone.
    pub(crate) fn read_metric(file: &BlockFile, metric: &str) -> Result<Self, Error> {
        let is_meant = |row: &Result<SeriesRow, Error>| row.as_ref().map_or(true, |row| row.labels.metric_name() == metric);
        Self::of_rows(SeriesRows::open_around(file, metric)?.filter(is_meant))
    }

    fn of_rows(rows: impl Iterator<Item = Result<SeriesRow, Error>>) -> Result<Self, Error> {
        let mut index = Self { index: LabelIndex::default(), ids: Vec::new(), places: Vec::new(), metadata: Vec::new() };
        for (position, row) in (0u32..).zip(rows) {
            let row = row?;
            index.index.insert(position, &row.labels);
            index.ids.push(row.id);
            index.places.push(row.place);
            index.metadata.push(row.metadata);
        }
        Ok(index)
    }

    /// Positions of the series that match and have samples in a time span, ascending.
    pub(crate) fn select(&self, matchers: &[cepmon_model::Matcher], (start, end): (i64, i64)) -> Vec<u32> {
        let mut positions = self.index.select(matchers);
        positions.retain(|&position| {
            let place = self.places[position as usize];
            place.min_ts <= end && place.max_ts >= start
        });
        positions.sort_unstable();
        positions
    }

    /// Positions of the series that any selector matches (all without one) and that have samples in a time span, ascending.
    pub(crate) fn select_any(&self, selectors: &[Vec<cepmon_model::Matcher>], (start, end): (i64, i64)) -> Vec<u32> {
        let mut positions = self.index.select_any(selectors);
        positions.retain(|&position| {
            let place = self.places[position as usize];
            place.min_ts <= end && place.max_ts >= start
        });
        positions
    }

    /// Looks at the label pairs of some series, each distinct pair once.
    pub(crate) fn visit_pairs(&self, positions: Vec<u32>, visit: impl FnMut(&str, &str)) {
        self.index.visit_pairs(positions, visit);
    }

    /// The position of a series. Positions are in the order of labels.
    pub(crate) fn find(&self, labels: &LabelSet) -> Option<u32> {
        let (mut low, mut high) = (0, self.ids.len() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.index.labels(middle).cmp(labels) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// How many series there are.
    pub(crate) fn series_count(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn labels(&self, position: u32) -> LabelSet {
        self.index.labels(position)
    }

    pub(crate) fn id(&self, position: u32) -> SeriesId {
        self.ids[position as usize]
    }

    pub(crate) fn place(&self, position: u32) -> RowPlace {
        self.places[position as usize]
    }

    pub(crate) fn metadata(&self, position: u32) -> &Arc<MetricMetadata> {
        &self.metadata[position as usize]
    }

    /// Bytes of memory behind it.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.index.heap_bytes() + self.ids.capacity() * (size_of::<SeriesId>() + size_of::<RowPlace>() + size_of::<Arc<MetricMetadata>>())
    }
}
