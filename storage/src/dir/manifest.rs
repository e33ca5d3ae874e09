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
    /// Reads the manifest. A new data directory gets an empty one, so that a missing one is a lost one: without it, all blocks would
    /// count as leftovers, and half a restored directory as a whole one.
    pub(crate) fn load(layout: &Layout) -> Result<Self, Error> {
        let path = layout.manifest();
        match std::fs::read(&path) {
            Ok(text) => Self::parse(&text, layout.root(), &path),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                for folder in layout.block_folders().into_iter().chain([layout.wal()]) {
                    if let Some(found) = atomic::list(&folder)?.first() {
                        let problem = format!("it is not there, but data are (such as \"{}\")", found.display());
                        return Err(Error::Manifest { path, problem });
                    }
                }
                let empty = Self::default();
                empty.store(layout, &Faults::none())?;
                Ok(empty)
            }
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    pub(crate) fn parse(text: &[u8], root: &Path, path: &Path) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Header {
            format: u32,
        }
        let damaged = |problem: String| Error::Manifest { path: path.to_owned(), problem };
        let not_json = |error: serde_json::Error| damaged(error.to_string());
        check(text).map_err(damaged)?;
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
        atomic::write_aside(&path, self.to_text().as_bytes())?;
        faults.pass(aside)?;
        atomic::commit(&path)?;
        faults.pass(renamed)
    }

    /// JSON whose first line is the checksum of the others.
    fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("BUG: a manifest that is not JSON");
        let rest = format!("{}\n", text.trim_start_matches("{\n"));
        format!("{}{:08x}{}{rest}", CHECKSUM.0, crc32fast::hash(rest.as_bytes()), CHECKSUM.1)
    }
}

/// What stands before and behind the checksum.
const CHECKSUM: (&str, &str) = ("{\n  \"checksum\": \"", "\",\n");

/// Says what is wrong with a manifest's bytes. One that was written before checksums, or by hand, has none.
fn check(text: &[u8]) -> Result<(), String> {
    const DIGITS: usize = 8;
    let parts = text.strip_prefix(CHECKSUM.0.as_bytes()).and_then(|text| text.split_at_checked(DIGITS));
    let parts = parts.and_then(|(sum, rest)| Some((sum, rest.strip_prefix(CHECKSUM.1.as_bytes())?)));
    match parts {
        Some((sum, rest)) if format!("{:08x}", crc32fast::hash(rest)).as_bytes() == sum => Ok(()),
        None if !text.windows(CHECKSUM_WORD.len()).any(|word| word == CHECKSUM_WORD) => Ok(()),
        _ => Err("its checksum is wrong".to_owned()),
    }
}

const CHECKSUM_WORD: &[u8] = b"\"checksum\"";

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
