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
