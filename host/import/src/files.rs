//! The files of a data directory, wherever they lie: in a folder or in an archive (tar, tar.gz), at the top or some folders below.
//!
//! An archive is not unpacked: files are read where they lie in it, a compressed one through an unnamed temporary file. So no name in
//! an archive ever becomes a path.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use crate::Error;

/// How deep a data directory may lie below what the user named, its own two levels included.
const MAX_DEPTH: usize = 8;

/// The files below one Prometheus data directory, by their paths relative to it.
#[derive(Debug)]
pub(crate) struct Files {
    files: BTreeMap<String, Place>,
}

#[derive(Debug, Clone)]
enum Place {
    Own(PathBuf),
    Inside { archive: Arc<File>, path: PathBuf, offset: u64, len: u64 },
}

/// One file, readable at any place.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    file: Arc<File>,
    path: PathBuf,
    offset: u64,
    len: u64,
}

impl Files {
    /// Finds the data directory in a folder or an archive. `scratch` is where a compressed archive is unpacked to.
    pub(crate) fn open(path: &Path, scratch: &Path) -> Result<Self, Error> {
        let metadata = fs::metadata(path).map_err(Error::io("open", path))?;
        let mut files = BTreeMap::new();
        if metadata.is_dir() {
            walk(path, "", 0, &mut files)?;
        } else {
            list_archive(path, scratch, &mut files)?;
        }
        let mut roots = roots(files.keys());
        let root = match roots.len() {
            0 => return Err(Error::NoData { path: path.to_owned() }),
            1 => roots.pop_first().unwrap_or_default(),
            _ => {
                let roots: Vec<&str> = roots.iter().map(|root| if root.is_empty() { "." } else { root.trim_end_matches('/') }).collect();
                return Err(Error::SeveralRoots { path: path.to_owned(), roots: roots.join(", ") });
            }
        };
        let files = files.into_iter().filter_map(|(name, place)| Some((name.strip_prefix(&root)?.to_owned(), place))).collect();
        Ok(Self { files })
    }

    /// Names of the files directly in a folder, sorted.
    pub(crate) fn in_folder(&self, folder: &str) -> Vec<&str> {
        let names = self.files.keys().filter_map(|name| name.strip_prefix(folder)?.strip_prefix('/'));
        names.filter(|name| !name.contains('/')).collect()
    }

    /// Names of the folders directly in a folder ("" = the top) that hold files, sorted.
    pub(crate) fn folders(&self, folder: &str) -> BTreeSet<&str> {
        let inside = |name: &'_ str| {
            if folder.is_empty() { Some(0) } else { name.strip_prefix(folder)?.starts_with('/').then_some(folder.len() + 1) }
        };
        self.files.keys().filter_map(|name| Some(name.get(inside(name)?..)?.split_once('/')?.0)).collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Opens a file by its relative path.
    pub(crate) fn blob(&self, name: &str) -> Result<Blob, Error> {
        let missing = || Error::io("open", Path::new(name))(io::Error::from(io::ErrorKind::NotFound));
        match self.files.get(name).ok_or_else(missing)? {
            Place::Own(path) => {
                let file = File::open(path).map_err(Error::io("open", path))?;
                let len = file.metadata().map_err(Error::io("open", path))?.len();
                Ok(Blob { file: Arc::new(file), path: path.clone(), offset: 0, len })
            }
            Place::Inside { archive, path, offset, len } => {
                Ok(Blob { file: Arc::clone(archive), path: path.clone(), offset: *offset, len: *len })
            }
        }
    }
}

impl Blob {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// At most `len` bytes from an offset on; fewer at the end of the file.
    pub(crate) fn read_at(&self, offset: u64, len: usize, into: &mut Vec<u8>) -> Result<(), Error> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        into.resize(len.min(left), 0);
        self.file.read_exact_at(into, self.offset + offset).map_err(Error::io("read", &self.path))
    }

    pub(crate) fn read_all(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.read_at(0, usize::MAX, &mut bytes)?;
        Ok(bytes)
    }
}

fn walk(folder: &Path, name: &str, depth: usize, files: &mut BTreeMap<String, Place>) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        let path = entry.path();
        // Prometheus makes no names that are not UTF-8.
        let Some(own_name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            // A running Prometheus removes files, and a link may lead nowhere.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io("open", &path)(error)),
        };
        if metadata.is_file() {
            files.insert(format!("{name}{own_name}"), Place::Own(path));
        } else if metadata.is_dir() && depth < MAX_DEPTH {
            walk(&path, &format!("{name}{own_name}/"), depth + 1, files)?;
        }
    }
    Ok(())
}

fn list_archive(path: &Path, scratch: &Path, files: &mut BTreeMap<String, Place>) -> Result<(), Error> {
    try_list_archive(path, scratch, files).map_err(Error::io("read the archive", path))
}

fn try_list_archive(path: &Path, scratch: &Path, files: &mut BTreeMap<String, Place>) -> io::Result<()> {
    let archive = Arc::new(plain_archive(path, scratch)?);
    let mut reader = tar::Archive::new(&*archive);
    for entry in reader.entries_with_seek()? {
        let entry = entry?;
        if entry.header().entry_type().is_gnu_sparse() {
            return Err(io::Error::other("it holds files with holes (tar --sparse); unpack it and name the folder"));
        }
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path()?.to_string_lossy().trim_start_matches("./").trim_start_matches('/').to_owned();
        let path = path.join(&name);
        files.insert(name, Place::Inside { archive: Arc::clone(&archive), path, offset: entry.raw_file_position(), len: entry.size() });
    }
    Ok(())
}

/// The archive itself, or what is in it if it is compressed.
fn plain_archive(path: &Path, scratch: &Path) -> io::Result<File> {
    let mut archive = File::open(path)?;
    let mut start = Vec::new();
    (&archive).take(2).read_to_end(&mut start)?;
    archive.seek(SeekFrom::Start(0))?;
    if start != [0x1f, 0x8b] {
        return Ok(archive);
    }
    let mut plain = tempfile::tempfile_in(scratch)?;
    io::copy(&mut MultiGzDecoder::new(archive), &mut plain)?;
    plain.seek(SeekFrom::Start(0))?;
    Ok(plain)
}

/// Prefixes below which there are blocks or a log.
fn roots<'a>(names: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
    let mut roots = BTreeSet::new();
    for name in names {
        let mut parts: Vec<&str> = name.split('/').collect();
        let file = parts.pop().unwrap_or_default();
        let is_segment = file.len() == 8 && file.bytes().all(|byte| byte.is_ascii_digit());
        let folder = parts.pop().unwrap_or_default();
        let is_data = (file == "meta.json" && is_ulid(folder)) || (is_segment && folder == "wal");
        if is_data {
            roots.insert(parts.iter().map(|part| format!("{part}/")).collect::<String>());
        }
    }
    // The snapshots of a data directory lie below it and have nothing that it has not.
    let is_below = |root: &String| roots.iter().any(|other| root != other && root.starts_with(other.as_str()));
    roots.iter().filter(|root| !is_below(root)).cloned().collect()
}

/// Whether a folder's name is that of a block: 26 characters of Crockford's base 32.
pub(crate) fn is_ulid(name: &str) -> bool {
    name.len() == 26 && name.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}
