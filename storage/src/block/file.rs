//! Parquet files as cepmon writes them: zstd, statistics and page index, the format in the footer, on disk before they count.

use std::path::PathBuf;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{KeyValue, PageIndexPolicy};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};

use super::block_file::BlockFile;
use super::checksum::Summing;
use crate::Error;
use crate::dir::atomic;

/// The footer key that says which version of the layout a file has, and its value.
pub(crate) const FORMAT_KEY: &str = "cepmon.format";
pub(crate) const FORMAT_VALUE: &str = "1";

/// Rows per page: large pages compress best (1.44 against 1.85 bytes per sample with 5,760 rows, measured 2026-11).
pub(crate) const PAGE_ROWS: usize = 128 * 1024;
/// Rows per row group: eight full pages a column, so that writing needs a few megabytes.
const GROUP_ROWS: usize = 1 << 20;
/// Bytes of encoded rows after which a row group ends even with fewer: log lines can be long.
const GROUP_BYTES: usize = 16 << 20;

/// What every file has in common.
pub(crate) fn properties(zstd_level: i32) -> WriterPropertiesBuilder {
    let level = ZstdLevel::try_new(zstd_level).expect("BUG: a zstd level that does not exist");
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_created_by(format!("cepmon {}", env!("CARGO_PKG_VERSION")))
}

/// A Parquet file that is being written, at a place where nobody looks for it yet.
pub(crate) struct ParquetFile {
    path: PathBuf,
    writer: ArrowWriter<Summing>,
}

impl ParquetFile {
    /// Begins the file at exactly this path.
    pub(crate) fn create(path: PathBuf, schema: SchemaRef, properties: WriterProperties) -> Result<Self, Error> {
        let file = Summing::new(atomic::create(&path)?);
        let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(Error::parquet("write", &path))?;
        writer.append_key_value_metadata(KeyValue::new(FORMAT_KEY.to_owned(), FORMAT_VALUE.to_owned()));
        Ok(Self { path, writer })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.writer.write(batch).map_err(Error::parquet("write", &self.path))?;
        if self.writer.in_progress_size() > GROUP_BYTES {
            self.writer.flush().map_err(Error::parquet("write", &self.path))?;
        }
        Ok(())
    }

    /// Adds a fact to the footer.
    pub(crate) fn note(&mut self, key: &str, value: String) {
        self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
    }

    /// Finishes the file, writes its checksums beside it and forces both to the disk; gives the size of both.
    pub(crate) fn finish(self) -> Result<u64, Error> {
        let Self { path, writer } = self;
        let (file, checksums) = writer.into_inner().map_err(Error::parquet("write", &path))?.finish();
        file.sync_all().map_err(Error::io("sync", &path))?;
        Ok(checksums.length + checksums.store(&path)?)
    }
}

/// Reads footer and page index.
pub(crate) fn read_footer(file: &BlockFile) -> Result<ArrowReaderMetadata, Error> {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    ArrowReaderMetadata::load(&file.open()?, options).map_err(file.failure())
}

/// A fact of the footer.
pub(crate) fn note_of<'a>(footer: &'a ArrowReaderMetadata, key: &str) -> Option<&'a str> {
    let notes = footer.metadata().file_metadata().key_value_metadata()?;
    notes.iter().find(|note| note.key == key)?.value.as_deref()
}
