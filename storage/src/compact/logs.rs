//! Merging log blocks stream by stream. Which fields get columns of their own is decided anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringBuilder};
use cepmon_model::LabelSet;
use hashbrown::HashMap;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::rewrite::Rewrite;
use super::rows::{merge_rows, times_of};
use super::tables::note_rows;
use super::window::Windows;
use crate::Error;
use crate::block::Block;
use crate::block::cache::Footer;
use crate::block::logs::{BATCH_ROWS, LogWriter, choose_promoted, file_columns, schema_of};
use crate::block::map::{append_labels, label_map_builder, map_entries};
use crate::block::schema::PROMOTED_PREFIX;
use crate::dir::manifest::{BlockEntry, BlockKind};
use crate::scan::logs::from_block;

/// Bytes that a decoded batch should have: lines may be megabytes long.
const BATCH_BYTES: u64 = 4 << 20;
/// Rows that are decoded together at least.
const FEWEST_ROWS: u64 = 16;

/// Distinct field names that are counted; later ones of a block that makes up names are not promoted.
const MAX_COUNTED_FIELDS: usize = 1 << 14;

/// An input in file order: stream by stream.
struct Input {
    block: Arc<Block>,
    footer: Arc<Footer>,
    batches: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    /// Streams that were passed.
    stream: usize,
}

/// The rows of an input's current stream.
struct StreamRows<'a> {
    input: &'a mut Input,
    left: usize,
}

struct Output {
    entry: BlockEntry,
    writer: LogWriter,
    /// Rows of the current stream.
    stream_rows: u64,
}

/// One pass: writes the rows of its windows.
pub(super) fn merge(run: &mut Rewrite<'_>, inputs: &[Arc<Block>], windows: &mut Windows) -> Result<(), Error> {
    let promoted = promoted_fields(run, inputs)?;
    let mut sources = Vec::with_capacity(inputs.len());
    for block in inputs {
        sources.push(Input::open(run, block)?);
    }
    let mut outputs: BTreeMap<i64, Output> = BTreeMap::new();
    while let Some(labels) = sources.iter().filter_map(Input::labels).min().cloned() {
        let deletion = run.deletion.filter(|deletion| deletion.matches(&labels));
        let streams = sources.iter_mut().filter(|source| source.labels() == Some(&labels)).map(Input::next_stream).collect();
        merge_rows(streams, |batch| {
            run.check()?;
            let mut kept = vec![batch.clone()];
            if let Some(deletion) = deletion {
                let gone = deletion.rows(times_of(&batch));
                run.removed += gone.len() as u64;
                kept = vec![batch.slice(0, gone.start), batch.slice(gone.end, batch.num_rows() - gone.end)];
            }
            for batch in kept.iter().filter(|batch| batch.num_rows() > 0) {
                windows.split(times_of(batch), |window, rows| {
                    let output = match outputs.entry(window) {
                        std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                        std::collections::btree_map::Entry::Vacant(place) => place.insert(Output::create(run, window, &promoted)?),
                    };
                    output.write(&promote(&batch.slice(rows.start, rows.len()), &promoted)?)
                })?;
            }
            Ok(())
        })?;
        outputs.values_mut().for_each(|output| output.end_stream(&labels));
    }
    for Output { mut entry, writer, .. } in outputs.into_values() {
        (entry.rows, entry.bytes) = writer.finish()?;
        run.shared.options.faults.pass("rewrite-rows-written")?;
        run.end(entry);
    }
    Ok(())
}

/// The most frequent fields of all inputs. Those with columns are counted from statistics, only the others are read.
fn promoted_fields(run: &Rewrite<'_>, inputs: &[Arc<Block>]) -> Result<Vec<String>, Error> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    for block in inputs {
        let footer = run.shared.cache.footer(block)?;
        let own = footer.logs.as_ref().map_or(&[][..], |summary| &summary.fields);
        for name in own {
            let column = format!("{PROMOTED_PREFIX}{name}");
            let chunks = footer.parquet.metadata().row_groups().iter().flat_map(|group| group.columns());
            for chunk in chunks.filter(|chunk| chunk.column_path().parts() == [column.as_str()]) {
                let nulls = chunk.statistics().and_then(|statistics| statistics.null_count_opt()).unwrap_or_default();
                *counts.entry(name.clone()).or_default() += chunk.num_values().cast_unsigned().saturating_sub(nulls);
            }
        }
        let roots = footer.parquet.schema().fields().iter().position(|field| field.name() == "fields");
        let projection = ProjectionMask::roots(footer.parquet.parquet_schema(), roots);
        for batch in reader(block, &footer, Some(projection))? {
            run.check()?;
            let batch = batch.map_err(block.rows_file().failure())?;
            let maps = batch.columns().first().and_then(|column| column.as_map_opt()).ok_or_else(|| damaged(block))?;
            for (name, _) in (0..maps.len()).flat_map(|row| map_entries(maps, row)) {
                if let Some(count) = counts.get_mut(name) {
                    *count += 1;
                } else if counts.len() < MAX_COUNTED_FIELDS {
                    counts.insert(name.to_owned(), 1);
                }
            }
        }
    }
    let mut counts: Vec<(Arc<str>, u64)> = counts.into_iter().map(|(name, count)| (name.into(), count)).collect();
    counts.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    Ok(choose_promoted(counts, inputs.iter().map(|block| block.entry.rows).sum()))
}

fn reader(block: &Block, footer: &Footer, projection: Option<ProjectionMask>) -> Result<ParquetRecordBatchReader, Error> {
    let file = block.rows_file();
    let metadata = footer.parquet.metadata();
    let bytes: i64 = metadata.row_groups().iter().map(|group| group.total_byte_size()).sum();
    let rows = metadata.file_metadata().num_rows().max(1);
    let row_bytes = bytes.cast_unsigned().div_ceil(rows.cast_unsigned()).max(1);
    let batch_rows = (BATCH_BYTES / row_bytes).clamp(FEWEST_ROWS, BATCH_ROWS as u64) as usize;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file.open()?, footer.parquet.clone()).with_batch_size(batch_rows);
    let builder = match projection {
        Some(projection) => builder.with_projection(projection),
        None => builder,
    };
    builder.build().map_err(file.failure())
}

fn damaged(block: &Block) -> Error {
    block.rows_file().damaged("its columns are not those of the layout")
}

impl Input {
    fn open(run: &Rewrite<'_>, block: &Arc<Block>) -> Result<Self, Error> {
        let footer = run.shared.cache.footer(block)?;
        let batches = reader(block, &footer, None)?;
        Ok(Self { block: Arc::clone(block), footer, batches, batch: None, stream: 0 })
    }

    fn streams(&self) -> &[(LabelSet, u64)] {
        self.footer.logs.as_ref().map_or(&[][..], |summary| &summary.streams)
    }

    /// The next stream.
    fn labels(&self) -> Option<&LabelSet> {
        self.streams().get(self.stream).map(|(labels, _)| labels)
    }

    fn next_stream(&mut self) -> StreamRows<'_> {
        let left = self.streams().get(self.stream).map_or(0, |(_, rows)| *rows as usize);
        self.stream += 1;
        StreamRows { input: self, left }
    }

    /// At most so many of the next rows, in the five columns that every block has; at least one.
    fn read(&mut self, most: usize) -> Result<RecordBatch, Error> {
        let batch = match self.batch.take().filter(|batch| batch.num_rows() > 0) {
            Some(batch) => batch,
            None => {
                let ends = || self.block.rows_file().damaged("it ends before its streams do");
                let batch = self.batches.next().ok_or_else(ends)?.map_err(self.block.rows_file().failure())?;
                from_block(&batch, &self.block, &self.footer, &file_columns(&[]), (i64::MIN, i64::MAX))?
            }
        };
        let taken = most.min(batch.num_rows());
        self.batch = Some(batch.slice(taken, batch.num_rows() - taken));
        Ok(batch.slice(0, taken))
    }
}

impl Iterator for StreamRows<'_> {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let batch = self.input.read(self.left);
        self.left -= batch.as_ref().map_or(self.left, RecordBatch::num_rows);
        Some(batch)
    }
}

impl Output {
    fn create(run: &mut Rewrite<'_>, window: i64, promoted: &[String]) -> Result<Self, Error> {
        let (entry, path) = run.begin(BlockKind::Logs, window);
        let writer = LogWriter::create(path, promoted.to_vec(), run.zstd_level(&entry))?;
        Ok(Self { entry, writer, stream_rows: 0 })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        note_rows(&mut self.entry, times_of(batch));
        self.stream_rows += batch.num_rows() as u64;
        self.writer.write(batch)
    }

    fn end_stream(&mut self, labels: &LabelSet) {
        let rows = std::mem::take(&mut self.stream_rows);
        if rows > 0 {
            self.writer.end_stream(labels, rows);
        }
    }
}

/// Moves promoted fields from the map into columns of their own.
fn promote(batch: &RecordBatch, promoted: &[String]) -> Result<RecordBatch, Error> {
    let columns = file_columns(promoted);
    let places: HashMap<&str, usize> = promoted.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    let mut own: Vec<StringBuilder> = promoted.iter().map(|_| StringBuilder::new()).collect();
    let mut rest = label_map_builder();
    let maps = batch.column(4).as_map();
    for row in 0..batch.num_rows() {
        let mut values: Vec<Option<&str>> = vec![None; promoted.len()];
        let mut others: Vec<(&str, &str)> = Vec::new();
        for (name, value) in map_entries(maps, row) {
            match places.get(name) {
                Some(&place) => values[place] = Some(value),
                None => others.push((name, value)),
            }
        }
        own.iter_mut().zip(values).for_each(|(column, value)| column.append_option(value));
        append_labels(&mut rest, others.into_iter()).map_err(Error::columns("logs"))?;
    }
    let mut arrays: Vec<ArrayRef> = batch.columns()[..4].to_vec();
    arrays.push(Arc::new(rest.finish()));
    arrays.extend(own.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
    RecordBatch::try_new(schema_of(&columns), arrays).map_err(Error::columns("logs"))
}
