//! Whether a Parquet file can be read to its end, for backups, where a file lies under another name and without its block.

use std::fs::File;
use std::path::Path;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::Error;

/// Decodes every page of a Parquet file; gives its rows.
///
/// # Errors
/// [`Error::Io`], [`Error::Parquet`] or [`Error::Columns`], each for a file that is not whole.
pub fn decode_parquet(path: &Path) -> Result<u64, Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let batches =
        ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build()).map_err(Error::parquet("read", path))?;
    let mut rows = 0;
    for batch in batches {
        rows += batch.map_err(Error::columns("backup"))?.num_rows() as u64;
    }
    Ok(rows)
}
