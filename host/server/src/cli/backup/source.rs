//! Where a backup comes from: a snapshot that a running server makes, or one of a directory that nobody uses.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use cepmon_model::Clock;
use cepmon_storage::{Storage, StorageOptions};
use serde::Deserialize;

use super::shelf::write_whole;
use crate::cli::http_client;
use crate::clock::SystemClock;

/// A snapshot on this machine.
#[derive(Debug, Deserialize)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) plugins_dir: Option<PathBuf>,
    #[serde(skip)]
    pub(super) problems: Vec<String>,
}

/// Asks a server for a snapshot.
pub(super) fn of_server(url: &str) -> anyhow::Result<Source> {
    #[derive(Deserialize)]
    struct Answer {
        data: Source,
        #[serde(default)]
        warnings: Vec<String>,
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let answer = runtime.block_on(http_client::post_json(url, "/api/v1/admin/tsdb/snapshot", "application/json", "{}".to_owned()))?;
    if !answer.status.is_success() {
        bail!("cannot get a snapshot of \"{url}\": {}", http_client::problem(&answer));
    }
    let Answer { data, warnings } = serde_json::from_slice(&answer.body)
        .map_err(|error| anyhow!("cannot understand the answer of \"{url}\" ({error}); is this a cepmon server of this version?"))?;
    if !data.path.is_dir() {
        bail!(
            "cannot see \"{}\", the snapshot of \"{url}\"; run the backup on the server's machine as the server's user",
            data.path.display()
        );
    }
    Ok(Source { problems: warnings, ..data })
}

/// Makes a snapshot of a directory.
pub(super) fn of_directory(data_dir: &Path) -> anyhow::Result<Source> {
    // Opening would make the directory.
    if !data_dir.is_dir() {
        bail!("cannot open data directory \"{}\": there is no such folder", data_dir.display());
    }
    let (storage, report) = Storage::open(StorageOptions::new(data_dir)).map_err(|error| match error {
        cepmon_storage::Error::Locked { .. } => anyhow!("{error}, or let the server that runs there make the snapshot: --url"),
        error => error.into(),
    })?;
    let snapshot = storage.save_snapshot(SystemClock.now())?;
    let problems = report.problems.into_iter().chain(snapshot.problems).collect();
    Ok(Source { path: snapshot.path, plugins_dir: None, problems })
}

/// Writes down which snapshot is worked on, so that the next backup removes it if this one is killed.
pub(super) fn note(path: &Path, source: &Source) -> anyhow::Result<()> {
    let absolute = fs::canonicalize(&source.path).with_context(|| format!("cannot find \"{}\"", source.path.display()))?;
    let text = absolute.to_str().with_context(|| format!("cannot note \"{}\": it is not UTF-8", absolute.display()))?;
    write_whole(path, text.as_bytes())
}

/// Removes the snapshot that was noted, and the note.
pub(super) fn remove_noted(note: &Path) -> anyhow::Result<()> {
    let text = match fs::read_to_string(note) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read \"{}\"", note.display())),
    };
    let snapshot = Path::new(text.trim());
    // A note that was tampered with must not lead elsewhere.
    let name = snapshot.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let has_name = name.len() == 33 && name.as_bytes()[8] == b'T' && name.as_bytes()[16] == b'-';
    let is_in_place = snapshot.is_absolute() && snapshot.parent().and_then(Path::file_name).is_some_and(|folder| folder == "snapshots");
    if !has_name || !is_in_place {
        bail!("cannot remove \"{}\", which \"{}\" names: it is no snapshot; remove the note", snapshot.display(), note.display());
    }
    match fs::remove_dir_all(snapshot) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let way_out = "remove it by hand, it keeps old blocks on the disk";
            return Err(error).with_context(|| format!("cannot remove snapshot \"{}\"; {way_out}", snapshot.display()));
        }
        _ => {}
    }
    fs::remove_file(note).with_context(|| format!("cannot remove \"{}\"", note.display()))
}
