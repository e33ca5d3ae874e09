//! What one backup consists of: paths, sizes and digests. Its file's name ends with its own digest, so that it vouches for itself.

use std::fs;
use std::path::{Component, Path};

use anyhow::{Context, bail};
use cepmon_model::TimestampMs;
use serde::{Deserialize, Serialize};

use super::shelf::{digest_of, write_whole};

/// The form of records that this version writes.
const FORMAT: u32 = 1;

/// Letters of the digest in a name.
const DIGEST_LETTERS: usize = 16;

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    format: u32,
    /// When the snapshot was made.
    pub(super) time_ms: TimestampMs,
    pub(super) files: Vec<FileRecord>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileRecord {
    /// `data/…` or `plugins/…`.
    pub(super) path: String,
    pub(super) bytes: u64,
    /// SHA-256, in hexadecimal digits.
    pub(super) sha256: String,
}

impl Record {
    pub(super) fn new(time_ms: TimestampMs, files: Vec<FileRecord>) -> Self {
        Self { format: FORMAT, time_ms, files }
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Writes it; from here on there is this backup. Its name, which is given back, begins with its time to the millisecond, so that
    /// names sort by it: `20261124T224000123Z-…`.
    pub(super) fn store(&self, folder: &Path) -> anyhow::Result<String> {
        let time = cepmon_storage::utc(self.time_ms).replace(['-', ':', 'Z'], "");
        let text = serde_json::to_vec_pretty(self).context("cannot write down what the backup holds")?;
        let name = format!("{time}{:03}Z-{}", self.time_ms.rem_euclid(1000), &digest_of(&text)[..DIGEST_LETTERS]);
        write_whole(&folder.join(format!("{name}.json")), &text)?;
        Ok(name)
    }

    /// Reads the backup of that name.
    pub(super) fn load(folder: &Path, name: &str) -> anyhow::Result<Self> {
        let path = folder.join(format!("{name}.json"));
        let text = fs::read(&path).with_context(|| format!("cannot read \"{}\"", path.display()))?;
        let damaged =
            || format!("cannot use backup \"{name}\": \"{}\" is damaged; restore an older one (--list shows them)", path.display());
        let is_own = name.rsplit_once('-').is_some_and(|(_, digest)| digest == &digest_of(&text)[..DIGEST_LETTERS]);
        if !is_own {
            bail!(damaged());
        }
        let record: Self = serde_json::from_slice(&text).with_context(damaged)?;
        if record.format > FORMAT {
            bail!("cannot use backup \"{name}\": it has form {}, this version reads up to {FORMAT}; use a newer cepmon", record.format);
        }
        // Digests keep damage out, not people: nothing may be written beside the folders that were named.
        let is_inside = |path: &str| Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if let Some(file) = record.files.iter().find(|file| !is_inside(&file.path)) {
            bail!("cannot use backup \"{name}\": it holds a file \"{}\", which would lie outside", file.path.escape_debug());
        }
        Ok(record)
    }

    /// The names of all backups, oldest first.
    pub(super) fn names(folder: &Path) -> anyhow::Result<Vec<String>> {
        let entries =
            fs::read_dir(folder).with_context(|| format!("cannot list \"{}\"; is this a folder of backups?", folder.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            names.extend(name.to_str().and_then(|name| name.strip_suffix(".json")).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_was_changed_or_reaches_outside_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = |path: &str| FileRecord { path: path.to_owned(), bytes: 1, sha256: "00".to_owned() };
        let record = Record::new(5, vec![file("data/MANIFEST")]);
        let name = record.store(dir.path()).unwrap();
        assert_eq!(Record::load(dir.path(), &name).unwrap(), record);
        assert_eq!(Record::names(dir.path()).unwrap(), std::slice::from_ref(&name));
        let path = dir.path().join(format!("{name}.json"));
        let text = fs::read(&path).unwrap();
        for index in 0..text.len() {
            let mut flipped = text.clone();
            flipped[index] ^= 1;
            fs::write(&path, flipped).unwrap();
            assert!(format!("{:#}", Record::load(dir.path(), &name).unwrap_err()).contains(path.to_str().unwrap()));
        }
        for outside in ["../x", "/etc/x", "data/../../x"] {
            let name = Record::new(5, vec![file(outside)]).store(dir.path()).unwrap();
            let error = Record::load(dir.path(), &name).unwrap_err().to_string();
            assert!(error.ends_with("which would lie outside"), "{error}");
        }
    }
}
