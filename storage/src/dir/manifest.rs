//! The manifest: which blocks live and where the log begins that is not in them. Renaming it is the one commit point of a flush
//! and of a compaction.

use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::atomic;
use super::fault::Faults;
use super::layout::Layout;
use crate::Error;

/// The format of the data directory that this version writes.
pub(crate) const FORMAT: u32 = 1;

/// What a block holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BlockKind {
    Metrics,
    Logs,
    Table(String),
}

/// A live block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlockEntry {
    /// Its number, eight digits: higher is younger.
    pub(crate) name: String,
    pub(crate) kind: BlockKind,
    pub(crate) rows: u64,
    /// Time of the oldest row: milliseconds, for logs nanoseconds.
    pub(crate) min_ts: i64,
    /// Time of the youngest row.
    pub(crate) max_ts: i64,
    /// Bytes of all its files.
    pub(crate) bytes: u64,
    /// How often its rows were merged: 0 = as flushed, see `compact/plan.rs`.
    #[serde(default)]
    pub(crate) level: u8,
}

/// All that a reader needs to know which files count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The data directory's format.
    pub(crate) format: u32,
    /// The first log segment that is not in blocks.
    pub(crate) wal_from: u32,
    /// The number that the next block gets.
    pub(crate) next_block: u64,
    /// Live blocks, oldest first.
    pub(crate) blocks: Vec<BlockEntry>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self { format: FORMAT, wal_from: 1, next_block: 1, blocks: Vec::new() }
    }
}

impl Manifest {
    /// Reads the manifest; a new data directory has an empty one.
    pub(crate) fn load(layout: &Layout) -> Result<Self, Error> {
        let path = layout.manifest();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        Self::parse(&text, layout.root(), &path)
    }

    fn parse(text: &[u8], root: &Path, path: &Path) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Header {
            format: u32,
        }
        let not_json = |error: serde_json::Error| Error::corrupt(path, error.to_string());
        // The format first: a newer manifest may not parse as ours at all.
        let header: Header = serde_json::from_slice(text).map_err(not_json)?;
        if header.format > FORMAT {
            return Err(Error::NewerFormat { dir: root.to_owned(), found: header.format, known: FORMAT });
        }
        serde_json::from_slice(text).map_err(not_json)
    }

    /// Makes this the manifest. When it returns `Ok`, the change survives a power cut; on an error the old one may or may not
    /// still stand, and both name only files that exist.
    pub(crate) fn store(&self, layout: &Layout, faults: &Faults) -> Result<(), Error> {
        self.store_passing(layout, faults, ["manifest-aside", "manifest-renamed"])
    }

    /// [`store`](Self::store) with fault points of one's own: before and after the rename.
    pub(crate) fn store_passing(&self, layout: &Layout, faults: &Faults, [aside, renamed]: [&'static str; 2]) -> Result<(), Error> {
        let path = layout.manifest();
        let mut text = serde_json::to_vec_pretty(self).expect("BUG: a manifest that is not JSON");
        text.push(b'\n');
        atomic::write_aside(&path, &text)?;
        faults.pass(aside)?;
        atomic::commit(&path)?;
        faults.pass(renamed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_format_is_refused_with_the_way_out() {
        let error = Manifest::parse(br#"{"format": 9, "shape": "unknown"}"#, Path::new("/data"), Path::new("/data/MANIFEST")).unwrap_err();
        let want = "cannot open data directory \"/data\": it has format 9, this version reads up to 1; use a newer cepmon";
        assert_eq!(error.to_string(), want);
    }

    #[test]
    fn what_was_stored_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path(), "default");
        assert_eq!(Manifest::load(&layout).unwrap(), Manifest::default());
        let entry = BlockEntry {
            name: "00000001".into(),
            kind: BlockKind::Table("scrapes".into()),
            rows: 3,
            min_ts: -1,
            max_ts: 5,
            bytes: 9,
            level: 1,
        };
        let manifest = Manifest { wal_from: 7, next_block: 2, blocks: vec![entry], ..Manifest::default() };
        manifest.store(&layout, &Faults::none()).unwrap();
        assert_eq!(Manifest::load(&layout).unwrap(), manifest);
    }
}
