//! Pages of a Parquet column with the rows that they hold, and lists of rows to read. It decodes nothing.

use std::ops::Range;

use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

/// A page of a column.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// What is known of the pages of its row group.
    pub(super) index: &'a ColumnIndexMetaData,
    /// Its number there.
    pub(super) number: usize,
    /// Its rows within the file.
    pub(super) rows: Range<usize>,
}

/// The pages of a column, ascending; `None` if the file does not say.
pub(super) fn pages(metadata: &ParquetMetaData, column: usize) -> Option<Vec<Page<'_>>> {
    let (indexes, offsets) = (metadata.column_index()?, metadata.offset_index()?);
    let mut pages = Vec::new();
    let mut group_start = 0;
    for (group_number, group) in metadata.row_groups().iter().enumerate() {
        let group_end = group_start + usize::try_from(group.num_rows()).ok()?;
        let index = indexes.get(group_number)?.get(column)?;
        if matches!(index, ColumnIndexMetaData::NONE) {
            return None;
        }
        let locations = offsets.get(group_number)?.get(column)?.page_locations();
        let starts = locations.iter().map(|location| usize::try_from(location.first_row_index).ok().map(|row| group_start + row));
        let starts = starts.collect::<Option<Vec<usize>>>()?;
        for (number, &start) in starts.iter().enumerate() {
            let end = starts.get(number + 1).copied().unwrap_or(group_end);
            pages.push(Page { index, number, rows: start..end });
        }
        group_start = group_end;
    }
    Some(pages)
}

/// Adds rows behind all that are listed; neighbours become one range.
pub(crate) fn add_rows(ranges: &mut Vec<Range<usize>>, rows: Range<usize>) {
    match ranges.last_mut() {
        Some(last) if last.end == rows.start => last.end = rows.end,
        _ => ranges.push(rows),
    }
}
