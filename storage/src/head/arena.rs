//! Where closed chunks lie: pages filled one after the other and freed together when a flush is through. Readers share full pages.

use std::sync::Arc;

/// Bits of an address that count bytes within a page; a chunk never spans pages.
const PAGE_BITS: u32 = 18;
const PAGE_BYTES: usize = 1 << PAGE_BITS;

/// Bytes before a chunk's own: address of the series' previous chunk, length, count, last timestamp.
const HEADER_BYTES: usize = 4 + 2 + 1 + 8;

/// A chunk's place: page number and byte, in 32 bits (4 GiB of chunks; `head_max_bytes` keeps far below).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkAddress(u32);

impl ChunkAddress {
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// A closed chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClosedChunk<'a> {
    pub(super) previous: ChunkAddress,
    pub(super) count: u8,
    pub(super) first_timestamp: i64,
    pub(super) last_timestamp: i64,
    pub(super) bytes: &'a [u8],
}

/// Closed chunks that still grow in number.
#[derive(Debug, Default)]
pub(super) struct Arena {
    full: Vec<Arc<Vec<u8>>>,
    filling: Vec<u8>,
}

/// Closed chunks that stay as they are.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages(Vec<Arc<Vec<u8>>>);

impl Arena {
    /// Stores a chunk; `previous` is the same series' chunk before it.
    pub(super) fn push(&mut self, previous: ChunkAddress, count: u8, last_timestamp: i64, bytes: &[u8]) -> ChunkAddress {
        if self.filling.len() + HEADER_BYTES + bytes.len() > PAGE_BYTES {
            self.full.push(Arc::new(std::mem::take(&mut self.filling)));
        }
        if self.filling.capacity() == 0 {
            self.filling.reserve_exact(PAGE_BYTES);
        }
        let address = (self.full.len() << PAGE_BITS) | self.filling.len();
        self.filling.extend_from_slice(&previous.0.to_le_bytes());
        let len = u16::try_from(bytes.len()).expect("BUG: a chunk over 64 KiB");
        self.filling.extend_from_slice(&len.to_le_bytes());
        self.filling.push(count);
        self.filling.extend_from_slice(&last_timestamp.to_le_bytes());
        self.filling.extend_from_slice(bytes);
        ChunkAddress(u32::try_from(address).expect("BUG: more than 4 GiB of chunks in the head"))
    }

    pub(super) fn get(&self, address: ChunkAddress) -> Option<ClosedChunk<'_>> {
        if address == ChunkAddress::NONE {
            return None;
        }
        let page = self.full.get(address.0 as usize >> PAGE_BITS).map_or(&self.filling, Arc::as_ref);
        chunk_at(page, address)
    }

    /// A view that later pushes do not change. It shares full pages and copies the one that is being filled (at most 256 KiB).
    pub(super) fn pages(&self) -> Pages {
        let mut pages = self.full.clone();
        pages.push(Arc::new(self.filling.clone()));
        Pages(pages)
    }

    /// Takes all chunks out.
    pub(super) fn take(&mut self) -> Pages {
        let mut pages = std::mem::take(&mut self.full);
        pages.push(Arc::new(std::mem::take(&mut self.filling)));
        Pages(pages)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.full.len() * PAGE_BYTES + self.filling.len()
    }
}

impl Pages {
    pub(super) fn get(&self, address: ChunkAddress) -> Option<ClosedChunk<'_>> {
        if address == ChunkAddress::NONE {
            return None;
        }
        chunk_at(self.0.get(address.0 as usize >> PAGE_BITS)?, address)
    }
}

fn chunk_at(page: &[u8], address: ChunkAddress) -> Option<ClosedChunk<'_>> {
    let rest = page.get(address.0 as usize & (PAGE_BYTES - 1)..)?;
    let (previous, rest) = rest.split_first_chunk::<4>()?;
    let (len, rest) = rest.split_first_chunk::<2>()?;
    let (&count, rest) = rest.split_first()?;
    let (last, rest) = rest.split_first_chunk::<8>()?;
    let bytes = rest.get(..u16::from_le_bytes(*len) as usize)?;
    // A chunk starts with its first timestamp, see chunk.rs.
    let first = bytes.first_chunk::<8>()?;
    Some(ClosedChunk {
        previous: ChunkAddress(u32::from_le_bytes(*previous)),
        count,
        first_timestamp: i64::from_be_bytes(*first),
        last_timestamp: i64::from_le_bytes(*last),
        bytes,
    })
}
