//! What was read of blocks lately and will be needed again: series files and footers, each kind within a budget; and the names of all
//! metrics and labels.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use cepmon_model::{METRIC_NAME, MatchOp, Matcher};
use hashbrown::HashSet;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::file::reader::Length;

use super::file;
use super::live::Block;
use super::logs::LogSummary;
use super::series::{BlockIndex, MetricSummary};
use crate::Error;
use crate::dir::manifest::BlockKind;

/// Bytes of series indexes that are kept: two blocks of 100,000 series.
const INDEX_BYTES: usize = 32 << 20;
/// Bytes of the series of single metrics that are kept.
const METRIC_BYTES: usize = 8 << 20;
/// Bytes of a series file above which its metrics are read one by one when a query names one: about 15,000 series. With 100,000 an index has
/// 16 MB and takes 0.2 s to read, and a query over hours needs many blocks'.
const LARGE_SERIES_FILE: u64 = 256 << 10;
/// Bytes of footers that are kept: hundreds.
const FOOTER_BYTES: usize = 8 << 20;

/// Footer and page index of the file with a block's rows.
#[derive(Debug)]
pub(crate) struct Footer {
    pub(crate) parquet: ArrowReaderMetadata,
    /// Of a log block.
    pub(crate) logs: Option<LogSummary>,
}

/// Parts of blocks in memory.
#[derive(Debug)]
pub(crate) struct BlockCache {
    indexes: Recent<BlockIndex>,
    metrics: Recent<BlockIndex>,
    footers: Recent<Footer>,
    names: Mutex<MetricNames>,
}

/// Things by name (a block's, or a block's and a metric's), most recently used last.
#[derive(Debug)]
struct Recent<T> {
    budget: usize,
    entries: Mutex<Vec<(String, Arc<T>, usize)>>,
}

/// The metrics of some blocks with their label names.
#[derive(Debug, Default)]
struct MetricNames {
    blocks: HashSet<String>,
    metrics: BTreeMap<String, BTreeSet<String>>,
}

impl Default for BlockCache {
    fn default() -> Self {
        let (indexes, metrics, footers) = (Recent::new(INDEX_BYTES), Recent::new(METRIC_BYTES), Recent::new(FOOTER_BYTES));
        Self { indexes, metrics, footers, names: Mutex::default() }
    }
}

impl BlockCache {
    /// The series index of a metrics block.
    pub(crate) fn index(&self, block: &Block) -> Result<Arc<BlockIndex>, Error> {
        self.indexes.get(&block.entry.name, || {
            let index = BlockIndex::read(block.series_file())?;
            let bytes = index.heap_bytes();
            Ok((index, bytes))
        })
    }

    /// An index that has all series of a metrics block for which all matchers may hold.
    pub(crate) fn index_for(&self, block: &Block, matchers: &[Matcher]) -> Result<Arc<BlockIndex>, Error> {
        let is_name = |matcher: &&Matcher| matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal && !matcher.value().is_empty();
        let Some(metric) = matchers.iter().find(is_name).map(Matcher::value) else { return self.index(block) };
        if let Some(whole) = self.indexes.touch(&block.entry.name) {
            return Ok(whole);
        }
        let file = block.series_file();
        if file.open()?.len() < LARGE_SERIES_FILE {
            return self.index(block);
        }
        self.metrics.get(&format!("{} {metric}", block.entry.name), || {
            let index = BlockIndex::read_metric(file, metric)?;
            // Even an empty one costs its entry here.
            let bytes = index.heap_bytes() + 4096;
            Ok((index, bytes))
        })
    }

    /// The footer of the file with a block's rows.
    pub(crate) fn footer(&self, block: &Block) -> Result<Arc<Footer>, Error> {
        self.footers.get(&block.entry.name, || {
            let file = block.rows_file();
            let parquet = file::read_footer(file)?;
            let logs = if block.entry.kind == BlockKind::Logs { Some(LogSummary::of(&parquet, file)?) } else { None };
            // The summary is parsed text of the footer, so it is counted with it.
            let bytes = 2 * parquet.metadata().memory_size();
            Ok((Footer { parquet, logs }, bytes))
        })
    }

    /// Looks at the metrics of some blocks, each with its label names. Asking for more blocks later is cheap; when one is gone that was
    /// there before, all are read again. A damaged block's metrics are left out: names promise nothing, and scans of its time say why.
    pub(crate) fn with_metrics<T>(
        &self,
        blocks: &[Arc<Block>],
        look: impl FnOnce(&BTreeMap<String, BTreeSet<String>>) -> T,
    ) -> Result<T, Error> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let live: HashSet<&str> = blocks.iter().map(|block| block.entry.name.as_str()).collect();
        if names.blocks.iter().any(|block| !live.contains(block.as_str())) {
            *names = MetricNames::default();
        }
        for block in blocks {
            if names.blocks.contains(&block.entry.name) {
                continue;
            }
            let summary = match MetricSummary::read(block.series_file()) {
                Err(Error::Damaged { .. }) => continue,
                summary => summary?,
            };
            for (metric, labels) in summary.0 {
                names.metrics.entry(metric).or_default().extend(labels);
            }
            names.blocks.insert(block.entry.name.clone());
        }
        Ok(look(&names.metrics))
    }
}

impl<T> Recent<T> {
    fn new(budget: usize) -> Self {
        Self { budget, entries: Mutex::default() }
    }

    /// The thing of that name, from memory or as `read` gives it with its bytes. Two callers may read the same at once; the second one's
    /// work is lost, nothing else. A thing over the budget is given and not kept.
    fn get(&self, name: &str, read: impl FnOnce() -> Result<(T, usize), Error>) -> Result<Arc<T>, Error> {
        if let Some(found) = self.touch(name) {
            return Ok(found);
        }
        let (thing, bytes) = read()?;
        let thing = Arc::new(thing);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push((name.to_owned(), Arc::clone(&thing), bytes));
        let mut total: usize = entries.iter().map(|(.., bytes)| bytes).sum();
        while total > self.budget && !entries.is_empty() {
            total -= entries.remove(0).2;
        }
        Ok(thing)
    }

    fn touch(&self, name: &str) -> Option<Arc<T>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let position = entries.iter().position(|(found, ..)| found == name)?;
        let entry = entries.remove(position);
        let found = Arc::clone(&entry.1);
        entries.push(entry);
        Some(found)
    }
}
