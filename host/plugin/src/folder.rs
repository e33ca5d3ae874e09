//! A plugins folder on disk and how it changes. Only here are files of plugins written, moved or removed; what the change is, and
//! whether the operator wants it, is decided by others.
//!
//! A plugin is two facts, `NAME.wasm` and its entry in `plugins.lock`, and two files cannot be replaced in one step. So the lock alone
//! decides: **a plugin's file is `.staging/DIGEST.wasm` for the digest that the lock names, if that is there, else `NAME.wasm`.** A
//! change puts files into `.staging/` first, then renames the lock into its place (this commits), then moves the files to where people
//! look for them. Readers keep to the same rule, so a change that was killed at any point is wholly there or not at all; the next
//! change finishes or clears what was left. The digest before the present one is kept in `.store/`, for a rollback.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::Error;
use crate::limits::Limits;
use crate::lock::{LockEntry, LockFile, OPERATOR_HEADER, OPERATOR_LOCK, wasm_files, write_aside, write_aside_past};
use crate::package::{Digest, read_plugin_file};

pub(crate) mod fault;

/// Files of a change that is under way.
const STAGING: &str = ".staging";
/// Files that a rollback would bring back.
const STORE: &str = ".store";

/// A plugin's file: where it belongs, and where its bytes are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PluginFile {
    /// `NAME.wasm`.
    pub(crate) path: PathBuf,
    /// The same, or a staged file.
    pub(crate) content: PathBuf,
}

impl PluginFile {
    /// The file's name without `.wasm`.
    pub(crate) fn stem(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The plugins of a folder, sorted by name; a missing folder is an empty one. `lock` is the folder's `plugins.lock`.
pub(crate) fn plugin_files(folder: &Path, lock: &LockFile) -> Result<Vec<PluginFile>, Error> {
    let plain = |path: PathBuf| PluginFile { content: path.clone(), path };
    let mut files: Vec<PluginFile> = wasm_files(folder)?.into_iter().map(plain).collect();
    for entry in &lock.plugins {
        let staged = folder.join(STAGING).join(content_name(&entry.digest));
        if !staged.is_file() {
            continue;
        }
        let path = folder.join(format!("{}.wasm", entry.name));
        files.retain(|file| file.path != path);
        files.push(PluginFile { path, content: staged });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Held by readers, so that they never see one half of a change that is being committed. `None` where there is no folder.
pub(crate) fn hold_shared(folder: &Path) -> Result<Option<File>, Error> {
    let file = match File::open(folder) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file("open plugins folder", folder)(error)),
    };
    match flock(&file, FlockOperation::LockShared) {
        // A file system without locks: reading is not worth less than it was.
        Ok(()) | Err(Errno::NOTSUP | Errno::NOLCK | Errno::NOSYS) => Ok(Some(file)),
        Err(errno) => Err(Error::file("lock plugins folder", folder)(errno.into())),
    }
}

/// The file that a rollback would bring back, if it is there and undamaged.
pub(crate) fn stored(folder: &Path, digest: &str) -> Result<Arc<[u8]>, Error> {
    let path = folder.join(STORE).join(content_name(digest));
    let bytes = read_plugin_file(&path, Limits::default().wasm_bytes)?;
    if Digest::of(&bytes).to_string() == digest {
        return Ok(bytes);
    }
    Err(Error::NotAPlugin { path, problem: "it is damaged; install the version that you want".to_owned() })
}

/// A change that is being put together; nothing is on disk yet.
#[derive(Debug)]
pub(crate) struct Draft {
    folder: PathBuf,
    /// The lock as it will be.
    pub(crate) lock: LockFile,
    files: Vec<(Digest, Arc<[u8]>)>,
    /// Names and digests of files that are replaced and kept.
    kept: Vec<(String, String)>,
    removed: Vec<String>,
}

impl Draft {
    /// Puts a plugin's file and entry in the place of those of the same name. What was there becomes the entry's `previous`, if the
    /// file still is the one of the lock.
    pub(crate) fn put(&mut self, mut entry: LockEntry, digest: Digest, bytes: Arc<[u8]>) {
        if let Some(old) = self.lock.take(&entry.name) {
            entry.previous = if old.digest == entry.digest {
                old.previous
            } else {
                self.is_intact(&old).then(|| {
                    self.kept.push((old.name.clone(), old.digest.clone()));
                    Box::new(LockEntry { previous: None, ..old })
                })
            };
        }
        self.files.push((digest, bytes));
        self.lock.put(entry);
    }

    /// Removes a plugin's file and entry; false if there is neither.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let had_entry = self.lock.take(name).is_some();
        let has_file = self.folder.join(format!("{name}.wasm")).is_file();
        if has_file {
            self.removed.push(name.to_owned());
        }
        had_entry || has_file
    }

    fn is_intact(&self, entry: &LockEntry) -> bool {
        let path = self.folder.join(format!("{}.wasm", entry.name));
        read_plugin_file(&path, Limits::default().wasm_bytes).is_ok_and(|bytes| Digest::of(&bytes).to_string() == entry.digest)
    }
}

/// Changes a folder while nobody else does. When this returns, the change is on disk; killed before, it is there as a whole or not
/// at all.
pub(crate) fn change<T>(folder: &Path, draw: impl FnOnce(&mut Draft) -> Result<T, Error>) -> Result<T, Error> {
    std::fs::create_dir_all(folder).map_err(Error::file("create plugins folder", folder))?;
    let held = File::open(folder).map_err(Error::file("open plugins folder", folder))?;
    flock(&held, FlockOperation::LockExclusive).map_err(|errno| Error::file("lock plugins folder", folder)(errno.into()))?;
    let before = LockFile::read(&folder.join(OPERATOR_LOCK))?;
    recover(folder, &before)?;
    let mut draft = Draft { folder: folder.to_owned(), lock: before.clone(), files: Vec::new(), kept: Vec::new(), removed: Vec::new() };
    let result = draw(&mut draft)?;
    commit(&draft, &before)?;
    Ok(result)
}

fn commit(draft: &Draft, before: &LockFile) -> Result<(), Error> {
    let folder = &draft.folder;
    let staged = |digest: &str| folder.join(STAGING).join(content_name(digest));
    let own = |name: &str| folder.join(format!("{name}.wasm"));
    for (digest, bytes) in &draft.files {
        write_aside_past(&staged(&digest.to_string()), bytes, "plugin-staging")?;
        fault::pass("plugin-staged");
    }
    for (name, digest) in &draft.kept {
        keep(&own(name), &folder.join(STORE).join(content_name(digest)))?;
        fault::pass("plugin-kept");
    }
    for name in &draft.removed {
        // Still there for whoever reads by the lock, until the lock says otherwise.
        if let Some(entry) = before.find(name).filter(|entry| draft.is_intact(entry)) {
            make_folder(&folder.join(STAGING))?;
            rename(&own(name), &staged(&entry.digest))?;
            fault::pass("plugin-set-aside");
        }
    }
    if draft.lock != *before {
        draft.lock.write(&folder.join(OPERATOR_LOCK), OPERATOR_HEADER)?;
    }
    fault::pass("plugin-committed");
    for name in &draft.removed {
        remove_if_there(&own(name))?;
    }
    recover(folder, &draft.lock)?;
    prune_store(folder, &draft.lock)
}

/// Finishes what a lock has committed, and clears what it has not.
fn recover(folder: &Path, lock: &LockFile) -> Result<(), Error> {
    let staging = folder.join(STAGING);
    for entry in &lock.plugins {
        let staged = staging.join(content_name(&entry.digest));
        if staged.is_file() {
            rename(&staged, &folder.join(format!("{}.wasm", entry.name)))?;
            fault::pass("plugin-in-place");
        }
    }
    sync_folder(folder)?;
    if let Err(error) = std::fs::remove_dir_all(&staging)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(Error::file("clear", &staging)(error));
    }
    let read = Error::file("read plugins folder", folder);
    let leftovers =
        std::fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>());
    for name in leftovers.map_err(read)? {
        if is_half_written(&name.to_string_lossy()) {
            remove_if_there(&folder.join(&name))?;
        }
    }
    Ok(())
}

/// Whether a file's name is one that [`write_aside`] gives until the file is complete: `.plugins.lock.4711.new`.
fn is_half_written(name: &str) -> bool {
    let process = name.strip_prefix('.').and_then(|name| name.strip_suffix(".new")).and_then(|name| name.rsplit_once('.'));
    process.is_some_and(|(_, id)| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Keeps in the store only what a rollback could bring back.
fn prune_store(folder: &Path, lock: &LockFile) -> Result<(), Error> {
    let store = folder.join(STORE);
    let wanted: Vec<String> = lock.plugins.iter().filter_map(|entry| Some(content_name(&entry.previous.as_ref()?.digest))).collect();
    let entries = match std::fs::read_dir(&store) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::file("read", &store)(error)),
    };
    for entry in entries {
        let name = entry.map_err(Error::file("read", &store))?.file_name();
        if !wanted.iter().any(|wanted| name.to_str() == Some(wanted)) {
            remove_if_there(&store.join(name))?;
        }
    }
    Ok(())
}

/// A second name for a file; a copy on file systems that have no such thing. What is kept already stays.
fn keep(path: &Path, kept: &Path) -> Result<(), Error> {
    if kept.is_file() {
        return Ok(());
    }
    if let Some(folder) = kept.parent() {
        make_folder(folder)?;
    }
    if std::fs::hard_link(path, kept).is_ok() {
        return Ok(());
    }
    let bytes = std::fs::read(path).map_err(Error::file("read plugin file", path))?;
    write_aside(kept, &bytes)
}

fn make_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(Error::file("create folder", path))
}

fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    std::fs::rename(from, to).map_err(Error::file("put into its place", to))
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(Error::file("write", folder))
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// `sha256:abc…` lies in `abc….wasm`.
fn content_name(digest: &str) -> String {
    format!("{}.wasm", digest.trim_start_matches("sha256:"))
}

#[cfg(test)]
mod tests;
