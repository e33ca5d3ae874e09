//! A Parquet file of a live block, for readers: each stripe is compared with its checksum when it is first touched in this process, and
//! not again. What does not compare, or cannot be parsed, is an error that names the block, and stays in the way of nothing else.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::checksum::{Checksums, STRIPE_BYTES};
use crate::Error;
use crate::dir::manifest::{BlockEntry, BlockKind};

/// A file of a block. Clones share what was verified. It stands for its path where a path is asked for.
#[derive(Debug, Clone)]
pub(crate) struct BlockFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    entry: BlockEntry,
    /// Read when the file is first opened.
    stripes: Mutex<Option<Arc<Stripes>>>,
    /// What comparing found last, in plainer words than come through the Parquet reader.
    problem: Mutex<Option<String>>,
    is_damaged: AtomicBool,
}

/// What the file should be, and which stripes were found to be so.
#[derive(Debug)]
struct Stripes {
    /// `None` for a file without checksums.
    sums: Option<Checksums>,
    verified: Vec<AtomicU64>,
}

/// The file, opened; what [`parquet`] reads from.
#[derive(Debug, Clone)]
pub(crate) struct CheckedFile {
    file: Arc<File>,
    length: u64,
    stripes: Arc<Stripes>,
    owner: BlockFile,
}

impl BlockFile {
    pub(crate) fn new(path: PathBuf, entry: BlockEntry) -> Self {
        let (stripes, problem) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { path, entry, stripes, problem, is_damaged: AtomicBool::new(false) }))
    }

    /// Opens it for reading.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is gone, has another length or its checksums are damaged themselves.
    pub(crate) fn open(&self) -> Result<CheckedFile, Error> {
        let file = match File::open(&self.0.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(self.damaged("it is not there")),
            Err(error) => return Err(Error::io("open", self)(error)),
        };
        let length = file.metadata().map_err(Error::io("read the size of", self))?.len();
        let stripes = self.stripes()?;
        if let Some(sums) = stripes.sums.as_ref().filter(|sums| sums.length != length) {
            return Err(self.damaged(format!("it has {length} bytes; want {}", sums.length)));
        }
        Ok(CheckedFile { file: Arc::new(file), length, stripes, owner: self.clone() })
    }

    /// Turns what reading the content gave into an error that names the block.
    pub(crate) fn failure<E: Display>(&self) -> impl FnOnce(E) -> Error {
        let file = self.clone();
        move |error| {
            let problem = file.0.problem.lock().unwrap_or_else(PoisonError::into_inner).take();
            file.damaged(problem.unwrap_or_else(|| error.to_string()))
        }
    }

    /// That the file is not what it should be. The first time the log says so too.
    pub(crate) fn damaged(&self, problem: impl Into<String>) -> Error {
        let Inner { path, entry, .. } = &*self.0;
        let unit = if entry.kind == BlockKind::Logs { 1_000_000 } else { 1 };
        let (from_ms, to_ms) = (entry.min_ts.div_euclid(unit), entry.max_ts.div_euclid(unit));
        let error =
            Error::Damaged { path: path.clone(), problem: problem.into(), block: entry.name.clone(), rows: entry.rows, from_ms, to_ms };
        if !self.0.is_damaged.swap(true, Ordering::Relaxed) {
            tracing::error!("{error}");
        }
        error
    }

    /// Whether it was found damaged since the start.
    pub(crate) fn is_damaged(&self) -> bool {
        self.0.is_damaged.load(Ordering::Relaxed)
    }

    fn stripes(&self) -> Result<Arc<Stripes>, Error> {
        let mut stripes = self.0.stripes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stripes) = &*stripes {
            return Ok(Arc::clone(stripes));
        }
        let sums = Checksums::load(self)?.map_err(|problem| self.damaged(problem))?;
        let words = sums.as_ref().map_or(0, |sums| sums.stripes.len().div_ceil(64));
        let loaded = Arc::new(Stripes { sums, verified: (0..words).map(|_| AtomicU64::new(0)).collect() });
        *stripes = Some(Arc::clone(&loaded));
        Ok(loaded)
    }
}

impl Deref for BlockFile {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0.path
    }
}

impl CheckedFile {
    /// Compares every stripe.
    pub(crate) fn verify_all(&self) -> Result<(), Error> {
        self.verify(0, self.length).map_err(self.owner.failure())
    }

    /// Compares the stripes of a span of bytes that were not compared before.
    fn verify(&self, start: u64, end: u64) -> io::Result<()> {
        let Some(sums) = &self.stripes.sums else { return Ok(()) };
        let stripe_bytes = STRIPE_BYTES as u64;
        let mut content = Vec::new();
        for stripe in (start / stripe_bytes) as usize..end.div_ceil(stripe_bytes) as usize {
            let (word, bit) = (&self.stripes.verified[stripe / 64], 1 << (stripe % 64));
            if word.load(Ordering::Relaxed) & bit != 0 {
                continue;
            }
            let from = stripe as u64 * stripe_bytes;
            let to = sums.length.min(from + stripe_bytes);
            content.resize((to - from) as usize, 0);
            self.file.read_exact_at(&mut content, from)?;
            if crc32fast::hash(&content) != sums.stripes[stripe] {
                let problem = format!("its bytes {from} to {to} have a wrong checksum");
                *self.owner.0.problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem.clone());
                return Err(io::Error::new(ErrorKind::InvalidData, problem));
            }
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Length for CheckedFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for CheckedFile {
    type T = BufReader<CheckedReader>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(CheckedReader { file: self.clone(), position: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.checked_add(length as u64).filter(|&end| end <= self.length);
        let end = end.ok_or_else(|| ParquetError::EOF(format!("{length} bytes at {start} are beyond the end, {}", self.length)))?;
        self.verify(start, end)?;
        let mut content = vec![0; length];
        self.file.read_exact_at(&mut content, start)?;
        Ok(content.into())
    }
}

/// Reads on from a place of a file.
#[derive(Debug)]
pub(crate) struct CheckedReader {
    file: CheckedFile,
    position: u64,
}

impl Read for CheckedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.file.length.saturating_sub(self.position);
        let wanted = rest.min(buffer.len() as u64) as usize;
        self.file.verify(self.position, self.position + wanted as u64)?;
        let read = self.file.file.read_at(&mut buffer[..wanted], self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}
