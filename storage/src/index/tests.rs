//! The index against matching every label set one by one.

use cepmon_model::{MatchOp, Matcher};

use super::*;

fn sample_sets() -> Vec<LabelSet> {
    let mut sets = Vec::new();
    for metric in ["up", "cpu", "cpu_total"] {
        for host in ["a", "b", "c"] {
            for mode in ["", "user", "idle"] {
                sets.push(LabelSet::from_pairs([("__name__", metric), ("host", host), ("mode", mode), ("Zone", "eu")]));
            }
        }
    }
    sets
}

fn index_of(sets: &[LabelSet]) -> LabelIndex {
    let mut index = LabelIndex::default();
    for (number, labels) in (0u32..).zip(sets) {
        index.insert(number, labels);
    }
    index
}

fn matches_all(labels: &LabelSet, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
}

#[test]
fn selection_agrees_with_matching_every_label_set() {
    let sets = sample_sets();
    let index = index_of(&sets);
    let matcher = |name: &str, op, value: &str| Matcher::new(name, op, value).unwrap();
    let check = |matchers: &[Matcher]| {
        let mut got = index.select(matchers);
        got.sort_unstable();
        let want: Vec<u32> = (0u32..).zip(&sets).filter(|(_, labels)| matches_all(labels, matchers)).map(|(number, _)| number).collect();
        assert_eq!(got, want, "{matchers:?}");
    };
    check(&[]);
    check(&[Matcher::equal("__name__", "cpu")]);
    check(&[Matcher::equal("__name__", "cpu"), Matcher::equal("mode", "")]);
    check(&[matcher("mode", MatchOp::NotEqual, "idle"), Matcher::equal("host", "b")]);
    check(&[matcher("__name__", MatchOp::Regex, "cpu.*"), matcher("mode", MatchOp::Regex, "idle|")]);
    check(&[matcher("mode", MatchOp::NotRegex, ".+")]);
    check(&[Matcher::equal("nosuch", ""), matcher("host", MatchOp::Regex, "a|c")]);
    check(&[Matcher::equal("nosuch", "x")]);
    check(&[matcher("mode", MatchOp::Regex, ".*")]);
}

#[test]
fn the_order_is_that_of_label_sets_and_labels_read_back() {
    let sets = sample_sets();
    let index = index_of(&sets);
    for left in 0..sets.len() {
        assert_eq!(index.labels(left as u32), sets[left]);
        for right in 0..sets.len() {
            assert_eq!(index.compare(left as u32, right as u32), sets[left].cmp(&sets[right]), "{} {}", sets[left], sets[right]);
            assert_eq!(index.has_labels(left as u32, &sets[right]), left == right);
        }
    }
}

#[test]
fn removed_series_are_never_selected_and_a_rebuild_forgets_their_text() {
    let sets = sample_sets();
    let mut index = index_of(&sets);
    let gone: Vec<u32> = index.select(&[Matcher::equal("__name__", "cpu")]);
    index.remove(&gone);
    assert_eq!(index.len(), sets.len() - gone.len());
    assert!(index.select(&[Matcher::equal("__name__", "cpu")]).is_empty());
    assert_eq!(index.metric_names().collect::<Vec<_>>(), ["up", "cpu_total"]);
    let rebuilt = index.rebuilt();
    assert_eq!(rebuilt.pair_count(), index.pair_count() - 1);
    let mut selected = rebuilt.select(&[Matcher::equal("host", "a")]);
    selected.sort_unstable();
    let mut want = index.select(&[Matcher::equal("host", "a")]);
    want.sort_unstable();
    assert_eq!(selected, want);
    index.insert(gone[0], &sets[gone[0] as usize]);
    assert_eq!(index.select(&[Matcher::equal("__name__", "cpu")]), [gone[0]]);
}

#[test]
fn label_names_belong_to_their_metric() {
    let index = index_of(&[
        LabelSet::from_pairs([("__name__", "a"), ("x", "1")]),
        LabelSet::from_pairs([("__name__", "a"), ("y", "1"), ("x", "2")]),
        LabelSet::from_pairs([("__name__", "b"), ("z", "1")]),
    ]);
    let mut names = index.label_names("a");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names, ["x", "y"]);
    assert!(index.label_names("c").is_empty());
}
