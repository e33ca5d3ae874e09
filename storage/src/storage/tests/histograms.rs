//! Native histograms through memory, log and blocks: found with their series, kept over crashes and merges, deleted with the rest.

use cepmon_model::{Bucket, CUSTOM_BUCKETS, Histogram, HistogramSample, ResetHint};

use super::*;
use crate::{Deletion, LabelScan};

fn labels(n: &str) -> LabelSet {
    LabelSet::from_pairs([("__name__", "h"), ("n", n)])
}

/// A histogram with so many observations.
fn sample(n: &str, timestamp: i64, count: f64) -> (LabelSet, HistogramSample) {
    let positive = vec![Bucket { index: -2, count: 1.0 }, Bucket { index: 5, count: count - 1.0 }];
    let negative = vec![Bucket { index: 0, count: 0.0 }];
    let histogram = Histogram { schema: 3, zero_threshold: 1e-9, count, sum: -0.5, positive, negative, ..Histogram::default() };
    (labels(n), HistogramSample { timestamp, histogram: Arc::new(histogram) })
}

/// Time, count and hint of each sample.
type Found = Vec<(i64, f64, ResetHint)>;

fn found(storage: &Storage, matcher: Matcher, range: (i64, i64)) -> Vec<(String, Found)> {
    let series = scan(storage, vec![matcher], range.0, range.1).into_iter();
    let histogram = |sample: &HistogramSample| (sample.timestamp, sample.histogram.count, sample.histogram.hint);
    series.map(|series| (series.labels.to_string(), series.histograms.iter().map(histogram).collect())).collect()
}

fn name() -> Matcher {
    Matcher::equal("__name__", "h")
}

#[test]
fn histograms_come_with_their_series_wherever_they_lie() {
    use ResetHint::{NotReset, Reset, Unknown};
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let outcome = storage.append_histograms(&[sample("2", 10, 3.0), sample("2", 20, 4.0), sample("10", 20, 5.0)]).unwrap();
    assert_eq!((outcome.appended, outcome.duplicates), (3, 0));
    let reference = storage.series_ref(&labels("2"), &MetricMetadata::default()).unwrap();
    storage.append(&[(reference, 15, 1.5), (reference, 20, 2.5)]).unwrap();
    let check = |storage: &Storage| {
        let want = [
            (r#"h{n="10"}"#.to_owned(), vec![(20, 5.0, Unknown)]),
            // Of two samples of one time the number counts.
            (r#"h{n="2"}"#.to_owned(), vec![(10, 3.0, Unknown), (30, 2.0, Reset)]),
        ];
        assert_eq!(found(storage, name(), (0, 100)), want);
        assert_eq!(found(storage, Matcher::equal("n", "2"), (11, 30))[0].1, want[1].1[1..]);
        let both = &scan(storage, vec![Matcher::equal("n", "2")], 0, 100)[0];
        assert_eq!((&*both.timestamps, &*both.values), (&[15, 20][..], &[1.5, 2.5][..]));
        assert_eq!(both.histograms[0].histogram.positive, sample("2", 0, 3.0).1.histogram.positive);
    };
    storage.append_histograms(&[sample("2", 30, 2.0)]).unwrap();
    check(&storage);
    storage.flush().unwrap();
    check(&storage);
    // What comes again, and what contradicts.
    let outcome = storage.append_histograms(&[sample("2", 30, 2.0), sample("2", 30, 9.0), sample("10", 40, 6.0)]).unwrap();
    assert_eq!((outcome.appended, outcome.duplicates, outcome.conflicts), (1, 1, 1));
    assert_eq!(found(&storage, Matcher::equal("n", "10"), (30, 100))[0].1, [(40, 6.0, NotReset)]);
    let series = storage.snapshot().series(&[Matcher::equal("n", "10")]).unwrap();
    assert_eq!((series[0].min_time, series[0].max_time), (20, 40));
    let scan = LabelScan { selectors: vec![vec![name()]], start: 0, end: 100 };
    assert_eq!(storage.snapshot().select_label_values("n", &scan).unwrap().into_iter().collect::<Vec<_>>(), ["10", "2"]);
}

#[test]
fn every_part_of_a_histogram_survives_a_crash_and_a_merge() {
    let dir = tempfile::tempdir().unwrap();
    let positive = vec![Bucket { index: 0, count: 1.25 }, Bucket { index: 2, count: 0.0 }];
    let custom = Histogram {
        hint: ResetHint::Gauge,
        schema: CUSTOM_BUCKETS,
        count: f64::MAX,
        sum: f64::NAN,
        positive,
        custom_values: [-1.5, 0.25, 1e300].into(),
        ..Histogram::default()
    };
    let exponential = Histogram { zero_count: 2.0, ..Histogram::clone(&sample("1", 0, 7.0).1.histogram) };
    let stored = [exponential, custom].map(Arc::new);
    let batch = |index: usize| (labels("1"), HistogramSample { timestamp: 10 + index as i64, histogram: Arc::clone(&stored[index]) });
    let storage = open(dir.path());
    storage.append_histograms(&[batch(0)]).unwrap();
    storage.flush().unwrap();
    storage.append_histograms(&[batch(1)]).unwrap();
    drop(storage);
    let check = |storage: &Storage| {
        let histograms = scan(storage, vec![name()], 0, 100).remove(0).histograms;
        assert_eq!(histograms.len(), 2);
        for (found, stored) in histograms.iter().zip(&stored) {
            assert!(found.histogram.is_same_data(stored), "{found:?}");
            assert_eq!(found.histogram.hint, stored.hint);
        }
    };
    let storage = open(dir.path());
    check(&storage);
    storage.flush().unwrap();
    let day = 86_400_000;
    while storage.compact(3 * day).unwrap().is_some() {}
    check(&storage);
}

#[test]
fn histograms_are_deleted_with_their_series() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    storage.append_histograms(&[sample("1", 10, 2.0), sample("1", 20, 3.0), sample("2", 20, 4.0)]).unwrap();
    storage.flush().unwrap();
    storage.append_histograms(&[sample("1", 30, 5.0)]).unwrap();
    let deletion = Deletion { selectors: vec![vec![Matcher::equal("n", "1")]], start: 15, end: i64::MAX };
    assert_eq!(storage.count_series(&deletion).unwrap().rows, 2);
    let report = storage.delete_series(&deletion, "127.0.0.1", 7).unwrap();
    assert_eq!((report.series, report.rows), (1, 2));
    let left: Vec<_> = found(&storage, name(), (0, 100)).into_iter().map(|(series, samples)| (series, samples.len())).collect();
    assert_eq!(left, [(r#"h{n="1"}"#.to_owned(), 1), (r#"h{n="2"}"#.to_owned(), 1)]);
    // What is sent once more is no duplicate of what is gone.
    assert_eq!(storage.append_histograms(&[sample("1", 30, 5.0)]).unwrap().appended, 1);
}
