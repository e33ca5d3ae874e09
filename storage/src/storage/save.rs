//! Snapshots: a second data directory within this one, of one moment, made of hard links while everything goes on. What copies it
//! elsewhere, and what a backup holds beside it, is not known here.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use cepmon_model::TimestampMs;

use super::{SavedSnapshot, Shared, Storage};
use crate::block::Block;
use crate::block::checksum::checksum_file;
use crate::dir::atomic;
use crate::dir::fault::Faults;
use crate::dir::layout::Layout;
use crate::dir::manifest::Manifest;
use crate::wal::writer::{list_segments, segment_path};
use crate::{Error, utc::utc};

/// What the moment consists of.
struct Moment {
    manifest: Manifest,
    /// Held, so that their files stay.
    blocks: Vec<Arc<Block>>,
    /// Log segments with the bytes that they had.
    segments: Vec<(u32, u64)>,
}

impl Storage {
    /// Makes a snapshot below the data directory: blocks, and the log with samples, lines, rows and keys that are in no block, all of one
    /// moment after the call began. It is a data directory of its own and survives a power cut when this returns; whoever asked for
    /// it removes it. `now` goes into its name.
    ///
    /// # Errors
    /// [`Error::Io`]; then nothing is left of it. A block whose files are gone is no error, but named in the answer.
    pub fn save_snapshot(&self, now: TimestampMs) -> Result<SavedSnapshot, Error> {
        // Less log to copy. The snapshot is whole without it too.
        if let Err(error) = self.flush() {
            tracing::warn!(%error, "cannot flush before a snapshot; it gets the log instead");
        }
        let shared = &self.shared;
        let name = format!("{}-{:016x}", utc(now).replace(['-', ':'], ""), RandomState::new().hash_one(now) >> 1);
        let path = shared.layout.snapshots().join(&name);
        let aside = atomic::aside(&path);
        atomic::create_folders(&aside)?;
        let saved = shared.save(&Layout::new(&aside, &shared.options.tenant)).and_then(|problems| {
            atomic::commit(&path)?;
            Ok(SavedSnapshot { name, path: path.clone(), problems })
        });
        if saved.is_err() {
            atomic::remove(&aside)?;
        }
        saved
    }
}

impl Shared {
    fn save(&self, target: &Layout) -> Result<Vec<String>, Error> {
        // No flush, compaction or deletion may cut the log or change the manifest until all is linked.
        let _one_at_a_time = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let moment = self.moment()?;
        atomic::create_folders(&target.wal())?;
        for folder in target.block_folders() {
            atomic::create_folders(&folder)?;
        }
        let mut problems = Vec::new();
        for block in &moment.blocks {
            self.save_block(block, target, &mut problems)?;
        }
        for &(segment, bytes) in &moment.segments {
            copy_start(&segment_path(&self.layout.wal(), segment), &segment_path(&target.wal(), segment), bytes)?;
        }
        for folder in target.block_folders().into_iter().chain([target.wal()]) {
            atomic::sync_folder(&folder)?;
        }
        moment.manifest.store(target, &Faults::none())?;
        Ok(problems)
    }

    /// Appends wait meanwhile: the log's lengths and the manifest fit together.
    fn moment(&self) -> Result<Moment, Error> {
        let state = self.write();
        let mut segments = list_segments(&self.layout.wal())?;
        segments.retain(|&(segment, _)| segment >= state.manifest.wal_from);
        Ok(Moment { manifest: state.manifest.clone(), blocks: state.blocks.clone(), segments })
    }

    fn save_block(&self, block: &Block, target: &Layout, problems: &mut Vec<String>) -> Result<(), Error> {
        let (from, to) = (self.layout.block(&block.entry), target.block(&block.entry));
        for file in block.files() {
            let place = match file.strip_prefix(&from) {
                Ok(rest) if !rest.as_os_str().is_empty() => to.join(rest),
                _ => to.clone(),
            };
            if let Some(folder) = place.parent() {
                atomic::create_folders(folder)?;
            }
            if !link(file, &place)? {
                problems.push(file.damaged("it is not there").to_string());
            }
            // A file from before checksums has none.
            link(&checksum_file(file), &checksum_file(&place))?;
            atomic::sync_folder_of(&place)?;
        }
        Ok(())
    }
}

/// Gives a file a second name, or copies it where that cannot be; `false` if there is no such file.
fn link(from: &Path, to: &Path) -> Result<bool, Error> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        // Some file systems have no hard links.
        Err(_) => {
            fs::copy(from, to).map_err(Error::io("copy", from))?;
            File::open(to).and_then(|file| file.sync_all()).map_err(Error::io("sync", to))?;
            Ok(true)
        }
    }
}

/// Copies so many bytes from the start of a file that may be growing, onto the disk.
fn copy_start(from: &Path, to: &Path, bytes: u64) -> Result<(), Error> {
    let mut source = File::open(from).map_err(Error::io("open", from))?.take(bytes);
    let mut file = atomic::create(to)?;
    std::io::copy(&mut source, &mut file).map_err(Error::io("copy to", to))?;
    file.sync_all().map_err(Error::io("sync", to))
}

/// Removes snapshots that were not finished.
pub(super) fn remove_unfinished(layout: &Layout) -> Result<u64, Error> {
    let mut removed = 0;
    let is_aside = |path: &PathBuf| path.to_string_lossy().ends_with(atomic::ASIDE_SUFFIX);
    for path in atomic::list(&layout.snapshots())?.into_iter().filter(is_aside) {
        atomic::remove(&path)?;
        removed += 1;
    }
    Ok(removed)
}
