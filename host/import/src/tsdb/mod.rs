//! Prometheus's time series database on disk (2.0 to 3.x): blocks, and the head in `wal/`, `chunks_head/` and `wbl/`.
//!
//! Blocks are read one after the other, the head last. What several of them hold is handed out several times; whoever stores it drops
//! what is there already. Native histograms are counted and left out, exemplars and metadata records are passed over.

mod bit_reader;
mod xor;
mod meta;
mod index;
mod chunk_file;
mod tombstone;
mod block;
mod log;
mod log_record;
mod head_chunk;
mod head;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::Path;

use cepmon_model::TimestampMs;

use crate::files::{Files, is_ulid};
use crate::{Error, Findings, Selection, Sink};
use meta::Meta;

/// A Prometheus data directory.
#[derive(Debug)]
pub struct Tsdb {
    files: Files,
    blocks: Vec<BlockInfo>,
    findings: Findings,
}

/// A block, as its `meta.json` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockInfo {
    /// Its name, a ULID.
    pub ulid: String,
    /// The time of its first sample at the earliest.
    pub min_time: TimestampMs,
    /// The time that all its samples are before.
    pub max_time: TimestampMs,
    /// How many samples it says to have.
    pub samples: u64,
    /// How many series it says to have.
    pub series: u64,
    /// Whether it was made of samples that came late.
    is_out_of_order: bool,
}

impl Tsdb {
    /// Finds the data directory in a folder or an archive (tar, tar.gz), at the top or below. A compressed archive is unpacked into an
    /// unnamed file in the folder `scratch`.
    pub fn open(path: &Path, scratch: &Path) -> Result<Self, Error> {
        let files = Files::open(path, scratch)?;
        let mut findings = Findings::default();
        let mut metas = Vec::new();
        for ulid in files.folders("").into_iter().filter(|name| is_ulid(name)) {
            match Meta::read(&files, ulid) {
                Ok(meta) => metas.push(meta),
                Err(problem) => findings.problem(format!("block {ulid}: {problem}; the block is left out")),
            }
        }
        // What went into a larger block stays beside it until Prometheus has removed it.
        let merged: HashSet<String> = metas.iter().flat_map(Meta::parents).map(str::to_owned).collect();
        let mut blocks: Vec<BlockInfo> = metas.into_iter().map(Meta::into_info).filter(|block| !merged.contains(&block.ulid)).collect();
        blocks.sort_by(|left, right| (left.min_time, &left.ulid).cmp(&(right.min_time, &right.ulid)));
        Ok(Self { files, blocks, findings })
    }

    /// The blocks, oldest first.
    pub fn blocks(&self) -> &[BlockInfo] {
        &self.blocks
    }

    /// What opening came across.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Whether there is a head, that is data younger than the blocks.
    pub fn has_head(&self) -> bool {
        !self.files.in_folder("wal").is_empty() || !self.files.in_folder("chunks_head").is_empty() || self.files.has("wbl/00000000")
    }

    /// Hands out the samples of a block, series by series in the order of the block, each series once.
    pub fn read_block(&self, block: &BlockInfo, selection: &Selection, sink: &mut Sink<'_>) -> Result<Findings, Error> {
        block::read_block(&self.files, block, selection, sink)
    }

    /// Hands out the samples of the head, a series several times where there is much. Samples that come in order and are older than the
    /// youngest block are left out, as Prometheus leaves them out: they are in blocks, or were deleted there.
    pub fn read_head(&self, selection: &Selection, sink: &mut Sink<'_>) -> Result<Findings, Error> {
        let in_order = self.blocks.iter().filter(|block| !block.is_out_of_order);
        let oldest = in_order.map(|block| block.max_time).max().unwrap_or(TimestampMs::MIN);
        head::read_head(&self.files, oldest, selection, sink)
    }
}
