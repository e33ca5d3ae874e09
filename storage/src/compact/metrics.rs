//! Merging metrics blocks series by series. In memory: one series, one decoded batch per input, and the open outputs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cepmon_model::{MetricMetadata, SeriesId};
use hashbrown::HashSet;
use parquet::basic::Encoding;

use super::rewrite::Rewrite;
use super::window::Windows;
use crate::Error;
use crate::block::Block;
use crate::block::sample_reader::SampleReader;
use crate::block::samples::{SamplesWriter, float_encoding};
use crate::block::series::{RowPlace, SeriesRow, SeriesWriter};
use crate::block::series_reader::SeriesRows;
use crate::dir::atomic;
use crate::dir::layout::{samples_file, series_file};
use crate::dir::manifest::{BlockEntry, BlockKind};
use crate::scan::samples::make_ascending;

/// All series of an input, in the order of labels.
struct Input {
    series: SeriesRows,
    samples: SampleReader,
    next: Option<SeriesRow>,
}

/// A block that is being written.
struct Output {
    entry: BlockEntry,
    folder: PathBuf,
    samples: SamplesWriter,
    series: SeriesWriter,
    ids: HashSet<SeriesId>,
}

/// One pass: writes the rows of its windows. Inputs are ordered oldest first: where two samples have one time, the older one counts.
pub(super) fn merge(run: &mut Rewrite<'_>, inputs: &[Arc<Block>], windows: &mut Windows) -> Result<(), Error> {
    let encoding = encoding_of(run, inputs)?;
    let mut sources = Vec::with_capacity(inputs.len());
    for block in inputs {
        sources.push(Input::open(run, block)?);
    }
    let mut outputs: BTreeMap<i64, Output> = BTreeMap::new();
    let everything = (i64::MIN, i64::MAX);
    while let Some(labels) = sources.iter().filter_map(|source| Some(&source.next.as_ref()?.labels)).min().cloned() {
        run.check()?;
        let (mut times, mut values) = (Vec::new(), Vec::new());
        let (mut id, mut metadata) = (None, Arc::new(MetricMetadata::default()));
        for source in &mut sources {
            let Some(row) = source.next.take_if(|row| row.labels == labels) else { continue };
            source.samples.read(row.place.rows as usize, everything, &mut times, &mut values)?;
            id.get_or_insert(row.id);
            if *row.metadata != MetricMetadata::default() {
                metadata = row.metadata;
            }
            source.next = source.series.next().transpose()?;
        }
        let Some(id) = id else { continue };
        make_ascending(&mut times, &mut values);
        if let Some(deletion) = run.deletion.filter(|deletion| deletion.matches(&labels)) {
            let removed = deletion.rows(&times);
            run.removed += removed.len() as u64;
            times.drain(removed.clone());
            values.drain(removed);
        }
        if times.is_empty() {
            continue;
        }
        windows.split(&times, |window, rows| {
            let output = match outputs.entry(window) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => entry.insert(Output::create(run, window, encoding)?),
            };
            let id = output.own_id(run, id, &labels);
            let row = SeriesRow { id, labels: labels.clone(), metadata: Arc::clone(&metadata), place: RowPlace::default() };
            output.push(row, &times[rows.clone()], &values[rows])
        })?;
    }
    outputs.into_values().try_for_each(|output| output.finish(run))
}

/// What fits the floating-point values of the largest input fits those of all.
fn encoding_of(run: &Rewrite<'_>, inputs: &[Arc<Block>]) -> Result<Encoding, Error> {
    let mut largest: Vec<&Arc<Block>> = inputs.iter().collect();
    largest.sort_by_key(|block| std::cmp::Reverse(block.entry.rows));
    for block in largest {
        if let Some(encoding) = float_encoding(run.shared.cache.footer(block)?.parquet.metadata()) {
            return Ok(encoding);
        }
    }
    Ok(Encoding::PLAIN)
}

impl Input {
    fn open(run: &Rewrite<'_>, block: &Arc<Block>) -> Result<Self, Error> {
        let rows = usize::try_from(block.entry.rows).unwrap_or(usize::MAX);
        let samples = SampleReader::open(&run.shared.cache, block, std::iter::once(0..rows).collect())?;
        let mut series = SeriesRows::open(block.series_file())?;
        let next = series.next().transpose()?;
        Ok(Self { series, samples, next })
    }
}

impl Output {
    fn create(run: &mut Rewrite<'_>, window: i64, encoding: Encoding) -> Result<Self, Error> {
        let (entry, folder) = run.begin(BlockKind::Metrics, window);
        atomic::create_folders(&folder)?;
        let samples = SamplesWriter::create_encoded(samples_file(&folder), encoding, run.zstd_level(&entry))?;
        let series = SeriesWriter::create(series_file(&folder))?;
        Ok(Self { entry, folder, samples, series, ids: HashSet::new() })
    }

    /// The series' id, unless another series of this block has it: two blocks may have given one number to two series that never were in
    /// memory together. Then the next free one, as the head would.
    fn own_id(&mut self, run: &Rewrite<'_>, id: SeriesId, labels: &cepmon_model::LabelSet) -> SeriesId {
        let salted = (0..=u8::MAX).map(|salt| SeriesId::of(&run.shared.options.tenant, labels, salt));
        std::iter::once(id).chain(salted).find(|&id| self.ids.insert(id)).unwrap_or(id)
    }

    fn push(&mut self, mut row: SeriesRow, times: &[i64], values: &[f64]) -> Result<(), Error> {
        let (Some(&min_ts), Some(&max_ts)) = (times.first(), times.last()) else { return Ok(()) };
        let first_row = self.samples.push(row.id, times, values)?;
        row.place = RowPlace { first_row, rows: times.len() as u64, min_ts, max_ts };
        self.entry.min_ts = self.entry.min_ts.min(min_ts);
        self.entry.max_ts = self.entry.max_ts.max(max_ts);
        self.series.push(row)
    }

    fn finish(self, run: &mut Rewrite<'_>) -> Result<(), Error> {
        let Self { mut entry, folder, samples, series, .. } = self;
        (entry.rows, entry.bytes) = samples.finish()?;
        run.shared.options.faults.pass("rewrite-rows-written")?;
        entry.bytes += series.finish()?;
        atomic::sync_folder(&folder)?;
        run.end(entry);
        Ok(())
    }
}
