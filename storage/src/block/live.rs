//! A live block: its entry in the manifest, its place, and what was read of its footers. Readers hold it by `Arc`; when it has left the
//! manifest, its files go with the last reader.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use parquet::arrow::arrow_reader::ArrowReaderMetadata;

use super::file;
use super::logs::LogSummary;
use super::series::MetricSummary;
use crate::Error;
use crate::dir::atomic;
use crate::dir::layout::{samples_file, series_file};
use crate::dir::manifest::{BlockEntry, BlockKind};

/// A block that the manifest names, or named when its readers began.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) entry: BlockEntry,
    path: PathBuf,
    is_obsolete: AtomicBool,
    footer: OnceLock<ArrowReaderMetadata>,
    summary: OnceLock<MetricSummary>,
    log_summary: OnceLock<LogSummary>,
}

impl Block {
    pub(crate) fn new(entry: BlockEntry, path: PathBuf) -> Self {
        Self {
            entry,
            path,
            is_obsolete: AtomicBool::new(false),
            footer: OnceLock::new(),
            summary: OnceLock::new(),
            log_summary: OnceLock::new(),
        }
    }

    /// Whether a time span (inclusive) touches the block's.
    pub(crate) fn overlaps(&self, (start, end): (i64, i64)) -> bool {
        self.entry.min_ts <= end && self.entry.max_ts >= start
    }

    /// The file with the rows: samples, log entries or table rows.
    pub(crate) fn rows_file(&self) -> PathBuf {
        match self.entry.kind {
            BlockKind::Metrics => samples_file(&self.path),
            BlockKind::Logs | BlockKind::Table(_) => self.path.clone(),
        }
    }

    /// The file with the series of a metrics block.
    pub(crate) fn series_file(&self) -> PathBuf {
        series_file(&self.path)
    }

    /// Footer and page index of the rows' file, read once.
    pub(crate) fn footer(&self) -> Result<&ArrowReaderMetadata, Error> {
        if let Some(footer) = self.footer.get() {
            return Ok(footer);
        }
        let footer = file::read_footer(&self.rows_file())?;
        Ok(self.footer.get_or_init(|| footer))
    }

    /// The metrics of a metrics block with their label names, read once.
    pub(crate) fn summary(&self) -> Result<&MetricSummary, Error> {
        if let Some(summary) = self.summary.get() {
            return Ok(summary);
        }
        let summary = MetricSummary::read(&self.series_file())?;
        Ok(self.summary.get_or_init(|| summary))
    }

    /// Streams and promoted fields of a log block, read once.
    pub(crate) fn log_summary(&self) -> Result<&LogSummary, Error> {
        if let Some(summary) = self.log_summary.get() {
            return Ok(summary);
        }
        let summary = LogSummary::of(self.footer()?, &self.path)?;
        Ok(self.log_summary.get_or_init(|| summary))
    }

    /// Says that the manifest no longer names the block: the files go when nobody reads them any more.
    pub(crate) fn retire(&self) {
        self.is_obsolete.store(true, Ordering::Release);
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.is_obsolete.load(Ordering::Acquire)
            && let Err(error) = atomic::remove(self.path())
        {
            // The next start removes what the manifest does not name.
            tracing::warn!(block = self.entry.name, %error, "cannot remove a retired block");
        }
    }
}
