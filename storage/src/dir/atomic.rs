//! Files that appear whole or not at all: written aside, forced to the disk, renamed, and the folder forced too.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::Error;

/// What the name of a file that is not finished ends with; opening the data directory removes such files.
pub(crate) const ASIDE_SUFFIX: &str = ".tmp";

/// The name under which a file is written before it is finished.
pub(crate) fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ASIDE_SUFFIX);
    PathBuf::from(name)
}

/// A new, empty file; an old one of that name is overwritten.
pub(crate) fn create(path: &Path) -> Result<File, Error> {
    OpenOptions::new().write(true).create(true).truncate(true).open(path).map_err(Error::io("create", path))
}

/// Puts bytes in a file aside and forces them to the disk; [`commit`] makes them the file.
pub(crate) fn write_aside(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let aside = aside(path);
    let mut file = create(&aside)?;
    file.write_all(bytes).map_err(Error::io("write", &aside))?;
    file.sync_all().map_err(Error::io("sync", &aside))
}

/// Gives a file (or folder) that was written aside its name. The step is durable when this returns.
pub(crate) fn commit(path: &Path) -> Result<(), Error> {
    fs::rename(aside(path), path).map_err(Error::io("rename", path))?;
    sync_folder_of(path)
}

/// Forces the names in a file's folder to the disk.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    sync_folder(folder)
}

/// Forces the names in a folder to the disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(Error::io("sync", folder))
}

/// Removes a file or folder; one that is gone already is fine.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if !gone(&error) => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes a folder and the folders above it.
pub(crate) fn create_folders(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::io("create folder", path))
}

/// The entries of a folder, none if there is no such folder.
pub(crate) fn list(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", path)(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(Error::io("list", path))?.path());
    }
    paths.sort();
    Ok(paths)
}
