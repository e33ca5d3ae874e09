//! Checksums of a block's files: one CRC-32 per stripe, in a small file beside each Parquet file.
//!
//! The Parquet file itself stays as other tools know it, and the name beside it begins with a dot, which they pass over. Nothing here
//! reads or repairs a block: [`BlockFile`](super::block_file::BlockFile) compares, people restore.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::dir::atomic;

/// Bytes with one checksum: about a page, so that reading one page verifies little beside it.
pub(crate) const STRIPE_BYTES: usize = 256 << 10;

/// What a file of checksums starts with: a magic word and the format.
const MAGIC: &[u8; 8] = b"cepsum\x00\x01";

/// Where the checksums of a Parquet file stand, while it is written aside too.
pub(crate) fn checksum_file(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    path.with_file_name(format!(".{}.checksums", name.strip_suffix(atomic::ASIDE_SUFFIX).unwrap_or(name)))
}

/// Where the checksums of a Parquet file stand; `None` if it is no Parquet file. There is no such file for one that was written before
/// checksums.
pub fn checksums_beside(path: &Path) -> Option<PathBuf> {
    path.extension().is_some_and(|extension| extension == "parquet").then(|| checksum_file(path))
}

/// What a file should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checksums {
    pub(crate) length: u64,
    /// Of each stripe; the last one may be short.
    pub(crate) stripes: Vec<u32>,
}

impl Checksums {
    /// Writes them beside the Parquet file and forces them to the disk; gives their bytes.
    pub(crate) fn store(&self, parquet: &Path) -> Result<u64, Error> {
        let path = checksum_file(parquet);
        let mut bytes = Vec::with_capacity(20 + 4 * self.stripes.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.length.to_le_bytes());
        self.stripes.iter().for_each(|stripe| bytes.extend_from_slice(&stripe.to_le_bytes()));
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        let mut file = atomic::create(&path)?;
        file.write_all(&bytes).map_err(Error::io("write", &path))?;
        file.sync_all().map_err(Error::io("sync", &path))?;
        Ok(bytes.len() as u64)
    }

    /// The checksums of a Parquet file; `None` if it was written before there were any. The inner error says what is wrong with them.
    pub(crate) fn load(parquet: &Path) -> Result<Result<Option<Self>, String>, Error> {
        let path = checksum_file(parquet);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Self::parse(&bytes).map(Some).ok_or_else(|| format!("its checksums in \"{}\" are damaged", path.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Ok(None)),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<4>()?;
        let stripes = body.strip_prefix(MAGIC)?;
        let (length, stripes) = stripes.split_first_chunk::<8>()?;
        let length = u64::from_le_bytes(*length);
        let is_whole = stripes.len() as u64 == 4 * length.div_ceil(STRIPE_BYTES as u64);
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) || !is_whole {
            return None;
        }
        let stripes = stripes.as_chunks::<4>().0.iter().map(|stripe| u32::from_le_bytes(*stripe)).collect();
        Some(Self { length, stripes })
    }
}

/// A file that is summed up as it is written.
#[derive(Debug)]
pub(crate) struct Summing {
    file: File,
    length: u64,
    stripe: crc32fast::Hasher,
    stripes: Vec<u32>,
}

impl Summing {
    pub(crate) fn new(file: File) -> Self {
        Self { file, length: 0, stripe: crc32fast::Hasher::new(), stripes: Vec::new() }
    }

    /// The file and the checksums of what was written.
    pub(crate) fn finish(mut self) -> (File, Checksums) {
        if !self.length.is_multiple_of(STRIPE_BYTES as u64) {
            self.stripes.push(self.stripe.finalize());
        }
        (self.file, Checksums { length: self.length, stripes: self.stripes })
    }
}

impl Write for Summing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = STRIPE_BYTES - (self.length % STRIPE_BYTES as u64) as usize;
        let written = self.file.write(&bytes[..bytes.len().min(room)])?;
        self.stripe.update(&bytes[..written]);
        self.length += written as u64;
        if written == room {
            self.stripes.push(std::mem::take(&mut self.stripe).finalize());
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_summed_up_stripe_by_stripe_and_any_flip_of_the_sums_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        for length in [0, 1, STRIPE_BYTES - 1, STRIPE_BYTES, STRIPE_BYTES + 1, 3 * STRIPE_BYTES] {
            let parquet = dir.path().join("a.parquet.tmp");
            let bytes: Vec<u8> = (0..length).map(|index| (index * 7 % 251) as u8).collect();
            let mut writer = Summing::new(File::create(&parquet).unwrap());
            bytes.chunks(1000).for_each(|chunk| writer.write_all(chunk).unwrap());
            let (_, sums) = writer.finish();
            let want: Vec<u32> = bytes.chunks(STRIPE_BYTES).map(crc32fast::hash).collect();
            assert_eq!(sums, Checksums { length: length as u64, stripes: want });
            sums.store(&parquet).unwrap();
            let path = dir.path().join(".a.parquet.checksums");
            assert_eq!(Checksums::load(&parquet).unwrap(), Ok(Some(sums)));
            let stored = std::fs::read(&path).unwrap();
            for index in 0..stored.len() {
                let mut flipped = stored.clone();
                flipped[index] ^= 0x40;
                assert_eq!(Checksums::parse(&flipped), None, "byte {index}");
                assert_eq!(Checksums::parse(&stored[..index]), None, "cut to {index}");
            }
        }
        assert_eq!(Checksums::load(&dir.path().join("b.parquet")).unwrap(), Ok(None));
    }
}
