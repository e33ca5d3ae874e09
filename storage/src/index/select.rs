//! Which series a list of matchers selects.
//!
//! The smallest postings give the candidates, each candidate's pair list is checked against the rest. Postings need no order for that,
//! so numbers can be reused; a matcher's regular expression runs once per distinct value of its label, never per series.

use cepmon_model::{MatchOp, Matcher};

use super::{LabelIndex, PairId};

/// A matcher, resolved against the pairs of one index.
struct Condition<'a> {
    name: &'a str,
    /// Pairs that satisfy it, ascending.
    pairs: Vec<PairId>,
    /// Whether a series without the label satisfies it.
    accepts_missing: bool,
}

impl LabelIndex {
    /// The series that satisfy all matchers, in no order.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Vec<u32> {
        let conditions: Vec<Condition<'_>> = matchers.iter().map(|matcher| self.resolve(matcher)).collect();
        let candidates_of = |condition: &Condition<'_>| -> usize {
            condition.pairs.iter().map(|&pair| self.postings[pair as usize].as_slice().len()).sum()
        };
        let narrowest = (0..conditions.len()).filter(|&index| !conditions[index].accepts_missing);
        let Some(narrowest) = narrowest.min_by_key(|&index| candidates_of(&conditions[index])) else {
            return self.numbers().filter(|&number| self.satisfies_all(number, conditions.iter())).collect();
        };
        let rest = || conditions.iter().enumerate().filter(|(index, _)| *index != narrowest).map(|(_, condition)| condition);
        let mut selected = Vec::new();
        // A series has one pair per name, so no series comes twice.
        for &pair in &conditions[narrowest].pairs {
            let candidates = self.postings[pair as usize].as_slice().iter().copied();
            selected.extend(candidates.filter(|&number| self.satisfies_all(number, rest())));
        }
        selected
    }

    /// The series that satisfy all matchers of any selector, ascending; all series if there is no selector.
    pub(crate) fn select_any(&self, selectors: &[Vec<Matcher>]) -> Vec<u32> {
        if selectors.is_empty() {
            return self.numbers().collect();
        }
        let mut selected: Vec<u32> = selectors.iter().flat_map(|matchers| self.select(matchers)).collect();
        selected.sort_unstable();
        selected.dedup();
        selected
    }

    fn resolve<'a>(&self, matcher: &'a Matcher) -> Condition<'a> {
        let accepts_missing = matcher.matches_empty();
        let pairs = if matcher.op() == MatchOp::Equal {
            self.pairs.find(matcher.name(), matcher.value()).into_iter().collect()
        } else {
            let pairs = self.pairs.with_name(matcher.name()).iter().copied();
            pairs.filter(|&pair| matcher.matches(self.pairs.text(pair).1)).collect()
        };
        Condition { name: matcher.name(), pairs, accepts_missing }
    }

    fn satisfies_all<'a>(&self, number: u32, conditions: impl IntoIterator<Item = &'a Condition<'a>>) -> bool {
        let list = self.pair_list(number);
        conditions.into_iter().all(|condition| {
            let has_pair = list.iter().any(|pair| condition.pairs.binary_search(pair).is_ok());
            has_pair || (condition.accepts_missing && !list.iter().any(|&pair| self.pairs.text(pair).0 == condition.name))
        })
    }
}
