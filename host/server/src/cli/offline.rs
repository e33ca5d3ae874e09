//! Opens a data directory for a command that reads it while no server runs. It makes no directory.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use cepmon_storage::{Storage, StorageOptions};

/// The storage; what was found damaged is told on standard error.
pub(super) fn open_data_dir(data_dir: &Path) -> anyhow::Result<Arc<Storage>> {
    // Opening would make the directory.
    let metadata = std::fs::metadata(data_dir).with_context(|| format!("cannot open data directory \"{}\"", data_dir.display()))?;
    if !metadata.is_dir() {
        return Err(anyhow!("cannot open data directory \"{}\": it is a file", data_dir.display()));
    }
    let (storage, report) = Storage::open(StorageOptions::new(data_dir)).map_err(|error| match error {
        cepmon_storage::Error::Locked { .. } => anyhow!("{error}, or ask the server that runs there with --url"),
        error => error.into(),
    })?;
    for problem in &report.problems {
        writeln!(io::stderr(), "cepmon: warning: {problem}").ok();
    }
    Ok(Arc::new(storage))
}
