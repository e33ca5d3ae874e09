//! One file, read line by line as it grows, over rotation and truncation. It moves on only when told that what it gave is stored.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Bytes of one batch of lines.
const BATCH_BYTES: usize = 1 << 20;
/// Lines of one batch.
const BATCH_LINES: usize = 2_000;
/// A longer line is cut into pieces of this size: 256 KiB, Loki's own limit.
const MAX_LINE_BYTES: usize = 256 << 10;

/// How far a file was read. The device and inode tell a rotated file from its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    device: u64,
    inode: u64,
    offset: u64,
}

impl Position {
    /// As it is stored: `device:inode:offset`.
    pub(super) fn encode(self) -> String {
        format!("{}:{}:{}", self.device, self.inode, self.offset)
    }

    /// Reads what `encode` wrote.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split(':').map(str::parse::<u64>);
        let (Some(Ok(device)), Some(Ok(inode)), Some(Ok(offset)), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return None;
        };
        Some(Self { device, inode, offset })
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
    position: Position,
}

impl Tail {
    /// Opens a file where reading stopped last time, or at its start. If it was rotated since, the rest of the old file, found
    /// beside it by its inode, comes first.
    pub(super) fn open(path: &Path, last: Option<Position>) -> io::Result<Self> {
        let tail = Self::open_at_start(path)?;
        let Some(last) = last else { return Ok(tail) };
        if (last.device, last.inode) == (tail.position.device, tail.position.inode) {
            return Ok(Self { position: last, ..tail });
        }
        match find_rotated(path, last) {
            Some(file) => Ok(Self { path: path.to_owned(), file, position: last }),
            None => Ok(tail),
        }
    }

    /// The next complete lines, none if there are none yet. Asking again without `advance` gives the same lines.
    pub(super) fn read(&mut self) -> io::Result<Lines> {
        let mut lines = self.read_at_position(false)?;
        if lines.len() == 0 && self.is_rotated()? {
            // Nobody writes to the old file any more: its last line is complete, newline or not.
            lines = self.read_at_position(true)?;
            if lines.len() == 0 {
                *self = Self::open_at_start(&self.path)?;
                lines = self.read_at_position(false)?;
            }
        }
        Ok(lines)
    }

    /// Where reading goes on once these lines are stored.
    pub(super) fn position_after(&self, lines: &Lines) -> Position {
        Position { offset: self.position.offset + lines.consumed, ..self.position }
    }

    /// Moves behind lines that are stored.
    pub(super) fn advance(&mut self, lines: &Lines) {
        self.position = self.position_after(lines);
    }

    fn open_at_start(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let position = Position { device: metadata.dev(), inode: metadata.ino(), offset: 0 };
        Ok(Self { path: path.to_owned(), file, position })
    }

    /// Whether the path now leads to another file. A file that was removed without a successor is not rotated yet.
    fn is_rotated(&self) -> io::Result<bool> {
        match std::fs::metadata(&self.path) {
            Ok(metadata) => Ok((metadata.dev(), metadata.ino()) != (self.position.device, self.position.inode)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn read_at_position(&mut self, is_last: bool) -> io::Result<Lines> {
        let size = self.file.metadata()?.len();
        if size < self.position.offset {
            tracing::info!(path = %self.path.display(), "log file was truncated; reading from its start");
            self.position.offset = 0;
        }
        let mut bytes = vec![0; BATCH_BYTES.min(usize::try_from(size - self.position.offset).unwrap_or(BATCH_BYTES))];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], self.position.offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(split_lines(bytes, is_last))
    }
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

/// The file that a path led to before: beside it, with the same inode.
fn find_rotated(path: &Path, last: Position) -> Option<File> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    for entry in std::fs::read_dir(path.parent()?).ok()?.flatten() {
        let is_sibling = entry.file_name().to_string_lossy().starts_with(&name);
        let Ok(metadata) = entry.metadata() else { continue };
        if is_sibling && (metadata.dev(), metadata.ino()) == (last.device, last.inode) && metadata.len() >= last.offset {
            return File::open(entry.path()).ok();
        }
    }
    None
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
        let lines = tail.read().unwrap();
        tail.advance(&lines);
        texts(&lines)
    }

    #[test]
    fn a_line_is_read_when_it_is_complete_and_again_until_it_is_stored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut file = File::create(&path).unwrap();
        write!(file, "one\r\n\ntw").unwrap();
        let mut tail = Tail::open(&path, None).unwrap();
        assert_eq!(texts(&tail.read().unwrap()), ["one"]);
        assert_eq!(next(&mut tail), ["one"]);
        assert!(next(&mut tail).is_empty());
        writeln!(file, "o").unwrap();
        assert_eq!(next(&mut tail), ["two"]);
    }

    #[test]
    fn rotation_loses_no_line_of_either_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut old = File::create(&path).unwrap();
        writeln!(old, "one").unwrap();
        let mut tail = Tail::open(&path, None).unwrap();
        assert_eq!(next(&mut tail), ["one"]);
        std::fs::rename(&path, dir.path().join("a.log.1")).unwrap();
        write!(old, "late\nunfinished").unwrap();
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(next(&mut tail), ["late"]);
        assert_eq!(next(&mut tail), ["unfinished"]);
        assert_eq!(next(&mut tail), ["new"]);
    }

    #[test]
    fn rotation_while_nobody_reads_loses_no_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let mut tail = Tail::open(&path, None).unwrap();
        let mut lines = tail.read().unwrap();
        lines.consumed = 4;
        let stored = Position::decode(&tail.position_after(&lines).encode()).unwrap();
        drop(tail);
        std::fs::rename(&path, dir.path().join("a.log.1")).unwrap();
        std::fs::write(&path, "three\n").unwrap();
        let mut tail = Tail::open(&path, Some(stored)).unwrap();
        assert_eq!(next(&mut tail), ["two"]);
        assert_eq!(next(&mut tail), ["three"]);
    }

    #[test]
    fn a_truncated_file_is_read_from_its_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        std::fs::write(&path, "one and more\n").unwrap();
        let mut tail = Tail::open(&path, None).unwrap();
        assert_eq!(next(&mut tail), ["one and more"]);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(0).unwrap();
        std::fs::write(&path, "two\n").unwrap();
        assert_eq!(next(&mut tail), ["two"]);
    }

    #[test]
    fn an_endless_line_is_cut_into_pieces() {
        let lines = split_lines(vec![b'x'; MAX_LINE_BYTES + 10], false);
        assert_eq!((lines.offsets, lines.consumed), (vec![0, MAX_LINE_BYTES as u32], MAX_LINE_BYTES as u64));
    }
}
