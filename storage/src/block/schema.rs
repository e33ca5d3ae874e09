//! The columns of every file kind. Columns are only ever added; other tools read these files.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// The prefix of a promoted log field's column.
pub const PROMOTED_PREFIX: &str = "field_";

/// Most promoted log field columns of one block.
pub const MAX_PROMOTED_FIELDS: usize = 64;

/// `Map<Utf8, Utf8>` with the entry names that the Parquet and Arrow specifications give.
pub fn label_map_type() -> DataType {
    let entries = Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}

/// Samples, sorted by the series' labels and `ts`. The value is `v_int / 10^scale` or `v_f64`; all three null is a stale mark.
pub(crate) fn samples_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("series_id", DataType::UInt64, false),
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), false),
        Field::new("v_int", DataType::Int64, true),
        Field::new("scale", DataType::Int8, true),
        Field::new("v_f64", DataType::Float64, true),
    ]))
}

/// Series, sorted by their labels; `first_row` and `rows` say where in the samples file theirs lie.
pub(crate) fn series_schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Millisecond, None);
    Arc::new(Schema::new(vec![
        Field::new("series_id", DataType::UInt64, false),
        Field::new("metric", DataType::Utf8, false),
        Field::new("labels", label_map_type(), false),
        Field::new("type", DataType::Utf8, false),
        Field::new("unit", DataType::Utf8, false),
        Field::new("help", DataType::Utf8, false),
        Field::new("first_row", DataType::Int64, false),
        Field::new("rows", DataType::Int64, false),
        Field::new("min_ts", time.clone(), false),
        Field::new("max_ts", time, false),
    ]))
}

/// The five columns of logs that every block has: `ts` (Unix nanoseconds), `stream` (the stream's labels), `level` (empty if unknown),
/// `line`, `fields` (all fields of the line, promoted or not).
pub fn log_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Nanosecond, None), false),
        Field::new("stream", label_map_type(), false),
        Field::new("level", DataType::Utf8, false),
        Field::new("line", DataType::Utf8, false),
        Field::new("fields", label_map_type(), false),
    ]))
}
