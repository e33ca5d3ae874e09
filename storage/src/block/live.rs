//! A live block: its entry in the manifest and its place. Readers hold it by `Arc`; when it has left the manifest, its files go with the
//! last reader.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::dir::atomic;
use crate::dir::layout::{samples_file, series_file};
use crate::dir::manifest::{BlockEntry, BlockKind};

/// A block that the manifest names, or named when its readers began.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) entry: BlockEntry,
    path: PathBuf,
    is_obsolete: AtomicBool,
}

impl Block {
    pub(crate) fn new(entry: BlockEntry, path: PathBuf) -> Self {
        Self { entry, path, is_obsolete: AtomicBool::new(false) }
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
