//! Bodies as a sender makes them, over a real storage.

use cepmon_model::Matcher;
use cepmon_storage::{SampleScan, StorageOptions};

use super::super::native_histogram::{WireCount, WireHistogram, WireSpan};
use super::message::Sample;
use super::*;

const NOW: TimestampMs = 1_700_000_000_000;

struct Fixture {
    _dir: tempfile::TempDir,
    storage: Arc<Storage>,
    receiver: RemoteWrite,
}

fn fixture_with(change: impl FnOnce(&mut StorageOptions)) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let mut options = StorageOptions::new(dir.path());
    change(&mut options);
    let storage = Arc::new(Storage::open(options).unwrap().0);
    let receiver = RemoteWrite::new(Arc::clone(&storage));
    Fixture { _dir: dir, storage, receiver }
}

fn fixture() -> Fixture {
    fixture_with(|_| {})
}

fn series(labels: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
    let label = |&(name, value): &(&str, &str)| Label { name: name.to_owned(), value: value.to_owned() }.encode_to_vec().into();
    TimeSeries {
        labels: labels.iter().map(label).collect(),
        samples: samples.iter().map(|&(at, value)| Sample { value, timestamp: NOW + at }).collect(),
        ..TimeSeries::default()
    }
}

impl Fixture {
    fn write(&self, series: Vec<TimeSeries>) -> Written {
        self.try_write(WriteRequest { series, metadata: Vec::new() }).unwrap()
    }

    fn try_write(&self, request: WriteRequest) -> Result<Written, RemoteWriteError> {
        self.receiver.write(request.encode_to_vec().into(), Version::One, NOW)
    }

    fn stored(&self) -> Vec<String> {
        let scan = SampleScan { matchers: Vec::new(), start: i64::MIN, end: i64::MAX };
        let line = |series: cepmon_storage::SeriesSamples| {
            let samples: Vec<_> = series.timestamps.iter().zip(&series.values).map(|(at, value)| format!("{}={value}", at - NOW)).collect();
            format!("{} {}", series.labels, samples.join(" "))
        };
        self.storage.snapshot().scan_samples(&scan).unwrap().map(|series| line(series.unwrap())).collect()
    }
}

#[test]
fn labels_in_any_order_are_the_same_series_and_every_body_adds_to_it() {
    let fixture = fixture();
    let sorted = [("__name__", "up"), ("job", "a")];
    let other = [("job", "a"), ("__name__", "up")];
    assert_eq!(fixture.write(vec![series(&sorted, &[(1, 1.0), (2, 0.0)])]).outcome.appended, 2);
    assert_eq!(fixture.write(vec![series(&other, &[(3, 1.0)]), series(&[("__name__", "x")], &[(3, 5.5)])]).outcome.appended, 2);
    assert_eq!(fixture.write(vec![series(&sorted, &[(4, 1.0)])]).outcome.appended, 1);
    assert_eq!(fixture.stored(), ["up{job=\"a\"} 1=1 2=0 3=1 4=1", "x 3=5.5"]);
}

#[test]
fn what_is_no_series_is_named_and_the_rest_of_the_body_stays() {
    let fixture = fixture();
    let good = series(&[("__name__", "good")], &[(1, 1.0)]);
    let mut broken = good.clone();
    broken.labels.push(Bytes::from_static(b"\xff\xff"));
    for (bad, problem) in [
        (series(&[("job", "a")], &[(1, 1.0)]), "series {job=\"a\"}: no metric name (label \"__name__\")"),
        (series(&[("__name__", "m"), ("a", "1"), ("a", "2")], &[(1, 1.0)]), "series m{a=\"2\"}: the label \"a\" twice"),
        (series(&[("__name__", "m"), ("", "1")], &[(1, 1.0)]), "a label without a name"),
        (broken, "a label that cannot be read: "),
        (series(&[("__name__", "m")], &[(600_001, 1.0)]), "is more than ten minutes ahead of this host's clock"),
    ] {
        let written = fixture.write(vec![bad, good.clone()]);
        assert_eq!((written.samples, written.invalid), (2, 1));
        assert!(written.problem.as_ref().is_some_and(|found| found.contains(problem)), "{written:?}, expected {problem}");
    }
    assert_eq!(fixture.stored(), ["good 1=1"]);
}

#[test]
fn repeated_samples_are_dropped_and_conflicting_ones_counted() {
    let fixture = fixture();
    let labels = [("__name__", "m")];
    fixture.write(vec![series(&labels, &[(1, 1.0), (2, 2.0)])]);
    let written = fixture.write(vec![series(&labels, &[(1, 1.0), (2, 3.0), (3, 3.0)])]);
    assert_eq!((written.outcome.appended, written.outcome.duplicates, written.outcome.conflicts), (1, 1, 1));
    assert_eq!((written.refused(), fixture.stored()), (1, vec!["m 1=1 2=2 3=3".to_owned()]));
}

#[test]
fn too_many_series_hold_up_nobody_else() {
    let fixture = fixture_with(|options| options.max_series = 1);
    assert_eq!(fixture.write(vec![series(&[("__name__", "old")], &[(1, 1.0)])]).refused(), 0);
    let written = fixture.write(vec![series(&[("__name__", "new")], &[(2, 1.0)]), series(&[("__name__", "old")], &[(2, 1.0)])]);
    assert_eq!((written.outcome.appended, written.invalid), (1, 1));
    assert!(written.problem.as_ref().is_some_and(|problem| problem.contains("new")), "{written:?}");
    assert_eq!(fixture.stored(), ["old 1=1 2=1"]);
}

#[test]
fn a_series_that_has_left_the_head_comes_back() {
    let fixture = fixture();
    let labels = [("__name__", "m")];
    fixture.write(vec![series(&labels, &[(1, 1.0)])]);
    fixture.write(vec![series(&[("__name__", "n")], &[(1, 1.0)])]);
    // With its stale mark it has ended and leaves at the flush.
    fixture.write(vec![series(&labels, &[(2, cepmon_model::stale_nan())])]);
    assert_eq!(fixture.storage.flush().unwrap().dropped_series, 1);
    let written = fixture.write(vec![series(&[("__name__", "n")], &[(3, 1.0)]), series(&labels, &[(3, 7.0)])]);
    assert_eq!((written.outcome.appended, written.outcome.unknown), (2, Vec::new()));
    assert_eq!(fixture.stored(), ["m 1=1 2=NaN 3=7", "n 1=1 3=1"]);
}

#[test]
fn metadata_reaches_series_that_came_before_it_and_parts_of_a_family() {
    let fixture = fixture();
    let bucket = [("__name__", "latency_bucket"), ("le", "1")];
    fixture.write(vec![series(&bucket, &[(1, 1.0)])]);
    let metadata = vec![Metadata { kind: 3, family: "latency".to_owned(), help: "How long.".to_owned(), unit: "seconds".to_owned() }];
    fixture.try_write(WriteRequest { series: Vec::new(), metadata }).unwrap();
    fixture.write(vec![series(&bucket, &[(2, 1.0)])]);
    let infos = fixture.storage.snapshot().series(&[Matcher::equal("__name__", "latency_bucket")]).unwrap();
    let metadata = &infos[0].metadata;
    assert_eq!((metadata.kind, metadata.help.as_str(), metadata.unit.as_str()), (MetricKind::Histogram, "How long.", "seconds"));
}

#[test]
fn native_histograms_are_stored_and_end_with_a_stale_mark() {
    let fixture = fixture();
    let message = |at: i64, sum: f64, count: u64| {
        let positive_spans = vec![WireSpan { offset: 1, length: 1 }];
        let count_field = Some(WireCount::Int(count));
        let wire = WireHistogram {
            count: count_field,
            sum,
            positive_spans,
            positive_deltas: vec![count as i64],
            timestamp: NOW + at,
            ..WireHistogram::default()
        };
        Bytes::from(wire.encode_to_vec())
    };
    let body = |histograms: Vec<Bytes>| vec![TimeSeries { histograms, ..series(&[("__name__", "h")], &[]) }];
    let written = fixture.write(body(vec![message(0, 1.5, 2), message(10, 3.0, 4), message(20, stale_nan(), 0)]));
    assert_eq!((written.histograms, written.stored_histograms, written.refused(), written.stored_samples()), (3, 2, 0, 1));
    let scan = SampleScan { matchers: vec![Matcher::equal("__name__", "h")], start: NOW, end: NOW + 100 };
    let stored = fixture.storage.snapshot().scan_samples(&scan).unwrap().next().unwrap().unwrap();
    let histograms: Vec<_> = stored.histograms.iter().map(|sample| (sample.timestamp - NOW, sample.histogram.count)).collect();
    assert_eq!(histograms, [(0, 2.0), (10, 4.0)]);
    assert_eq!(stored.timestamps, [NOW + 20]);
    // Once more, and what is none.
    let written = fixture.write(body(vec![message(10, 3.0, 4), Bytes::from_static(b"x"), message(3_600_000, 1.0, 1)]));
    assert_eq!((written.stored_histograms, written.refused(), written.stored_samples()), (1, 2, 0));
    assert!(written.problem.unwrap().starts_with("series h: a histogram that cannot be read: "));
}

#[test]
fn what_is_no_message_is_refused() {
    let fixture = fixture();
    let error = fixture.receiver.write(Bytes::from_static(b"\x0a\xff"), Version::One, NOW).unwrap_err();
    assert!(error.to_string().starts_with("cannot read the body as the message that its headers name: "), "{error}");
}
