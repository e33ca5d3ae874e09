//! Tables whose rows live in the running process (plugins, targets): the server makes them, SQL reads them. Nothing here is stored.

use std::error::Error;
use std::fmt::Debug;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

/// A table of the default schema that is made when it is asked for.
pub trait LiveTable: Send + Sync + Debug {
    /// Its name in SQL.
    fn name(&self) -> &str;

    /// Its columns; always the same.
    fn schema(&self) -> SchemaRef;

    /// All its rows as they are now, with exactly the columns of [`schema`](Self::schema). Called on a thread that may block, once per
    /// statement that reads it.
    fn batch(&self) -> Result<RecordBatch, Box<dyn Error + Send + Sync>>;
}
