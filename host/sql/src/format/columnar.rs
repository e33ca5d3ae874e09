//! Parquet and the Arrow stream format: the answer's own columns, but text as plain UTF-8, which every reader knows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::{Error, QueryResult};

/// An answer as a Parquet file, compressed with zstd.
pub fn parquet(result: &QueryResult) -> Result<Vec<u8>, Error> {
    write_parquet(result).map_err(|source| Error::Encode { format: "Parquet", source: Box::new(source) })
}

/// An answer as an Arrow IPC stream (`application/vnd.apache.arrow.stream`).
pub fn arrow(result: &QueryResult) -> Result<Vec<u8>, Error> {
    write_arrow(result).map_err(|source| Error::Encode { format: "Arrow stream", source: Box::new(source) })
}

fn write_parquet(result: &QueryResult) -> Result<Vec<u8>, ParquetError> {
    let schema = plain_schema(&result.schema);
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
    for batch in &result.batches {
        writer.write(&plain_batch(batch, &schema)?)?;
    }
    writer.into_inner()
}

fn write_arrow(result: &QueryResult) -> Result<Vec<u8>, ArrowError> {
    let schema = plain_schema(&result.schema);
    let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
    for batch in &result.batches {
        writer.write(&plain_batch(batch, &schema)?)?;
    }
    writer.finish()?;
    writer.into_inner()
}

fn plain_schema(schema: &SchemaRef) -> SchemaRef {
    let plain = |field: &FieldRef| match field.data_type() {
        DataType::Utf8View => Arc::new(Field::new(field.name(), DataType::Utf8, field.is_nullable())),
        _ => Arc::clone(field),
    };
    Arc::new(Schema::new(schema.fields().iter().map(plain).collect::<Vec<_>>()))
}

fn plain_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<Vec<_>, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}
