//! Blocks of typed tables: the table's columns, sorted by time. A file of an older version lacks columns that were added since; they
//! read as null.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{filter_record_batch, sort_to_indices, take_record_batch};
use arrow::datatypes::{SchemaRef, TimestampMillisecondType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, ParquetRecordBatchReaderBuilder, RowFilter};
use parquet::basic::Encoding;
use parquet::file::reader::ChunkReader;
use parquet::schema::types::ColumnPath;

use super::block_file::BlockFile;
use super::file::{ParquetFile, properties};
use crate::{Error, TableDef};

/// Writes rows into a file at exactly this path, on disk; gives the file's bytes. The batch is sorted by [`sort_by_time`].
pub(crate) fn write_table(path: PathBuf, batch: &RecordBatch) -> Result<u64, Error> {
    let mut file = create_table_file(path, batch.schema())?;
    file.write(batch)?;
    file.finish()
}

/// Begins a file at exactly this path.
pub(crate) fn create_table_file(path: PathBuf, schema: SchemaRef) -> Result<ParquetFile, Error> {
    let ts = || ColumnPath::from("ts");
    let properties =
        properties(3).set_column_dictionary_enabled(ts(), false).set_column_encoding(ts(), Encoding::DELTA_BINARY_PACKED).build();
    ParquetFile::create(path, schema, properties)
}

/// Rows in the order of their times; rows of one time stay in the order of arrival as far as the sort allows.
pub(crate) fn sort_by_time(table: &'static str, batch: &RecordBatch) -> Result<RecordBatch, Error> {
    let times = batch.column(0).as_primitive::<TimestampMillisecondType>();
    if times.values().is_sorted() {
        return Ok(batch.clone());
    }
    let indices = sort_to_indices(batch.column(0), None, None).map_err(Error::columns(table))?;
    take_record_batch(batch, &indices).map_err(Error::columns(table))
}

/// The times of the first and last of sorted rows.
pub(crate) fn time_range(batch: &RecordBatch) -> Option<(i64, i64)> {
    let times = batch.column(0).as_primitive::<TimestampMillisecondType>().values();
    times.first().copied().zip(times.last().copied())
}

/// Rows between two times, inclusive.
pub(crate) fn between(table: &'static str, batch: &RecordBatch, (start, end): (i64, i64)) -> Result<RecordBatch, Error> {
    let times = batch.column(0).as_primitive::<TimestampMillisecondType>();
    let keep: BooleanArray = times.values().iter().map(|&time| Some(time >= start && time <= end)).collect();
    filter_record_batch(batch, &keep).map_err(Error::columns(table))
}

/// Whether rows of a metric are wanted, by its name.
pub(crate) type NameFilter = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// The rows of a file, batch by batch, in the columns of today. With a filter, of a table with a column `metric`, only rows that it wants
/// within a time span (inclusive): times and names are decoded first, and of the rest what belongs to those rows.
pub(crate) fn table_batches<'a>(
    file: &'a BlockFile,
    table: &'a TableDef,
    wanted: Option<(&NameFilter, (i64, i64))>,
) -> Result<impl Iterator<Item = Result<RecordBatch, Error>> + use<'a>, Error> {
    let batches = ParquetRecordBatchReaderBuilder::try_new(file.open()?)
        .and_then(|builder| filtered(builder, wanted).with_batch_size(8192).build())
        .map_err(file.failure())?;
    Ok(batches.map(move |batch| fit(&batch.map_err(file.failure())?, file, table)))
}

fn filtered<T: ChunkReader + 'static>(
    builder: ParquetRecordBatchReaderBuilder<T>,
    wanted: Option<(&NameFilter, (i64, i64))>,
) -> ParquetRecordBatchReaderBuilder<T> {
    let Some((names, (start, end))) = wanted else { return builder };
    let columns = ProjectionMask::columns(builder.parquet_schema(), ["ts", "metric"]);
    let names = Arc::clone(names);
    let predicate = ArrowPredicateFn::new(columns, move |batch| {
        let times = batch.column(0).as_primitive::<TimestampMillisecondType>();
        let metrics = batch.column(1).as_string::<i32>();
        let is_wanted = |row: usize| (start..=end).contains(&times.value(row)) && names(metrics.value(row));
        Ok((0..batch.num_rows()).map(|row| Some(is_wanted(row))).collect())
    });
    builder.with_row_filter(RowFilter::new(vec![Box::new(predicate)]))
}

fn fit(batch: &RecordBatch, file: &BlockFile, table: &TableDef) -> Result<RecordBatch, Error> {
    let schema = table.schema();
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        columns.push(match batch.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Arc::clone(column),
            Some(column) => {
                let problem = format!("column \"{}\" has type {}; want {}", field.name(), column.data_type(), field.data_type());
                return Err(file.damaged(problem));
            }
            None => new_null_array(field.data_type(), batch.num_rows()),
        });
    }
    RecordBatch::try_new(schema, columns).map_err(Error::columns(table.name))
}
