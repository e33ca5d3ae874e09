//! A segment of a block's chunks. A block's series lie in the order of its chunks, so reading ahead makes a few reads of thousands.

use crate::Error;
use crate::bytes::{Bytes, Malformed};
use crate::files::Blob;

const MAGIC: u32 = 0x85bd_40dd;
const VERSION: u8 = 1;
/// How much is read at once; a chunk is a few hundred bytes.
const READ_AHEAD: usize = 1 << 20;
/// Chunks beyond this are damage: Prometheus cuts floats at 120 samples and histograms at about 1 KiB.
const MAX_CHUNK: usize = 16 << 20;

/// How a chunk is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Xor,
    Histogram,
    Other(u8),
}

impl From<u8> for Encoding {
    fn from(byte: u8) -> Self {
        match byte {
            1 => Self::Xor,
            2 | 3 => Self::Histogram,
            other => Self::Other(other),
        }
    }
}

/// An open segment.
#[derive(Debug)]
pub(super) struct ChunkFile {
    blob: Blob,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl ChunkFile {
    /// Opens a segment and looks at its header.
    pub(super) fn open(blob: Blob) -> Result<Result<Self, Malformed>, Error> {
        let mut file = Self { blob, buffer: Vec::new(), buffer_at: 0 };
        file.blob.read_at(0, READ_AHEAD, &mut file.buffer)?;
        Ok(file.check_header().map(|()| file))
    }

    fn check_header(&self) -> Result<(), Malformed> {
        let mut header = Bytes::new(&self.buffer);
        if header.be32()? != MAGIC {
            return Err(Malformed::Magic);
        }
        if header.byte()? == VERSION { Ok(()) } else { Err(Malformed::Version) }
    }

    /// The encoding and the bytes of the chunk at an offset.
    pub(super) fn chunk(&mut self, offset: u64) -> Result<Result<(Encoding, &[u8]), Malformed>, Error> {
        // First its length, then all of it: the second reading is only needed for a chunk at the buffer's end.
        let is_buffered =
            |file: &Self, len: usize| offset >= file.buffer_at && offset + len as u64 <= file.buffer_at + file.buffer.len() as u64;
        for needed in [16, 0] {
            let len = if needed > 0 {
                needed
            } else {
                match self.len_at(offset) {
                    Ok(len) => len,
                    Err(problem) => return Ok(Err(problem)),
                }
            };
            if !is_buffered(self, len) {
                self.blob.read_at(offset, READ_AHEAD.max(len), &mut self.buffer)?;
                self.buffer_at = offset;
            }
        }
        Ok(self.parse(offset))
    }

    /// The length of everything that belongs to a chunk.
    fn len_at(&self, offset: u64) -> Result<usize, Malformed> {
        let mut place = Bytes::at(&self.buffer, offset - self.buffer_at)?;
        let before = place.len();
        let len = place.count()?;
        if len > MAX_CHUNK {
            return Err(Malformed::Number);
        }
        Ok(before - place.len() + 1 + len + 4)
    }

    fn parse(&self, offset: u64) -> Result<(Encoding, &[u8]), Malformed> {
        let mut place = Bytes::at(&self.buffer, offset - self.buffer_at)?;
        let len = place.count()?;
        // The checksum is of the encoding too.
        let (encoding, data) = place.checked(1 + len)?.split_first().ok_or(Malformed::Short)?;
        Ok((Encoding::from(*encoding), data))
    }
}
