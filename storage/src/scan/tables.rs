//! Rows of typed tables over blocks and memory.

use arrow::record_batch::RecordBatch;

use crate::block::table::{NameFilter, between, sort_by_time, table_batches};
use crate::dir::manifest::BlockKind;
use crate::storage::Shared;
use crate::{Error, TableDef};

/// Gives rows between two times, inclusive, to `take`. Sees every append that has returned. Of blocks, rows of metrics that `names` does not
/// want are not decoded.
pub(super) fn scan_table(
    shared: &Shared,
    table: &TableDef,
    range: (i64, i64),
    names: Option<&NameFilter>,
    mut take: impl FnMut(RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    let (blocks, memory) = {
        let state = shared.read();
        let is_wanted = |kind: &BlockKind| matches!(kind, BlockKind::Table(name) if name == table.name);
        let blocks = state.blocks.iter().filter(|block| is_wanted(&block.entry.kind) && block.overlaps(range));
        let mut memory = Vec::new();
        for rows in state.frozen.iter().flat_map(|frozen| &frozen.tables).filter(|rows| rows.table.name == table.name) {
            memory.push(rows.clone());
        }
        for buffer in state.tables.iter().filter(|buffer| buffer.table.name == table.name && buffer.count() > 0) {
            memory.push(buffer.rows()?);
        }
        (blocks.cloned().collect::<Vec<_>>(), memory)
    };
    let mut take_wanted = |batch: &RecordBatch| {
        let batch = between(table.name, batch, range)?;
        if batch.num_rows() > 0 { take(batch) } else { Ok(()) }
    };
    for block in &blocks {
        for batch in table_batches(block.rows_file(), table, names.map(|names| (names, range)))? {
            take_wanted(&batch?)?;
        }
    }
    for rows in memory {
        take_wanted(&sort_by_time(table.name, &rows.concat()?)?)?;
    }
    Ok(())
}
