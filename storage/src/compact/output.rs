//! Blocks that are being written and that no manifest names yet.

use std::path::PathBuf;

use crate::dir::atomic;
use crate::dir::manifest::BlockEntry;

/// The blocks that a rewrite makes.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    /// Finished blocks.
    pub(crate) blocks: Vec<(BlockEntry, PathBuf)>,
    /// Where blocks were begun, finished or not.
    pub(crate) paths: Vec<PathBuf>,
}

impl Outputs {
    /// Removes what was written, as far as the disk lets it; the next start removes the rest.
    pub(crate) fn discard(&self) {
        for path in &self.paths {
            for path in [atomic::aside(path), path.clone()] {
                if let Err(error) = atomic::remove(&path) {
                    tracing::warn!(%error, "cannot remove a file of a block that is not needed");
                }
            }
        }
    }
}
