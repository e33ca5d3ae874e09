//! Log entries over blocks and head: batch by batch, one decoded batch per block in memory.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringBuilder};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampNanosecondType;
use cepmon_model::{LabelSet, Matcher};
use hashbrown::HashSet;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection};

use super::LogScan;
use crate::Error;
use crate::block::Block;
use crate::block::cache::Footer;
use crate::block::logs::{LogColumn, schema_of, to_columns};
use crate::block::map::{append_labels, label_map_builder, map_entries};
use crate::block::pages::add_rows;
use crate::block::schema::PROMOTED_PREFIX;
use crate::dir::manifest::BlockKind;
use crate::head::logs::{LogRows, RowAddress};
use crate::storage::Shared;

/// Rows per batch.
const BATCH_ROWS: usize = 8192;

/// Where entries come from.
enum Source {
    Block { block: Arc<Block>, footer: Arc<Footer>, batches: Box<ParquetRecordBatchReader> },
    Memory { rows: Arc<LogRows>, addresses: Vec<RowAddress>, position: usize },
}

struct LogBatches {
    columns: Vec<LogColumn>,
    range: (i64, i64),
    sources: std::vec::IntoIter<Source>,
    current: Option<Source>,
}

/// Begins a scan. It sees every append that has returned and keeps the blocks of this moment.
pub(super) fn scan_logs(shared: &Shared, scan: &LogScan) -> Result<impl Iterator<Item = Result<RecordBatch, Error>> + Send + use<>, Error> {
    let columns = requested_columns(scan)?;
    let (range, blocks, memory) = {
        let state = shared.read();
        let range = (scan.start_ns.max(state.oldest_log_ns), scan.end_ns);
        let blocks = state.blocks.iter().filter(|block| block.entry.kind == BlockKind::Logs && block.overlaps(range));
        let mut memory: Vec<Arc<LogRows>> = state.frozen.iter().map(|frozen| Arc::clone(&frozen.logs)).collect();
        memory.push(Arc::new(state.logs.rows().clone()));
        (range, blocks.cloned().collect::<Vec<_>>(), memory)
    };
    let mut sources = Vec::new();
    for block in blocks {
        sources.extend(open_block(shared, block, &scan.matchers, &columns)?);
    }
    for rows in memory {
        let addresses = rows.select(|stream| matches_all(stream, &scan.matchers), range);
        sources.push(Source::Memory { rows, addresses, position: 0 });
    }
    Ok(LogBatches { columns, range, sources: sources.into_iter(), current: None })
}

fn requested_columns(scan: &LogScan) -> Result<Vec<LogColumn>, Error> {
    let Some(names) = &scan.columns else {
        return Ok(vec![LogColumn::Time, LogColumn::Stream, LogColumn::Level, LogColumn::Line, LogColumn::Fields]);
    };
    let unknown = |name: &String| Error::Refused {
        target: "logs".to_owned(),
        problem: format!("no column \"{name}\"; single fields are called {PROMOTED_PREFIX}<name>"),
    };
    names.iter().map(|name| LogColumn::from_name(name).ok_or_else(|| unknown(name))).collect()
}

fn matches_all(stream: &LabelSet, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| matcher.matches(stream.get(matcher.name()).unwrap_or_default()))
}

/// The rows of the streams that match, or nothing if none does.
fn open_block(shared: &Shared, block: Arc<Block>, matchers: &[Matcher], columns: &[LogColumn]) -> Result<Option<Source>, Error> {
    let footer = shared.cache.footer(&block)?;
    let Some(summary) = &footer.logs else { return Ok(None) };
    let mut ranges = Vec::new();
    let mut row = 0;
    for (stream, rows) in &summary.streams {
        let end = row + *rows as usize;
        if matches_all(stream, matchers) {
            add_rows(&mut ranges, row..end);
        }
        row = end;
    }
    if ranges.is_empty() {
        return Ok(None);
    }
    let needed = file_columns(columns, &summary.fields);
    // Roots, not leaves: a map has two leaves, and a field's name may hold dots.
    let schema = footer.parquet.schema();
    let roots = schema.fields().iter().enumerate().filter(|(_, field)| needed.contains(field.name())).map(|(index, _)| index);
    let projection = ProjectionMask::roots(footer.parquet.parquet_schema(), roots);
    let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(block.rows_file().open()?, footer.parquet.clone())
        .with_projection(projection)
        .with_batch_size(BATCH_ROWS)
        .with_row_selection(RowSelection::from_consecutive_ranges(ranges.into_iter(), row))
        .build()
        .map_err(block.rows_file().failure())?;
    Ok(Some(Source::Block { block, footer, batches: Box::new(batches) }))
}

/// Which columns of the file are needed for the requested ones.
fn file_columns(columns: &[LogColumn], promoted: &[String]) -> HashSet<String> {
    let mut needed = HashSet::from(["ts".to_owned()]);
    for column in columns {
        match column {
            LogColumn::Fields => {
                needed.insert("fields".to_owned());
                needed.extend(promoted.iter().map(|name| format!("{PROMOTED_PREFIX}{name}")));
            }
            LogColumn::Field(name) if !promoted.contains(name) => drop(needed.insert("fields".to_owned())),
            other => drop(needed.insert(other.arrow_field().name().clone())),
        }
    }
    needed
}

impl LogBatches {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            let Some(source) = &mut self.current else {
                self.current = self.sources.next();
                if self.current.is_none() {
                    return Ok(None);
                }
                continue;
            };
            let batch = match source {
                Source::Memory { rows, addresses, position } => {
                    let group = &addresses[*position..addresses.len().min(*position + BATCH_ROWS)];
                    *position += group.len();
                    if group.is_empty() { None } else { Some(to_columns(rows, group, &self.columns, &HashSet::new())?) }
                }
                Source::Block { block, footer, batches } => match batches.next() {
                    Some(batch) => {
                        let batch = batch.map_err(block.rows_file().failure())?;
                        Some(from_block(&batch, block, footer, &self.columns, self.range)?)
                    }
                    None => None,
                },
            };
            match batch {
                None => self.current = None,
                Some(batch) if batch.num_rows() == 0 => {}
                Some(batch) => return Ok(Some(batch)),
            }
        }
    }
}

impl Iterator for LogBatches {
    type Item = Result<RecordBatch, Error>;

    /// After an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_batch();
        if next.is_err() {
            self.current = None;
            self.sources = Vec::new().into_iter();
        }
        next.transpose()
    }
}

pub(crate) fn from_block(
    batch: &RecordBatch,
    block: &Block,
    footer: &Footer,
    columns: &[LogColumn],
    (start, end): (i64, i64),
) -> Result<RecordBatch, Error> {
    let damaged = || block.rows_file().damaged("its columns are not those of the layout");
    let times = batch.column_by_name("ts").and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
    let times = times.ok_or_else(damaged)?.values();
    let batch = if times.iter().all(|&time| time >= start && time <= end) {
        batch.clone()
    } else {
        let keep: BooleanArray = times.iter().map(|&time| Some(time >= start && time <= end)).collect();
        filter_record_batch(batch, &keep).map_err(Error::columns("logs"))?
    };
    let promoted = footer.logs.as_ref().map_or(&[][..], |summary| &summary.fields);
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len());
    for column in columns {
        arrays.push(match column {
            LogColumn::Fields => all_fields(&batch, promoted)?.ok_or_else(damaged)?,
            LogColumn::Field(name) if !promoted.contains(name) => one_field(&batch, name).ok_or_else(damaged)?,
            other => Arc::clone(batch.column_by_name(other.arrow_field().name()).ok_or_else(damaged)?),
        });
    }
    RecordBatch::try_new(schema_of(columns), arrays).map_err(Error::columns("logs"))
}

/// The map of all fields: those in `fields` and those with columns of their own.
fn all_fields(batch: &RecordBatch, promoted: &[String]) -> Result<Option<ArrayRef>, Error> {
    let Some(rest) = batch.column_by_name("fields").and_then(|column| column.as_map_opt()) else { return Ok(None) };
    let mut columns = Vec::with_capacity(promoted.len());
    for name in promoted {
        let column = batch.column_by_name(&format!("{PROMOTED_PREFIX}{name}")).and_then(|column| column.as_string_opt::<i32>());
        let Some(column) = column else { return Ok(None) };
        columns.push((name.as_str(), column));
    }
    let mut maps = label_map_builder();
    for row in 0..batch.num_rows() {
        let own = columns.iter().filter(|(_, column)| column.is_valid(row)).map(|(name, column)| (*name, column.value(row)));
        append_labels(&mut maps, own.chain(map_entries(rest, row))).map_err(Error::columns("logs"))?;
    }
    Ok(Some(Arc::new(maps.finish())))
}

fn one_field(batch: &RecordBatch, name: &str) -> Option<ArrayRef> {
    let maps = batch.column_by_name("fields")?.as_map_opt()?;
    let mut texts = StringBuilder::new();
    for row in 0..batch.num_rows() {
        texts.append_option(map_entries(maps, row).find(|(found, _)| *found == name).map(|(_, value)| value));
    }
    Some(Arc::new(texts.finish()))
}
