//! Fixtures of a plugin: recordings in its folder `fixtures`, each a test. What is compared is the output, the host calls and the cost.

use std::path::{Path, PathBuf};

use cepmon_plugin::{Error, Recording, Trial, Tried};

use super::{Failure, block_on};

/// A fixture's file.
#[derive(Debug)]
pub(super) struct Fixture {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) recording: Recording,
}

/// All of a folder, sorted by name; none when the folder is not there.
pub(super) fn read_all(folder: &Path) -> Result<Vec<Fixture>, Error> {
    let fail = |source| Error::File { action: "list", path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(fail)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.into_iter().map(|path| read(&path)).collect()
}

/// One of them.
pub(super) fn read(path: &Path) -> Result<Fixture, Error> {
    let recording = Recording::read(path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Fixture { name, path: path.to_owned(), recording })
}

impl Fixture {
    /// Replays it. A recording without its host calls cannot be.
    pub(super) fn replay(&self, trial: &Trial) -> Result<Tried, Failure> {
        if let Some(why) = &self.recording.incomplete {
            let problem = format!("it cannot be replayed: {why}");
            return Err(Error::Recording { path: self.path.clone(), problem }.into());
        }
        Ok(block_on(trial.replay(&self.recording))??)
    }
}
