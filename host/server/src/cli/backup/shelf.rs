//! A folder of backups: `files/` holds every content once, under its SHA-256; `backups/` says which backup has which. It does not know
//! what the files mean.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use sha2::{Digest, Sha256};

use super::fault::pass;
use super::record::{FileRecord, Record};

/// Bytes that are copied at once.
const COPY_BYTES: usize = 1 << 20;

/// What the name of an unfinished file ends with.
const ASIDE_SUFFIX: &str = ".tmp";

/// The folder, and while it is written the lock on it.
#[derive(Debug)]
pub(super) struct Shelf {
    root: PathBuf,
    _lock: Option<File>,
}

/// What a backup copied, and what was there.
#[derive(Debug, Default)]
pub(super) struct Copied {
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) known: u64,
}

impl Shelf {
    /// Opens a folder for reading.
    pub(super) fn open(root: &Path) -> Self {
        Self { root: root.to_owned(), _lock: None }
    }

    /// Opens a folder for a new backup, makes it if there is none, and clears away what an unfinished one left.
    pub(super) fn open_for_writing(root: &Path) -> anyhow::Result<Self> {
        for folder in [root.to_owned(), root.join("files"), root.join("backups")] {
            // What is watched is not for everybody's eyes.
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.with_context(|| format!("cannot make folder \"{}\"", folder.display()))?;
        }
        let path = root.join("LOCK");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.with_context(|| format!("cannot open \"{}\"", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("cannot write to \"{}\": another backup does so; wait for its end", root.display()),
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("cannot lock \"{}\"", path.display())),
        }
        let shelf = Self { root: root.to_owned(), _lock: Some(lock) };
        for folder in [shelf.files(), shelf.backups()] {
            for path in list(&folder)?.iter().filter(|path| path.to_string_lossy().ends_with(ASIDE_SUFFIX)) {
                fs::remove_file(path).with_context(|| format!("cannot remove \"{}\"", path.display()))?;
            }
        }
        Ok(shelf)
    }

    /// Where the records lie.
    pub(super) fn backups(&self) -> PathBuf {
        self.root.join("backups")
    }

    /// Where the snapshot is noted that the backup under way works on.
    pub(super) fn note(&self) -> PathBuf {
        self.root.join("UNFINISHED")
    }

    fn files(&self) -> PathBuf {
        self.root.join("files")
    }

    /// Where a content lies.
    pub(super) fn content(&self, sha256: &str) -> PathBuf {
        self.files().join(sha256)
    }

    /// Whether a content of that size is there. Its bytes are not read: that is what `restore --verify` does.
    pub(super) fn has(&self, file: &FileRecord) -> bool {
        fs::metadata(self.content(&file.sha256)).is_ok_and(|metadata| metadata.len() == file.bytes)
    }

    /// Takes a file in, unless its content is there already; durable after [`Self::sync`].
    pub(super) fn take(&self, from: &Path, path: String, copied: &mut Copied) -> anyhow::Result<FileRecord> {
        let aside = self.files().join(format!("incoming{ASIDE_SUFFIX}"));
        let (bytes, sha256) = copy(from, &aside)?;
        pass("backup-copied");
        let file = FileRecord { path, bytes, sha256 };
        if self.has(&file) {
            copied.known += 1;
            fs::remove_file(&aside).with_context(|| format!("cannot remove \"{}\"", aside.display()))?;
            return Ok(file);
        }
        let place = self.content(&file.sha256);
        fs::rename(&aside, &place).with_context(|| format!("cannot rename to \"{}\"", place.display()))?;
        copied.files += 1;
        copied.bytes += bytes;
        pass("backup-taken");
        Ok(file)
    }

    /// Forces the names of all contents to the disk.
    pub(super) fn sync(&self) -> anyhow::Result<()> {
        sync_folder(&self.files())
    }

    /// All backups that can be read, with those that cannot as errors.
    pub(super) fn records(&self) -> anyhow::Result<Vec<(String, anyhow::Result<Record>)>> {
        let names = Record::names(&self.backups())?;
        Ok(names.into_iter().map(|name| (name.clone(), Record::load(&self.backups(), &name))).collect())
    }

    /// The files of the youngest backup that can be read, by path.
    pub(super) fn known_files(&self) -> anyhow::Result<BTreeMap<String, FileRecord>> {
        let youngest = self.records()?.into_iter().rev().find_map(|(_, record)| record.ok());
        let files = youngest.into_iter().flat_map(|record| record.files);
        Ok(files.map(|file| (file.path.clone(), file)).collect())
    }

    /// Removes backups from before a time, but never the one named, and then what no backup needs; gives their numbers. As long as one
    /// cannot be read, its files are not known and no file is removed.
    pub(super) fn remove_older(&self, before_ms: i64, kept: &str) -> anyhow::Result<(u64, u64)> {
        let mut needed = BTreeSet::new();
        let (mut backups, mut is_all_known) = (0, true);
        for (name, record) in self.records()? {
            match record {
                Ok(record) if record.time_ms < before_ms && name != kept => {
                    let path = self.backups().join(format!("{name}.json"));
                    fs::remove_file(&path).with_context(|| format!("cannot remove \"{}\"", path.display()))?;
                    backups += 1;
                }
                Ok(record) => needed.extend(record.files.into_iter().map(|file| file.sha256)),
                Err(_) => is_all_known = false,
            }
        }
        sync_folder(&self.backups())?;
        pass("backup-forgotten");
        let mut files = 0;
        for path in if is_all_known { list(&self.files())? } else { Vec::new() } {
            if !path.file_name().and_then(|name| name.to_str()).is_some_and(|name| needed.contains(name)) {
                fs::remove_file(&path).with_context(|| format!("cannot remove \"{}\"", path.display()))?;
                files += 1;
            }
        }
        Ok((backups, files))
    }
}

/// Copies a file, onto the disk; gives its bytes and their SHA-256.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<(u64, String)> {
    let reading = || format!("cannot read \"{}\"", from.display());
    let writing = || format!("cannot write \"{}\"", to.display());
    let mut source = File::open(from).with_context(reading)?;
    let mut target = File::create(to).with_context(writing)?;
    let (mut bytes, mut digest, mut buffer) = (0, Sha256::new(), vec![0; COPY_BYTES]);
    loop {
        let read = source.read(&mut buffer).with_context(reading)?;
        if read == 0 {
            break;
        }
        target.write_all(&buffer[..read]).with_context(writing)?;
        digest.update(&buffer[..read]);
        bytes += read as u64;
    }
    target.sync_all().with_context(writing)?;
    Ok((bytes, hex(&digest.finalize())))
}

/// The SHA-256 of a file.
pub(super) fn digest_of_file(path: &Path) -> anyhow::Result<String> {
    let mut digest = Sha256::new();
    let hashed = File::open(path).and_then(|mut file| io::copy(&mut file, &mut digest));
    hashed.with_context(|| format!("cannot read \"{}\"", path.display()))?;
    Ok(hex(&digest.finalize()))
}

/// The SHA-256 of some bytes.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Writes a file that appears whole or not at all, on disk.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let aside = PathBuf::from(format!("{}{ASIDE_SUFFIX}", path.display()));
    let written = File::create(&aside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&aside, path)).with_context(|| format!("cannot write \"{}\"", path.display()))?;
    sync_folder(path.parent().ok_or_else(|| anyhow!("cannot write \"{}\": it has no folder", path.display()))?)
}

/// Forces the names in a folder to the disk.
pub(super) fn sync_folder(path: &Path) -> anyhow::Result<()> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("cannot sync \"{}\"", path.display()))
}

/// The entries of a folder, sorted.
pub(super) fn list(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = || fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = read().with_context(|| format!("cannot list \"{}\"", folder.display()))?;
    paths.sort();
    Ok(paths)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
