//! Where everything lies below the data directory. This is the only place that knows the names.

use std::path::{Path, PathBuf};

use super::manifest::{BlockEntry, BlockKind};

/// The names below one data directory, for one tenant.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
    tenant: String,
}

impl Layout {
    pub(crate) fn new(root: &Path, tenant: &str) -> Self {
        Self { root: root.to_owned(), tenant: tenant.to_owned() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("LOCK")
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.root.join("MANIFEST")
    }

    pub(crate) fn wal(&self) -> PathBuf {
        self.root.join("wal")
    }

    /// Where snapshots are made.
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// Where a damaged block is kept that lay at a path.
    pub(crate) fn damaged(&self, path: &Path) -> PathBuf {
        self.root.join("damaged").join(path.strip_prefix(&self.root).unwrap_or(path))
    }

    /// The folders that hold blocks, which cleaning looks through.
    pub(crate) fn block_folders(&self) -> Vec<PathBuf> {
        let tenant = self.root.join(&self.tenant);
        let mut folders = vec![tenant.join("metrics"), tenant.join("logs")];
        folders.extend(crate::TABLES.iter().map(|table| tenant.join("tables").join(table.name)));
        folders
    }

    /// The folder or file of a block. Metrics blocks are folders with two files, others are one file.
    pub(crate) fn block(&self, entry: &BlockEntry) -> PathBuf {
        let tenant = self.root.join(&self.tenant);
        match &entry.kind {
            BlockKind::Metrics => tenant.join("metrics").join(&entry.name),
            BlockKind::Logs => tenant.join("logs").join(format!("{}.parquet", entry.name)),
            BlockKind::Table(table) => tenant.join("tables").join(table).join(format!("{}.parquet", entry.name)),
        }
    }
}

/// The samples of a metrics block.
pub(crate) fn samples_file(block: &Path) -> PathBuf {
    block.join("samples.parquet")
}

/// The series of a metrics block.
pub(crate) fn series_file(block: &Path) -> PathBuf {
    block.join("series.parquet")
}
