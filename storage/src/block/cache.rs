//! Series files in memory, the recently used ones, within a budget.

use std::sync::{Arc, Mutex, PoisonError};

use super::live::Block;
use super::series::BlockIndex;
use crate::Error;

/// Bytes of series indexes that are kept. The one that is being used does not count, so a larger one still works, only slower.
const CACHE_BYTES: usize = 32 << 20;

#[derive(Debug)]
struct Entry {
    block: String,
    index: Arc<BlockIndex>,
    bytes: usize,
}

/// Series indexes of metrics blocks by block name, most recently used last.
#[derive(Debug, Default)]
pub(crate) struct IndexCache(Mutex<Vec<Entry>>);

impl IndexCache {
    /// The series index of a block, from memory or from its file.
    pub(crate) fn get(&self, block: &Block) -> Result<Arc<BlockIndex>, Error> {
        if let Some(index) = self.touch(&block.entry.name) {
            return Ok(index);
        }
        // Two readers may read the same file at once; the second one's work is lost, nothing else.
        let index = Arc::new(BlockIndex::read(&block.series_file())?);
        let bytes = index.heap_bytes();
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(Entry { block: block.entry.name.clone(), index: Arc::clone(&index), bytes });
        let mut total: usize = entries.iter().map(|entry| entry.bytes).sum();
        while total > CACHE_BYTES && !entries.is_empty() {
            total -= entries.remove(0).bytes;
        }
        Ok(index)
    }

    fn touch(&self, block: &str) -> Option<Arc<BlockIndex>> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let position = entries.iter().position(|entry| entry.block == block)?;
        let entry = entries.remove(position);
        let index = Arc::clone(&entry.index);
        entries.push(entry);
        Some(index)
    }
}
