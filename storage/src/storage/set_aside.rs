//! Doing without a damaged block: the manifest forgets it, its files are kept for whoever may mend them.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::PoisonError;

use super::{SetAside, Storage};
use crate::Error;
use crate::block::checksum::checksum_file;
use crate::dir::atomic;

impl Storage {
    /// Takes a block that was found damaged out of service: from now on answers are given without its rows. Its files go to `damaged`
    /// below the data directory. When it returns, that survives a power cut.
    ///
    /// # Errors
    /// [`Error::Refused`] for a block that there is not or that was not found damaged.
    pub fn set_aside(&self, name: &str) -> Result<SetAside, Error> {
        let shared = &self.shared;
        let refuse = |problem: &str| Error::Refused { target: format!("block {name}"), problem: problem.to_owned() };
        let _one_at_a_time = shared.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut manifest, block) = {
            let state = shared.read();
            let block = state.blocks.iter().find(|block| block.entry.name == name).cloned();
            (state.manifest.clone(), block.ok_or_else(|| refuse("there is no such block; the log and the error name damaged ones"))?)
        };
        if !block.is_damaged() && block.files().all(|file| file.open().and_then(|file| file.verify_all()).is_ok()) {
            return Err(refuse("it is not damaged"));
        }
        // Files first: what the manifest does not name is removed at the next start. Should that come between, they count as lost.
        let path = shared.layout.block(&block.entry);
        let place = shared.layout.damaged(&path);
        if let Some(folder) = place.parent() {
            atomic::create_folders(folder)?;
        }
        let moves: [(PathBuf, PathBuf); 2] = [(path.clone(), place.clone()), (checksum_file(&path), checksum_file(&place))];
        for (from, to) in &moves {
            match fs::rename(from, to) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("move", from)(error)),
                _ => {}
            }
        }
        atomic::sync_folder_of(&place)?;
        manifest.blocks.retain(|entry| entry.name != name);
        manifest.store(&shared.layout, &shared.options.faults)?;
        let mut state = shared.write();
        state.manifest.blocks = manifest.blocks;
        state.blocks.retain(|block| block.entry.name != name);
        tracing::warn!(block = name, rows = block.entry.rows, place = %place.display(), "a damaged block was set aside");
        Ok(SetAside { rows: block.entry.rows, place })
    }
}
