//! Which of a samples file's value columns some rows need, by the page index: where all values of the pages are integers of one scale, two
//! of three columns say nothing and are not read (that is 40 % of the time, benches/stored of cepmon-query, 2026-11).

use std::ops::Range;

use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::pages::{Page, pages};

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
            let pages = pages_with(metadata, column, ranges)?;
            Some(pages.iter().any(|page| !page.index.is_null_page(page.number)))
        };
        let (Some(has_integers), Some(has_floats)) = (has_values(integers), has_values(floats)) else { return ALL };
        Self { has_integers, scale: one_scale(metadata, scales, ranges), has_floats }
    }
}

fn one_scale(metadata: &ParquetMetaData, column: usize, ranges: &[Range<usize>]) -> Option<i8> {
    let mut scale = None;
    for Page { index, number, .. } in pages_with(metadata, column, ranges)? {
        if index.is_null_page(number) {
            continue;
        }
        let ColumnIndexMetaData::INT32(index) = index else { return None };
        let (least, most) = (*index.min_value(number)?, *index.max_value(number)?);
        if least != most || scale.is_some_and(|scale| scale != least) {
            return None;
        }
        scale = Some(least);
    }
    i8::try_from(scale?).ok()
}

/// The pages of a column that hold some of these rows; `None` if the file does not say.
fn pages_with<'a>(metadata: &'a ParquetMetaData, column: usize, ranges: &[Range<usize>]) -> Option<Vec<Page<'a>>> {
    let mut pages = pages(metadata, column)?;
    pages.retain(|page| {
        let next = ranges.partition_point(|range| range.end <= page.rows.start);
        ranges.get(next).is_some_and(|range| range.start < page.rows.end)
    });
    Some(pages)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use cepmon_model::SeriesId;
    use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
    use parquet::file::metadata::PageIndexPolicy;

    use super::*;
    use crate::block::file::PAGE_ROWS;
    use crate::block::samples::SamplesWriter;

    #[test]
    fn only_columns_that_say_something_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("samples.parquet");
        let mut writer = SamplesWriter::create(path.clone(), &[]).unwrap();
        let timestamps: Vec<i64> = (0..PAGE_ROWS as i64).collect();
        // One page each: whole numbers, eighths, numbers that are no decimal ones, nothing but stale marks.
        let of_row: [fn(i64) -> f64; 4] =
            [|row| row as f64, |row| row as f64 / 8.0, |row| (row as f64).sqrt(), |_| cepmon_model::stale_nan()];
        for (number, value) in of_row.iter().enumerate() {
            let values: Vec<f64> = timestamps.iter().map(|row| value(*row)).collect();
            writer.push(SeriesId(number as u64), &timestamps, &values).unwrap();
        }
        writer.finish().unwrap();
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let footer = ArrowReaderMetadata::load(&File::open(path).unwrap(), options).unwrap();
        let of = |pages: &[usize]| {
            let ranges: Vec<Range<usize>> = pages.iter().map(|page| page * PAGE_ROWS + 5..(page + 1) * PAGE_ROWS - 5).collect();
            ValueColumns::of(footer.metadata(), &ranges)
        };
        let columns = |has_integers: bool, scale: Option<i8>, has_floats: bool| ValueColumns { has_integers, scale, has_floats };
        assert_eq!(of(&[0]), columns(true, Some(0), false));
        assert_eq!(of(&[1]), columns(true, Some(3), false));
        assert_eq!(of(&[0, 1]), columns(true, None, false));
        assert_eq!(of(&[2]), columns(false, None, true));
        assert_eq!(of(&[0, 2, 3]), columns(true, Some(0), true));
        assert_eq!(of(&[3]), columns(false, None, false));
    }
}
