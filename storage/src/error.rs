//! What can go wrong in storage, by what the caller can do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::utc::utc;

/// A failed storage operation. Nothing of a batch is stored when an append gives one of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process holds the data directory.
    #[error(
        "cannot lock data directory \"{dir}\": {holder} uses it; stop that process or choose another --data-dir",
        dir = dir.display(), holder = holder(*pid)
    )]
    Locked {
        /// The data directory.
        dir: PathBuf,
        /// The other process, if it wrote its number down.
        pid: Option<u32>,
    },
    /// The operating system refused (no space, no permission, a broken disk). Worth another try later.
    #[error("cannot {verb} \"{path}\"", path = path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The manifest is damaged or lost. The blocks are there, but which of them count is not known.
    #[error(
        "cannot read \"{path}\": {problem}; keep this directory as it is and restore a backup beside it: cepmon restore --from DIR --data-dir \
         NEW",
        path = path.display()
    )]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file of a block is damaged or gone. Everything that does not need it goes on; trying again helps once it is restored.
    #[error(
        "cannot read \"{path}\": {problem}; the {rows} rows of block {block} ({from} to {to}) are not answered for: restore the file from a \
         backup, or do without the block: cepmon set-aside {block}",
        path = path.display(), from = utc(*from_ms), to = utc(*to_ms)
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// The block's name.
        block: String,
        /// How many rows the block has.
        rows: u64,
        /// The time of its oldest row.
        from_ms: i64,
        /// The time of its youngest row.
        to_ms: i64,
    },
    /// A newer cepmon wrote the directory.
    #[error(
        "cannot open data directory \"{dir}\": it has format {found}, this version reads up to {known}; use a newer cepmon",
        dir = dir.display()
    )]
    NewerFormat {
        /// The data directory.
        dir: PathBuf,
        /// The format it has.
        found: u32,
        /// The newest format this version knows.
        known: u32,
    },
    /// A block could not be written or read as Parquet.
    #[error("cannot {verb} Parquet file \"{path}\"", path = path.display())]
    Parquet {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<parquet::errors::ParquetError>,
    },
    /// Rows could not be made into columns or the other way round.
    #[error("cannot build columns of \"{table}\"", table = table)]
    Columns {
        /// Which table or file kind.
        table: &'static str,
        /// Why not.
        #[source]
        source: Box<arrow::error::ArrowError>,
    },
    /// Memory is full because flushing does not succeed; nothing was accepted. Worth another try when the cause is gone.
    #[error("cannot append: the head holds {bytes} bytes and may hold {limit}; see why flushing fails (is the disk full?)")]
    HeadFull {
        /// Bytes in the head now.
        bytes: u64,
        /// The limit: four times `head_max_bytes`.
        limit: u64,
    },
    /// Memory holds as many series as it may; only new ones are refused. Worth another try when others have ended.
    #[error(
        "cannot add series \"{series}\": {limit} series are in memory already; drop labels that change all the time or raise the limit"
    )]
    TooManySeries {
        /// The series that is too much.
        series: String,
        /// The limit: `max_series`.
        limit: u64,
    },
    /// The caller's rows or names do not fit; trying again does not help.
    #[error("cannot use \"{target}\": {problem}")]
    Refused {
        /// The table, key space or log stream.
        target: String,
        /// What does not fit.
        problem: String,
    },
    /// Merging blocks would leave too little room for flushes. Worth another try when there is more.
    #[error("cannot merge blocks of {needed} bytes: the disk has {free} bytes left and flushes need {kept} of them; make room")]
    NoRoom {
        /// Bytes that the merged blocks may need.
        needed: u64,
        /// Bytes free on the disk.
        free: u64,
        /// Bytes that have to stay free.
        kept: u64,
    },
    /// A compaction was asked to make way. Nothing has changed; it begins again by itself.
    #[error("cannot go on merging blocks: something more urgent waits for it")]
    Interrupted,
    /// A fault point was armed by a test.
    #[error("cannot pass fault point \"{0}\": a test armed it; unset CEPMON_FAULT")]
    Fault(&'static str),
}

impl Error {
    /// Whether the same call may succeed later without anybody changing the input.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Io { .. }
                | Self::Locked { .. }
                | Self::NoRoom { .. }
                | Self::Interrupted
                | Self::HeadFull { .. }
                | Self::TooManySeries { .. }
                | Self::Fault(_)
        )
    }

    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { verb, path: path.to_owned(), source }
    }

    pub(crate) fn parquet(verb: &'static str, path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        move |source| Self::Parquet { verb, path: path.to_owned(), source: Box::new(source) }
    }

    pub(crate) fn columns(table: &'static str) -> impl FnOnce(arrow::error::ArrowError) -> Self {
        move |source| Self::Columns { table, source: Box::new(source) }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
