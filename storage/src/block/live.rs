//! A live block: its entry in the manifest and its place. Readers hold it by `Arc`; when it has left the manifest, its files go with the
//! last reader.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::block_file::BlockFile;
use super::checksum::checksum_file;
use crate::dir::atomic;
use crate::dir::layout::{samples_file, series_file};
use crate::dir::manifest::{BlockEntry, BlockKind};

/// A block that the manifest names, or named when its readers began.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) entry: BlockEntry,
    path: PathBuf,
    rows: BlockFile,
    /// Of a metrics block; any other has its rows alone.
    series: BlockFile,
    is_obsolete: AtomicBool,
}

impl Block {
    pub(crate) fn new(entry: BlockEntry, path: PathBuf) -> Self {
        let file = |path| BlockFile::new(path, entry.clone());
        let (rows, series) = match entry.kind {
            BlockKind::Metrics => (file(samples_file(&path)), file(series_file(&path))),
            BlockKind::Logs | BlockKind::Table(_) => {
                let rows = file(path.clone());
                (rows.clone(), rows)
            }
        };
        Self { entry, path, rows, series, is_obsolete: AtomicBool::new(false) }
    }

    /// Whether a time span (inclusive) touches the block's.
    pub(crate) fn overlaps(&self, (start, end): (i64, i64)) -> bool {
        self.entry.min_ts <= end && self.entry.max_ts >= start
    }

    /// The file with the rows: samples, log entries or table rows.
    pub(crate) fn rows_file(&self) -> &BlockFile {
        &self.rows
    }

    /// The file with the series of a metrics block.
    pub(crate) fn series_file(&self) -> &BlockFile {
        &self.series
    }

    /// Its Parquet files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &BlockFile> {
        let series = (self.entry.kind == BlockKind::Metrics).then_some(&self.series);
        std::iter::once(&self.rows).chain(series)
    }

    /// Whether one of its files was found damaged since the start.
    pub(crate) fn is_damaged(&self) -> bool {
        self.files().any(BlockFile::is_damaged)
    }

    /// Says that the manifest no longer names the block: the files go when nobody reads them any more.
    pub(crate) fn retire(&self) {
        self.is_obsolete.store(true, Ordering::Release);
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.is_obsolete.load(Ordering::Acquire)
            && let Err(error) = atomic::remove(&self.path).and_then(|()| atomic::remove(&checksum_file(&self.path)))
        {
            // The next start removes what the manifest does not name.
            tracing::warn!(block = self.entry.name, %error, "cannot remove a retired block");
        }
    }
}
