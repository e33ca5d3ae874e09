//! Merging blocks of a typed table by time. A deletion only ever means exemplars and histograms, which begin with the same columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;

use super::Deletion;
use super::rewrite::Rewrite;
use super::rows::{merge_rows, times_of};
use super::window::Windows;
use crate::block::Block;
use crate::block::file::ParquetFile;
use crate::block::table::{create_table_file, table_batches};
use crate::dir::manifest::{BlockEntry, BlockKind};
use crate::table::exemplar::series_of_row;
use crate::{Error, TableDef};

/// One pass: writes the rows of its windows.
pub(super) fn merge(run: &mut Rewrite<'_>, inputs: &[Arc<Block>], name: &str, windows: &mut Windows) -> Result<(), Error> {
    let unknown = || Error::Refused { target: name.to_owned(), problem: "this version knows no such table".to_owned() };
    let table = crate::TABLES.iter().find(|table| table.name == name).ok_or_else(unknown)?;
    let sources = inputs.iter().map(|block| table_batches(block.rows_file(), table, None)).collect::<Result<Vec<_>, Error>>()?;
    let mut outputs: BTreeMap<i64, (BlockEntry, ParquetFile)> = BTreeMap::new();
    merge_rows(sources, |batch| {
        let rows = batch.num_rows();
        run.check()?;
        let batch = match run.deletion {
            Some(deletion) => without_deleted(&batch, table, deletion)?,
            None => batch,
        };
        run.removed += (rows - batch.num_rows()) as u64;
        windows.split(times_of(&batch), |window, rows| {
            let (entry, file) = match outputs.entry(window) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(place) => {
                    let (entry, path) = run.begin(BlockKind::Table(name.to_owned()), window);
                    place.insert((entry, create_table_file(path, table.schema())?))
                }
            };
            let batch = batch.slice(rows.start, rows.len());
            note_rows(entry, times_of(&batch));
            file.write(&batch)
        })
    })?;
    for (mut entry, file) in outputs.into_values() {
        entry.bytes = file.finish()?;
        run.shared.options.faults.pass("rewrite-rows-written")?;
        run.end(entry);
    }
    Ok(())
}

/// The rows whose series or time is not meant.
fn without_deleted(batch: &RecordBatch, table: &TableDef, deletion: &Deletion) -> Result<RecordBatch, Error> {
    let meant = deletion.rows(times_of(batch));
    let keep: BooleanArray =
        (0..batch.num_rows()).map(|row| Some(!meant.contains(&row) || !deletion.matches(&series_of_row(batch, row)))).collect();
    filter_record_batch(batch, &keep).map_err(Error::columns(table.name))
}

/// Counts ascending rows into an entry.
pub(super) fn note_rows(entry: &mut BlockEntry, times: &[i64]) {
    let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return };
    entry.rows += times.len() as u64;
    entry.min_ts = entry.min_ts.min(first);
    entry.max_ts = entry.max_ts.max(last);
}
