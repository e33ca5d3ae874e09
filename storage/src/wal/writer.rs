//! Appending to the log: one `write(2)` per batch, a new segment when the last one is full or was spoilt.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::dir::atomic;

/// What every segment starts with: a magic word and the format.
pub(crate) const SEGMENT_HEADER: &[u8; 8] = b"cepwal\x00\x01";

/// Bytes after which a segment ends, so that damage to one loses little and cutting the log frees space.
const SEGMENT_BYTES: u64 = 64 << 20;

/// The log's open end.
#[derive(Debug)]
pub(crate) struct WalWriter {
    folder: PathBuf,
    segment: u32,
    path: PathBuf,
    file: File,
    length: u64,
    /// Bytes of the segments before this one.
    older_bytes: u64,
    is_dirty: bool,
    /// A failed write could have left half a record, or records that refer to definitions that were not written.
    is_spoilt: bool,
}

/// A segment's file.
pub(crate) fn segment_path(folder: &Path, segment: u32) -> PathBuf {
    folder.join(format!("{segment:08}.log"))
}

/// The segments of a log folder, ascending, with their sizes.
pub(crate) fn list_segments(folder: &Path) -> Result<Vec<(u32, u64)>, Error> {
    let mut segments = Vec::new();
    for path in atomic::list(folder)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(number) = name.strip_suffix(".log").and_then(|stem| stem.parse().ok()) {
            let metadata = std::fs::metadata(&path).map_err(Error::io("read the size of", &path))?;
            segments.push((number, metadata.len()));
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

impl WalWriter {
    /// Starts segment `segment`, which must not exist yet.
    pub(crate) fn create(folder: &Path, segment: u32, older_bytes: u64) -> Result<Self, Error> {
        let (path, file) = create_segment(folder, segment)?;
        let length = SEGMENT_HEADER.len() as u64;
        Ok(Self { folder: folder.to_owned(), segment, path, file, length, older_bytes, is_dirty: true, is_spoilt: false })
    }

    /// The number of the segment that the next record goes to. Definitions written to others do not count there. Starts a new segment
    /// when the old one is full or spoilt.
    pub(crate) fn begin_batch(&mut self) -> Result<u32, Error> {
        if self.is_spoilt || self.length >= SEGMENT_BYTES {
            self.roll()?;
        }
        Ok(self.segment)
    }

    /// Appends records. When this returns `Ok`, they survive `kill -9`; otherwise none of them is in the log.
    pub(crate) fn write(&mut self, records: &[u8]) -> Result<(), Error> {
        self.is_dirty = true;
        let Err(source) = self.file.write_all(records) else {
            self.length += records.len() as u64;
            return Ok(());
        };
        // Half a record may be there. Cut it off; if even that fails, replay will find a torn record and stop there, at the same place.
        self.is_spoilt = true;
        let cut = self.file.set_len(self.length).and_then(|()| self.file.seek(SeekFrom::Start(self.length)));
        if let Err(error) = cut {
            tracing::error!(segment = self.segment, %error, "cannot cut a torn record off the log");
        }
        Err(Error::io("append to", &self.path)(source))
    }

    /// Forces what was written to the disk: from here on it survives a power cut.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        if self.is_dirty {
            self.file.sync_data().map_err(Error::io("sync", &self.path))?;
            self.is_dirty = false;
        }
        Ok(())
    }

    /// A second handle for syncing without holding up appends.
    pub(crate) fn sync_handle(&mut self) -> Result<Option<(File, PathBuf)>, Error> {
        if !std::mem::take(&mut self.is_dirty) {
            return Ok(None);
        }
        let file = self.file.try_clone().map_err(Error::io("open again", &self.path))?;
        Ok(Some((file, self.path.clone())))
    }

    /// Says that syncing a handle failed, so that the next round tries again.
    pub(crate) fn mark_dirty(&mut self) {
        self.is_dirty = true;
    }

    /// Ends the segment, on disk, and starts the next one; gives the next one's number.
    pub(crate) fn roll(&mut self) -> Result<u32, Error> {
        self.sync()?;
        let next = self.segment + 1;
        let (path, file) = create_segment(&self.folder, next)?;
        self.older_bytes += self.length;
        (self.segment, self.path, self.file) = (next, path, file);
        (self.length, self.is_spoilt, self.is_dirty) = (SEGMENT_HEADER.len() as u64, false, true);
        Ok(next)
    }

    /// Says that segments of so many bytes were removed.
    pub(crate) fn forget(&mut self, bytes: u64) {
        self.older_bytes = self.older_bytes.saturating_sub(bytes);
    }

    /// Bytes of the whole log.
    pub(crate) fn bytes(&self) -> u64 {
        self.older_bytes + self.length
    }
}

/// Removes the segments below `first` and gives their bytes. A crash in between leaves some, which the next start removes.
pub(crate) fn cut_segments(folder: &Path, first: u32) -> Result<u64, Error> {
    let mut removed = 0;
    for (segment, bytes) in list_segments(folder)? {
        if segment < first {
            atomic::remove(&segment_path(folder, segment))?;
            removed += bytes;
        }
    }
    Ok(removed)
}

fn create_segment(folder: &Path, segment: u32) -> Result<(PathBuf, File), Error> {
    let path = segment_path(folder, segment);
    let mut file = atomic::create(&path)?;
    file.write_all(SEGMENT_HEADER).map_err(Error::io("write", &path))?;
    atomic::sync_folder_of(&path)?;
    Ok((path, file))
}
