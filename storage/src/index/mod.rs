//! The label index that the head and the series files of blocks share: every label pair stored once, which series have it, and
//! which series a list of matchers selects. It holds no samples.
//!
//! Series are numbered by their owner (a slot in the head, a row in a series file). A series costs 8 bytes per label (its pair list
//! and its place in the pair's postings) and 6 more; label text is paid once per distinct pair.

mod pair;
mod posting;
mod select;

use std::cmp::Ordering;

use cepmon_model::{LabelSet, METRIC_NAME};

use pair::PairTable;
use posting::Postings;

/// A label pair's number within one index.
pub(crate) type PairId = u32;

/// Where a series' pair list lies in `lists`.
#[derive(Debug, Clone, Copy, Default)]
struct ListSpan {
    start: u32,
    /// 0 = there is no such series: every series has a label.
    len: u16,
}

/// Labels of numbered series.
#[derive(Debug, Default)]
pub(crate) struct LabelIndex {
    pairs: PairTable,
    postings: Vec<Postings>,
    lists: Vec<PairId>,
    spans: Vec<ListSpan>,
    live: usize,
    /// Elements of `lists` that belong to removed series.
    dead_list_items: usize,
}

impl LabelIndex {
    /// Gives a number its labels. The number must be free, the label set not empty.
    pub(crate) fn insert(&mut self, number: u32, labels: &LabelSet) {
        let start = u32::try_from(self.lists.len()).expect("BUG: more than 4 G label references");
        if self.lists.len() + labels.len() > self.lists.capacity() {
            // An eighth more instead of doubling, as for the head's slots.
            self.lists.reserve_exact(labels.len().max(1024).max(self.lists.len() / 8));
        }
        for (name, value) in labels.iter() {
            let pair = self.pairs.intern(name, value);
            if pair as usize == self.postings.len() {
                self.postings.push(Postings::default());
            }
            self.postings[pair as usize].push(number);
            self.lists.push(pair);
        }
        let len = u16::try_from(labels.len()).expect("BUG: a series with more than 65,535 labels");
        if self.spans.len() <= number as usize {
            self.spans.resize(number as usize + 1, ListSpan::default());
        }
        debug_assert!(len > 0 && self.spans[number as usize].len == 0);
        self.spans[number as usize] = ListSpan { start, len };
        self.live += 1;
    }

    /// Forgets series. Their text goes with the next [`rebuilt`](Self::rebuilt).
    pub(crate) fn remove(&mut self, numbers: &[u32]) {
        let mut touched = Vec::new();
        for &number in numbers {
            touched.extend_from_slice(self.pair_list(number));
            let span = std::mem::take(&mut self.spans[number as usize]);
            self.dead_list_items += span.len as usize;
            self.live -= usize::from(span.len > 0);
        }
        touched.sort_unstable();
        touched.dedup();
        for pair in touched {
            self.postings[pair as usize].retain(|number| self.spans[number as usize].len > 0);
        }
    }

    /// Whether removed series hold as much memory as live ones, so that a rebuild pays.
    pub(crate) fn is_half_dead(&self) -> bool {
        self.dead_list_items > 4096 && 2 * self.dead_list_items > self.lists.len()
    }

    /// The same series in a fresh index without what removed ones left. Pair numbers change, series numbers do not.
    pub(crate) fn rebuilt(&self) -> Self {
        let mut fresh = Self::default();
        for number in self.numbers() {
            fresh.insert(number, &self.labels(number));
        }
        fresh
    }

    /// Numbers of all series, ascending.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.spans).filter(|(_, span)| span.len > 0).map(|(number, _)| number)
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// The labels of a series; empty if there is no such series.
    pub(crate) fn labels(&self, number: u32) -> LabelSet {
        LabelSet::from_sorted(self.pair_list(number).iter().map(|&pair| self.pairs.text(pair)))
    }

    /// Whether a series has exactly these labels.
    pub(crate) fn has_labels(&self, number: u32, labels: &LabelSet) -> bool {
        let list = self.pair_list(number);
        list.len() == labels.len() && list.iter().zip(labels.iter()).all(|(&pair, label)| self.pairs.text(pair) == label)
    }

    /// The pairs of a series, sorted by label name; empty if there is no such series.
    pub(crate) fn pair_list(&self, number: u32) -> &[PairId] {
        let span = self.spans.get(number as usize).copied().unwrap_or_default();
        &self.lists[span.start as usize..span.start as usize + span.len as usize]
    }

    /// Name and value of a pair.
    pub(crate) fn pair_text(&self, pair: PairId) -> (&str, &str) {
        self.pairs.text(pair)
    }

    /// How many pairs were ever numbered: all pair numbers are below.
    #[cfg(test)]
    fn pair_count(&self) -> usize {
        self.postings.len()
    }

    /// The order of `LabelSet`, without building label sets.
    pub(crate) fn compare(&self, left: u32, right: u32) -> Ordering {
        let metric = |number| {
            let pair = self.pair_list(number).iter().find(|&&pair| self.pairs.text(pair).0 == METRIC_NAME);
            pair.map_or("", |&pair| self.pairs.text(pair).1)
        };
        let others = |number: u32| self.pair_list(number).iter().copied().filter(|&pair| self.pairs.text(pair).0 != METRIC_NAME);
        metric(left).cmp(metric(right)).then_with(|| {
            let (mut left, mut right) = (others(left), others(right));
            loop {
                match (left.next(), right.next()) {
                    (Some(a), Some(b)) if a == b => {}
                    (Some(a), Some(b)) => return self.pairs.text(a).cmp(&self.pairs.text(b)),
                    (a, b) => return a.is_some().cmp(&b.is_some()),
                }
            }
        })
    }

    /// Names of all metrics, in no order.
    pub(crate) fn metric_names(&self) -> impl Iterator<Item = &str> {
        let pairs = self.pairs.with_name(METRIC_NAME).iter();
        pairs.filter(|&&pair| !self.postings[pair as usize].as_slice().is_empty()).map(|&pair| self.pairs.text(pair).1)
    }

    /// Names of all labels that series of a metric have, in no order and with repetitions; `__name__` is not among them.
    pub(crate) fn label_names(&self, metric: &str) -> Vec<&str> {
        let Some(pair) = self.pairs.find(METRIC_NAME, metric) else { return Vec::new() };
        let mut names = Vec::new();
        let mut last: &[PairId] = &[];
        for &number in self.postings[pair as usize].as_slice() {
            let list = self.pair_list(number);
            let has_same_names =
                list.len() == last.len() && list.iter().zip(last).all(|(&a, &b)| self.pairs.text(a).0 == self.pairs.text(b).0);
            if !has_same_names {
                names.extend(list.iter().map(|&pair| self.pairs.text(pair).0).filter(|&name| name != METRIC_NAME));
            }
            last = list;
        }
        names
    }

    /// Looks at the label pairs of some series, each distinct pair once.
    pub(crate) fn visit_pairs(&self, numbers: impl IntoIterator<Item = u32>, mut visit: impl FnMut(&str, &str)) {
        let mut is_seen = vec![false; self.postings.len()];
        for number in numbers {
            for &pair in self.pair_list(number) {
                if !std::mem::replace(&mut is_seen[pair as usize], true) {
                    let (name, value) = self.pairs.text(pair);
                    visit(name, value);
                }
            }
        }
    }

    /// Looks at every label pair that a series has, with the numbers of its series.
    pub(crate) fn visit_postings(&self, mut visit: impl FnMut(&str, &str, &[u32])) {
        for (pair, postings) in (0..).zip(&self.postings) {
            let (name, value) = self.pairs.text(pair);
            let numbers = postings.as_slice();
            if !numbers.is_empty() {
                visit(name, value, numbers);
            }
        }
    }

    /// Bytes of memory behind the index.
    pub(crate) fn heap_bytes(&self) -> usize {
        let postings: usize = self.postings.iter().map(Postings::heap_bytes).sum();
        let vectors = self.postings.capacity() * size_of::<Postings>()
            + self.lists.capacity() * size_of::<PairId>()
            + self.spans.capacity() * size_of::<ListSpan>();
        self.pairs.heap_bytes() + postings + vectors
    }
}

#[cfg(test)]
mod tests;
