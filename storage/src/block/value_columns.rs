//! Which of a samples file's value columns some rows need, by the page index: where all values of the pages are integers of one scale, two
//! of three columns say nothing and are not read (that is 40 % of the time, benches/stored of cepmon-query, 2026-11).

use std::ops::Range;

use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

/// What must be read for the values of some rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ValueColumns {
    pub(super) has_integers: bool,
    /// The scale of all integers, if it is one; else the column must be read.
    pub(super) scale: Option<i8>,
    pub(super) has_floats: bool,
}

/// For files without a page index.
const ALL: ValueColumns = ValueColumns { has_integers: true, scale: None, has_floats: true };

impl ValueColumns {
    /// Of these row ranges, ascending and not overlapping.
    pub(super) fn of(metadata: &ParquetMetaData, ranges: &[Range<usize>]) -> Self {
        let names = metadata.file_metadata().schema_descr().columns().iter().map(|column| column.name().to_owned()).collect::<Vec<_>>();
        let position = |name: &str| names.iter().position(|found| found == name);
        let (Some(integers), Some(scales), Some(floats)) = (position("v_int"), position("scale"), position("v_f64")) else { return ALL };
        let has_values = |column: usize| {
            let pages = pages(metadata, column, ranges)?;
            Some(pages.into_iter().any(|(index, page)| !index.is_null_page(page)))
        };
        let (Some(has_integers), Some(has_floats)) = (has_values(integers), has_values(floats)) else { return ALL };
        Self { has_integers, scale: one_scale(metadata, scales, ranges), has_floats }
    }
}

fn one_scale(metadata: &ParquetMetaData, column: usize, ranges: &[Range<usize>]) -> Option<i8> {
    let mut scale = None;
    for (index, page) in pages(metadata, column, ranges)? {
        if index.is_null_page(page) {
            continue;
        }
        let ColumnIndexMetaData::INT32(index) = index else { return None };
        let (least, most) = (*index.min_value(page)?, *index.max_value(page)?);
        if least != most || scale.is_some_and(|scale| scale != least) {
            return None;
        }
        scale = Some(least);
    }
    i8::try_from(scale?).ok()
}

/// The pages of a column that hold some rows; `None` if the file does not say.
fn pages<'a>(metadata: &'a ParquetMetaData, column: usize, ranges: &[Range<usize>]) -> Option<Vec<(&'a ColumnIndexMetaData, usize)>> {
    let (indexes, offsets) = (metadata.column_index()?, metadata.offset_index()?);
    let mut pages = Vec::new();
    let mut group_start = 0;
    for (number, group) in metadata.row_groups().iter().enumerate() {
        let group_end = group_start + usize::try_from(group.num_rows()).ok()?;
        let index = indexes.get(number)?.get(column)?;
        if matches!(index, ColumnIndexMetaData::NONE) {
            return None;
        }
        let locations = offsets.get(number)?.get(column)?.page_locations();
        let starts = locations.iter().map(|location| usize::try_from(location.first_row_index).ok().map(|row| group_start + row));
        let starts = starts.collect::<Option<Vec<usize>>>()?;
        for (page, start) in starts.iter().enumerate() {
            let end = starts.get(page + 1).copied().unwrap_or(group_end);
            let next = ranges.partition_point(|range| range.end <= *start);
            if ranges.get(next).is_some_and(|range| range.start < end) {
                pages.push((index, page));
            }
        }
        group_start = group_end;
    }
    Some(pages)
}
