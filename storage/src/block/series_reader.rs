//! Reading a series file row by row, in the order of labels, with one decoded batch in memory: all of it, or the pages of one metric.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMillisecondType, UInt64Type};
use cepmon_model::{LabelSet, METRIC_NAME, MetricKind, MetricMetadata, SeriesId};
use hashbrown::HashMap;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::block_file::BlockFile;
use super::file::read_footer;
use super::pages::{Page, add_rows, pages};
use super::series::{BATCH_ROWS, RowPlace, SeriesRow};
use crate::Error;

/// Distinct metadata that rows share; with more, sharing begins anew.
const MAX_SHARED_METADATA: usize = 1 << 16;

/// The rows of a series file that were not read yet.
pub(crate) struct SeriesRows {
    file: BlockFile,
    batches: ParquetRecordBatchReader,
    decoded: std::vec::IntoIter<SeriesRow>,
    distinct: HashMap<(String, String, String), Arc<MetricMetadata>>,
}

impl SeriesRows {
    pub(crate) fn open(file: &BlockFile) -> Result<Self, Error> {
        let batches = ParquetRecordBatchReaderBuilder::try_new(file.open()?)
            .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
            .map_err(file.failure())?;
        Ok(Self { file: file.clone(), batches, decoded: Vec::new().into_iter(), distinct: HashMap::new() })
    }

    /// The rows of the pages that a metric's series lie in: they are among its neighbours'.
    pub(crate) fn open_around(file: &BlockFile, metric: &str) -> Result<Self, Error> {
        let footer = read_footer(file)?;
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file.open()?, footer.clone()).with_batch_size(BATCH_ROWS);
        if let Some(ranges) = rows_around(&footer, metric) {
            let total = usize::try_from(footer.metadata().file_metadata().num_rows()).unwrap_or_default();
            builder = builder.with_row_selection(RowSelection::from_consecutive_ranges(ranges.into_iter(), total));
        }
        let batches = builder.build().map_err(file.failure())?;
        Ok(Self { file: file.clone(), batches, decoded: Vec::new().into_iter(), distinct: HashMap::new() })
    }

    fn next_row(&mut self) -> Result<Option<SeriesRow>, Error> {
        loop {
            if let Some(row) = self.decoded.next() {
                return Ok(Some(row));
            }
            let Some(batch) = self.batches.next() else { return Ok(None) };
            let rows = decode(&batch.map_err(self.file.failure())?, &mut self.distinct);
            self.decoded = rows.ok_or_else(|| self.file.damaged("its columns are not those of the layout"))?.into_iter();
        }
    }
}

impl Iterator for SeriesRows {
    type Item = Result<SeriesRow, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}

/// The rows of the pages whose least and greatest name have a metric's between them; nothing if the page index does not say.
fn rows_around(footer: &ArrowReaderMetadata, metric: &str) -> Option<Vec<Range<usize>>> {
    let metadata = footer.metadata();
    let columns = metadata.file_metadata().schema_descr().columns();
    let column = columns.iter().position(|column| column.name() == "metric")?;
    let mut ranges = Vec::new();
    for Page { index, number, rows } in pages(metadata, column)? {
        let ColumnIndexMetaData::BYTE_ARRAY(index) = index else { return None };
        // A long name's bound is cut in the index, to one that is still a bound.
        let is_above = index.min_value(number).is_some_and(|least| least > metric.as_bytes());
        let is_below = index.max_value(number).is_some_and(|most| most < metric.as_bytes());
        if !is_above && !is_below {
            add_rows(&mut ranges, rows);
        }
    }
    Some(ranges)
}

fn decode(batch: &RecordBatch, distinct: &mut HashMap<(String, String, String), Arc<MetricMetadata>>) -> Option<Vec<SeriesRow>> {
    let numbers = |name: &str| Some(batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()?.values());
    let times = |name: &str| Some(batch.column_by_name(name)?.as_primitive_opt::<TimestampMillisecondType>()?.values());
    let texts = |name: &str| batch.column_by_name(name)?.as_string_opt::<i32>();
    let ids = batch.column_by_name("series_id")?.as_primitive_opt::<UInt64Type>()?.values();
    let (metric, kind, unit, help) = (texts("metric")?, texts("type")?, texts("unit")?, texts("help")?);
    let (first_row, rows, min_ts, max_ts) = (numbers("first_row")?, numbers("rows")?, times("min_ts")?, times("max_ts")?);
    let maps = batch.column_by_name("labels")?.as_map_opt()?;
    let (keys, values) = (maps.keys().as_string_opt::<i32>()?, maps.values().as_string_opt::<i32>()?);
    let offsets = maps.value_offsets();
    let (mut pairs, mut decoded) = (Vec::new(), Vec::with_capacity(batch.num_rows()));
    for row in 0..batch.num_rows() {
        pairs.clear();
        pairs.push((METRIC_NAME, metric.value(row)));
        pairs.extend((offsets[row] as usize..offsets[row + 1] as usize).map(|entry| (keys.value(entry), values.value(entry))));
        // The metric's name is not in the map, and names before it in the alphabet are (`A`).
        pairs.sort_unstable_by_key(|&(name, _)| name);
        let labels = LabelSet::from_sorted(pairs.iter().copied());
        let (first_row, rows) = (first_row[row].cast_unsigned(), rows[row].cast_unsigned());
        let place = RowPlace { first_row, rows, min_ts: min_ts[row], max_ts: max_ts[row] };
        let key = (kind.value(row).to_owned(), unit.value(row).to_owned(), help.value(row).to_owned());
        if distinct.len() >= MAX_SHARED_METADATA && !distinct.contains_key(&key) {
            distinct.clear();
        }
        let metadata = distinct.entry(key).or_insert_with_key(|(kind, unit, help)| {
            let kind = MetricKind::from_name(kind).unwrap_or_default();
            Arc::new(MetricMetadata { kind, unit: unit.clone(), help: help.clone() })
        });
        decoded.push(SeriesRow { id: SeriesId(ids[row]), labels, metadata: Arc::clone(metadata), place });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::series::{BlockIndex, SeriesWriter};
    use crate::dir::manifest::{BlockEntry, BlockKind};

    #[test]
    fn the_pages_around_a_metric_hold_all_of_its_series_and_few_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("series.parquet");
        // Names beyond the bytes that a page index keeps of them, and a metric of more than a page.
        let long = "a".repeat(100);
        let metrics =
            [(format!("{long}x"), 9), (format!("{long}y"), 4090), ("m".to_owned(), 9000), ("n".to_owned(), 1), ("z".to_owned(), 5)];
        let mut writer = SeriesWriter::create(path.clone()).unwrap();
        let mut rows = 0;
        for (metric, count) in &metrics {
            for number in 0..*count {
                let labels = LabelSet::from_pairs([("__name__", metric.as_str()), ("n", &format!("{number:05}"))]);
                let place = RowPlace { first_row: rows, rows: 1, min_ts: 1, max_ts: 1 };
                writer.push(SeriesRow { id: SeriesId(rows), labels, metadata: Arc::default(), place }).unwrap();
                rows += 1;
            }
        }
        writer.finish().unwrap();
        let entry = BlockEntry { name: "1".to_owned(), kind: BlockKind::Metrics, rows, min_ts: 1, max_ts: 1, bytes: 0, level: 0 };
        let file = BlockFile::new(path, entry);
        let mut first = 0;
        for (metric, count) in &metrics {
            let index = BlockIndex::read_metric(&file, metric).unwrap();
            assert_eq!(index.series_count(), *count);
            let ids: Vec<u64> = (0..*count as u32).map(|position| index.id(position).0).collect();
            assert_eq!(ids, (first..first + *count as u64).collect::<Vec<_>>());
            first += *count as u64;
        }
        assert_eq!(BlockIndex::read_metric(&file, "b").unwrap().series_count(), 0);
        let read = |metric: &str| SeriesRows::open_around(&file, metric).unwrap().count();
        assert_eq!((read("z"), read("b"), read("0")), (rows as usize % BATCH_ROWS, BATCH_ROWS, 0));
    }
}
