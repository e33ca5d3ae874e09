//! Labels without samples: over memory and blocks, within times.

use cepmon_model::{MatchOp, MetricKind};

use super::*;
use crate::LabelScan;

fn label_scan(selectors: Vec<Vec<Matcher>>, start: i64, end: i64) -> LabelScan {
    LabelScan { selectors, start, end }
}

fn n(value: &str) -> Vec<Matcher> {
    vec![Matcher::new("n", MatchOp::Equal, value).unwrap()]
}

#[test]
fn labels_are_those_of_series_with_samples_between_the_times() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    append(&storage, &[(0, 1_000, 1.0), (1, 1_000, 1.0), (2, 1_000, 1.0)]);
    storage.flush().unwrap();
    append(&storage, &[(1, 5_000, 1.0), (3, 5_000, 1.0)]);
    let snapshot = storage.snapshot();
    let values = |selectors: Vec<Vec<Matcher>>, start, end| -> String {
        let values = snapshot.select_label_values("n", &label_scan(selectors, start, end)).unwrap();
        values.into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(values(vec![], i64::MIN, i64::MAX), "0 1 2 3");
    assert_eq!(values(vec![], 0, 2_000), "0 1 2");
    assert_eq!(values(vec![], 2_000, 6_000), "1 3");
    assert_eq!(values(vec![n("0"), n("3")], i64::MIN, i64::MAX), "0 3");
    assert_eq!(values(vec![n("0"), n("3")], 2_000, i64::MAX), "3");
    assert_eq!(values(vec![n("9")], i64::MIN, i64::MAX), "");

    let names = snapshot.select_label_names(&label_scan(vec![], i64::MIN, i64::MAX)).unwrap();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["__name__", "n", "parity"]);
    assert!(snapshot.select_label_names(&label_scan(vec![], 8_000, i64::MAX)).unwrap().is_empty());
    let series = snapshot.select_series(&label_scan(vec![n("1"), n("2")], i64::MIN, i64::MAX)).unwrap();
    assert_eq!(series.into_iter().collect::<Vec<_>>(), [labels(1), labels(2)]);
}

#[test]
fn metadata_are_kept_by_metric() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let metadata = |help: &str| MetricMetadata { kind: MetricKind::Gauge, unit: String::new(), help: help.to_owned() };
    for (number, help) in [(0, "one"), (3, "two"), (1, "three")] {
        let series = storage.series_ref(&labels(number), &metadata(help)).unwrap();
        storage.append(&[(series, 1_000, 1.0)]).unwrap();
    }
    let all = storage.snapshot().metadata(&[]);
    assert_eq!(all.keys().collect::<Vec<_>>(), ["m0", "m1"]);
    assert_eq!(all["m0"].iter().cloned().collect::<Vec<_>>(), [metadata("one"), metadata("two")]);
    let some = storage.snapshot().metadata(&n("3"));
    assert_eq!(some.into_iter().collect::<Vec<_>>(), [("m0".to_owned(), [metadata("two")].into())]);
}

#[test]
fn cardinality_counts_series_values_and_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    append(&storage, &(0..10).map(|number| (number, 1_000, 1.0)).collect::<Vec<_>>());
    let found = storage.snapshot().cardinality(2);
    assert_eq!((found.series, found.label_pairs), (10, 15));
    assert_eq!((found.chunks, found.span), (10, Some((1_000, 1_000))));
    let text = |list: &[(String, u64)]| list.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ");
    assert_eq!(text(&found.series_by_metric), "m0 4, m1 3");
    assert_eq!(text(&found.values_by_label), "n 10, __name__ 3");
    assert_eq!(text(&found.bytes_by_label), "parity 35, __name__ 20");
    assert_eq!(text(&found.series_by_pair), "parity=even 5, parity=odd 5");
}
