//! Reading a series file row by row, in the order of labels, with one decoded batch in memory.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMillisecondType, UInt64Type};
use cepmon_model::{LabelSet, METRIC_NAME, MetricKind, MetricMetadata, SeriesId};
use hashbrown::HashMap;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::block_file::BlockFile;
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
