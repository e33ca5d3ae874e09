//! One file, read line by line as it grows, over truncation. It moves on only when told that what it gave is stored. What a file is
//! called does not matter here: rotation is `follow.rs`.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use cepmon_model::TimestampMs;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of one batch of lines.
const BATCH_BYTES: usize = 1 << 20;
/// Lines of one batch.
const BATCH_LINES: usize = 2_000;
/// A longer line is cut into pieces of this size: 256 KiB, Loki's own limit.
const MAX_LINE_BYTES: usize = 256 << 10;
/// How much of its beginning tells a file from another one that came to the same inode.
const BEGINNING_BYTES: u64 = 1 << 10;

/// What a file is while it exists, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// Of the file that a path leads to.
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// As it is stored: `device:inode`.
    pub(super) fn encode(self) -> String {
        format!("{}:{}", self.device, self.inode)
    }

    /// Reads what `encode` wrote.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let (device, inode) = text.split_once(':')?;
        Some(Self { device: device.parse().ok()?, inode: inode.parse().ok()? })
    }
}

/// How far a file was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    /// Bytes that are stored.
    pub(super) offset: u64,
    beginning: Beginning,
    /// When that was written down.
    pub(super) time: TimestampMs,
    /// What the file was called when it was found first: its label `filename`.
    pub(super) path: PathBuf,
}

impl Position {
    /// As it is stored: `offset:bytes:hash:time:path`.
    pub(super) fn encode(&self) -> String {
        let Beginning { bytes, hash } = self.beginning;
        format!("{}:{bytes}:{hash:x}:{}:{}", self.offset, self.time, self.path.display())
    }

    /// Reads what `encode` wrote.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, ':');
        let mut next = || parts.next();
        let (offset, bytes, hash, time, path) = (next()?, next()?, next()?, next()?, next()?);
        let beginning = Beginning { bytes: bytes.parse().ok()?, hash: u64::from_str_radix(hash, 16).ok()? };
        Some(Self { offset: offset.parse().ok()?, beginning, time: time.parse().ok()?, path: PathBuf::from(path) })
    }
}

/// The first bytes of a file. Inodes are used again at once, and a file that was truncated may have grown past its old size by the
/// time that it is looked at: then it begins with something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Beginning {
    bytes: u64,
    hash: u64,
}

impl Beginning {
    fn read(file: &File, bytes: u64) -> io::Result<Self> {
        let mut buffer = [0; BEGINNING_BYTES as usize];
        let buffer = &mut buffer[..bytes.min(BEGINNING_BYTES) as usize];
        let filled = read_up_to(file, buffer, 0)?;
        Ok(Self { bytes: filled as u64, hash: xxh3_64(&buffer[..filled]) })
    }

    fn is_of(self, file: &File) -> io::Result<bool> {
        Ok(Self::read(file, self.bytes)? == self)
    }
}

/// Complete lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Lines {
    /// The bytes as read.
    pub(super) bytes: Vec<u8>,
    /// Start and end of each line, without its newline.
    pub(super) offsets: Vec<u32>,
    /// How many bytes of the file they cover.
    consumed: u64,
}

impl Lines {
    /// How many lines there are.
    pub(super) fn len(&self) -> usize {
        self.offsets.len() / 2
    }
}

/// A file that is followed.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    file: File,
    id: FileId,
    offset: u64,
    beginning: Beginning,
}

impl Tail {
    /// Opens a file where reading stopped last time, if it still is that file, else at its start.
    pub(super) fn open(path: &Path, last: Option<&Position>) -> io::Result<Self> {
        let file = File::open(path)?;
        let id = FileId::of(&file.metadata()?);
        let start = Self { path: path.to_owned(), file, id, offset: 0, beginning: Beginning::default() };
        match last {
            Some(last) if last.beginning.is_of(&start.file)? => {
                Ok(Self { path: last.path.clone(), offset: last.offset, beginning: last.beginning, ..start })
            }
            _ => Ok(start),
        }
    }

    /// Which file it is.
    pub(super) fn id(&self) -> FileId {
        self.id
    }

    /// What the file was called when it was found first.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether that path now leads to another file. A file that was removed without a successor is not rotated yet.
    pub(super) fn is_rotated(&self) -> io::Result<bool> {
        match std::fs::metadata(&self.path) {
            Ok(metadata) => Ok(FileId::of(&metadata) != self.id),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The next complete lines, none if there are none yet; `is_last`: nobody writes any more, so the last line is complete, newline or
    /// not. Asking again without `advance` gives the same lines.
    pub(super) fn read(&mut self, is_last: bool) -> io::Result<Lines> {
        let size = self.file.metadata()?.len();
        let is_other = size < self.offset || (size > self.offset && !self.beginning.is_of(&self.file)?);
        if is_other {
            tracing::info!(path = %self.path.display(), "log file was truncated; reading from its start");
            (self.offset, self.beginning) = (0, Beginning::default());
        }
        let mut bytes = vec![0; BATCH_BYTES.min(usize::try_from(size - self.offset).unwrap_or(BATCH_BYTES))];
        let filled = read_up_to(&self.file, &mut bytes, self.offset)?;
        bytes.truncate(filled);
        Ok(split_lines(bytes, is_last))
    }

    /// Where reading goes on once these lines are stored.
    pub(super) fn position_after(&self, lines: &Lines, time: TimestampMs) -> io::Result<Position> {
        let offset = self.offset + lines.consumed;
        let is_whole = self.beginning.bytes == BEGINNING_BYTES;
        let beginning = if is_whole { self.beginning } else { Beginning::read(&self.file, offset)? };
        Ok(Position { offset, beginning, time, path: self.path.clone() })
    }

    /// Moves to where a stored position says.
    pub(super) fn advance(&mut self, position: &Position) {
        (self.offset, self.beginning) = (position.offset, position.beginning);
    }
}

/// Fills a buffer from a place of a file, or up to the file's end.
fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Cuts bytes into lines; what follows the last newline waits unless `is_last`.
fn split_lines(bytes: Vec<u8>, is_last: bool) -> Lines {
    let mut offsets: Vec<u32> = Vec::new();
    let mut start = 0;
    while start < bytes.len() && offsets.len() < 2 * BATCH_LINES {
        let rest = &bytes[start..];
        let (line, consumed) = match rest.iter().take(MAX_LINE_BYTES + 1).position(|byte| *byte == b'\n') {
            Some(newline) => (newline, newline + 1),
            None if rest.len() > MAX_LINE_BYTES => (MAX_LINE_BYTES, MAX_LINE_BYTES),
            None if is_last => (rest.len(), rest.len()),
            None => break,
        };
        let end = if rest[..line].ends_with(b"\r") { start + line - 1 } else { start + line };
        // Empty lines carry nothing; they are passed over.
        if end > start {
            offsets.extend([start as u32, end as u32]);
        }
        start += consumed;
    }
    Lines { bytes, offsets, consumed: start as u64 }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn texts(lines: &Lines) -> Vec<String> {
        let text = |range: &[u32]| String::from_utf8_lossy(&lines.bytes[range[0] as usize..range[1] as usize]).into_owned();
        lines.offsets.chunks_exact(2).map(text).collect()
    }

    fn next(tail: &mut Tail) -> Vec<String> {
        let lines = tail.read(false).unwrap();
        let position = tail.position_after(&lines, 0).unwrap();
        tail.advance(&position);
        texts(&lines)
    }

    #[test]
    fn a_line_is_read_when_it_is_complete_and_again_until_it_is_stored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut file = File::create(&path).unwrap();
        write!(file, "one\r\n\ntw").unwrap();
        let mut tail = Tail::open(&path, None).unwrap();
        assert_eq!(texts(&tail.read(false).unwrap()), ["one"]);
        assert_eq!(next(&mut tail), ["one"]);
        assert!(next(&mut tail).is_empty());
        assert_eq!(texts(&tail.read(true).unwrap()), ["tw"]);
        writeln!(file, "o").unwrap();
        assert_eq!(next(&mut tail), ["two"]);
    }

    #[test]
    fn a_position_is_good_for_its_file_under_any_name_and_for_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a:b.log");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let mut tail = Tail::open(&path, None).unwrap();
        let mut lines = tail.read(false).unwrap();
        lines.consumed = 4;
        let stored = Position::decode(&tail.position_after(&lines, 7).unwrap().encode()).unwrap();
        assert_eq!((stored.offset, stored.time, stored.path.as_path()), (4, 7, path.as_path()));
        let renamed = dir.path().join("a:b.log.1");
        std::fs::rename(&path, &renamed).unwrap();
        let mut tail = Tail::open(&renamed, Some(&stored)).unwrap();
        assert_eq!((next(&mut tail), tail.path()), (vec!["two".to_owned()], path.as_path()));
        // The same inode, but another beginning, as when the system uses it again.
        std::fs::write(&renamed, "other\nlines\n").unwrap();
        let mut tail = Tail::open(&renamed, Some(&stored)).unwrap();
        assert_eq!(next(&mut tail), ["other", "lines"]);
    }

    #[test]
    fn a_truncated_file_is_read_from_its_start_also_when_it_has_grown_past_its_old_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        std::fs::write(&path, "one and more\n").unwrap();
        let mut tail = Tail::open(&path, None).unwrap();
        assert_eq!(next(&mut tail), ["one and more"]);
        for text in ["two\n", "three, and a lot of other things\n"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(next(&mut tail), [text.trim_end()]);
        }
    }

    #[test]
    fn an_endless_line_is_cut_into_pieces() {
        let lines = split_lines(vec![b'x'; MAX_LINE_BYTES + 10], false);
        assert_eq!((lines.offsets, lines.consumed), (vec![0, MAX_LINE_BYTES as u32], MAX_LINE_BYTES as u64));
    }
}
