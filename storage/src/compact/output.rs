//! Blocks that are being written and that no manifest names yet.

use std::path::PathBuf;

use crate::Error;
use crate::block::checksum::checksum_file;
use crate::dir::atomic;
use crate::dir::fault::Faults;
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
    /// Gives the blocks their names. As late as possible: other programs that read all files of a folder see a sample twice from here on
    /// until the inputs are gone.
    pub(crate) fn name(&self, faults: &Faults) -> Result<(), Error> {
        for (_, path) in &self.blocks {
            atomic::commit(path)?;
            faults.pass("rewrite-block-named")?;
        }
        Ok(())
    }

    /// Removes what was written, as far as the disk lets it; the next start removes the rest.
    pub(crate) fn discard(&self) {
        for path in &self.paths {
            for path in [atomic::aside(path), path.clone(), checksum_file(path)] {
                if let Err(error) = atomic::remove(&path) {
                    tracing::warn!(%error, "cannot remove a file of a block that is not needed");
                }
            }
        }
    }
}
