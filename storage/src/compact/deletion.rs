//! What is to be deleted: which series or streams, from when to when. Deleting is done by writing blocks again, see `storage/delete.rs`.

use cepmon_model::{LabelSet, Matcher};

/// A selection of samples or of log entries.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// Lists of conditions; a series or stream is meant if all conditions of one list hold. An empty list means every one.
    pub selectors: Vec<Vec<Matcher>>,
    /// First time, inclusive: Unix milliseconds, for logs nanoseconds.
    pub start: i64,
    /// Last time, inclusive.
    pub end: i64,
}

/// What a deletion removed, or would remove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeletionReport {
    /// Series or log streams that lost something.
    pub series: u64,
    /// Samples or log entries.
    pub rows: u64,
    /// Blocks that were written again or removed; 0 when only counted.
    pub blocks: u64,
}

impl Deletion {
    /// Whether a series or stream is meant.
    pub(crate) fn matches(&self, labels: &LabelSet) -> bool {
        is_meant(&self.selectors, labels)
    }

    /// Rows of ascending times that are meant.
    pub(crate) fn rows(&self, times: &[i64]) -> std::ops::Range<usize> {
        let first = times.partition_point(|&time| time < self.start);
        let end = times.partition_point(|&time| time <= self.end);
        first..end.max(first)
    }
}

/// Whether all conditions of one of the lists hold.
pub(crate) fn is_meant(selectors: &[Vec<Matcher>], labels: &LabelSet) -> bool {
    let holds = |matcher: &Matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default());
    selectors.iter().any(|selector| selector.iter().all(holds))
}
