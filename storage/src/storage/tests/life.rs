//! One storage from opening to opening again: locks, restarts, series that end.

use super::*;

#[test]
fn a_second_process_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(dir.path());
    let error = Storage::open(options(dir.path())).unwrap_err();
    let pid = std::process::id();
    let want = format!(
        "cannot lock data directory \"{}\": process {pid} uses it; stop that process or choose another --data-dir",
        dir.path().display()
    );
    assert_eq!(error.to_string(), want);
}

#[test]
fn samples_come_back_from_the_log_and_from_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    append(&storage, &[(0, 1000, 1.5), (1, 1000, 2.0)]);
    let report = storage.flush().unwrap();
    assert_eq!((report.samples, report.series), (2, 2));
    append(&storage, &[(0, 2000, 2.5)]);
    let want = "m0{n=\"0\", parity=\"even\"} 1000:1.5 2000:2.5\nm1{n=\"1\", parity=\"odd\"} 1000:2\n";
    assert_eq!(dump(&storage), want);
    drop(storage);
    let (storage, report) = Storage::open(options(dir.path())).unwrap();
    assert_eq!((report.replayed_samples, report.torn_bytes, report.problems.len()), (1, 0, 0));
    assert_eq!(dump(&storage), want);
    assert_eq!(storage.snapshot().metric_names().unwrap(), ["m0", "m1"]);
    assert_eq!(storage.snapshot().label_names("m0").unwrap(), ["n", "parity"]);
}

#[test]
fn equal_samples_are_dropped_and_different_ones_refused() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    append(&storage, &[(0, 1000, 1.0), (0, 2000, 2.0)]);
    let outcome = append(&storage, &[(0, 2000, 2.0), (0, 1000, 9.0), (0, 1500, 1.2), (0, 1500, 1.2), (0, 1500, 1.3)]);
    let want = AppendOutcome { appended: 1, duplicates: 2, conflicts: 2, ..AppendOutcome::default() };
    assert_eq!(outcome, want);
    assert_eq!(dump(&storage), "m0{n=\"0\", parity=\"even\"} 1000:1 1500:1.2 2000:2\n");
}

#[test]
fn a_series_that_ended_leaves_the_head_and_its_reference_is_unknown_then() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let metadata = MetricMetadata::default();
    let ended = storage.series_ref(&labels(0), &metadata).unwrap();
    let alive = storage.series_ref(&labels(1), &metadata).unwrap();
    storage.append(&[(ended, 1000, 1.0), (alive, 1000, 1.0)]).unwrap();
    storage.append(&[(ended, 2000, cepmon_model::stale_nan()), (alive, 2000, 1.0)]).unwrap();
    assert_eq!(storage.flush().unwrap().dropped_series, 1);
    let outcome = storage.append(&[(ended, 3000, 1.0), (alive, 3000, 1.0)]).unwrap();
    assert_eq!((outcome.appended, outcome.unknown), (1, vec![0]));
    let again = storage.series_ref(&labels(0), &metadata).unwrap();
    assert_ne!(again, ended);
    assert_eq!(storage.append(&[(again, 3000, 1.0)]).unwrap().appended, 1);
    let series = scan(&storage, vec![Matcher::equal("n", "0")], 0, 5000);
    assert_eq!(series[0].timestamps, [1000, 2000, 3000]);
    assert!(cepmon_model::is_stale(series[0].values[1]));
}

#[test]
fn a_snapshot_iterator_outlives_a_flush() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    for time in 0..500 {
        append(&storage, &[(0, time, time as f64), (1, time, 0.5)]);
    }
    let all = SampleScan { matchers: vec![], start: 0, end: 1000 };
    let mut before = storage.snapshot().scan_samples(&all).unwrap();
    storage.flush().unwrap();
    append(&storage, &[(0, 600, 1.0)]);
    assert_eq!(before.next().unwrap().unwrap().timestamps.len(), 500);
    assert_eq!(before.next().unwrap().unwrap().timestamps.len(), 500);
    assert!(before.next().is_none());
}

#[test]
fn metadata_is_kept_in_the_log_and_in_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let metadata = MetricMetadata { kind: cepmon_model::MetricKind::Counter, unit: "seconds".into(), help: "Time, spent.".into() };
    let storage = open(dir.path());
    let series = storage.series_ref(&labels(4), &metadata).unwrap();
    storage.append(&[(series, 5, 1.0)]).unwrap();
    drop(storage);
    let storage = open(dir.path());
    let check = |storage: &Storage| {
        let infos = storage.snapshot().series(&[]).unwrap();
        assert_eq!(infos.len(), 1);
        assert_eq!((&infos[0].metadata, infos[0].min_time, infos[0].max_time), (&metadata, 5, 5));
        assert_eq!(infos[0].id, cepmon_model::SeriesId::of("default", &labels(4), 0));
    };
    check(&storage);
    storage.flush().unwrap();
    check(&storage);
}

#[test]
fn one_flush_makes_one_block_and_an_empty_one_none() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    append(&storage, &[(0, 1000, 1.0)]);
    storage.flush().unwrap();
    assert_eq!(storage.flush().unwrap(), FlushReport::default());
    assert_eq!(storage.stats().blocks, 1);
}

#[test]
fn a_flush_writes_the_last_two_hours_apart_from_much_older_samples() {
    const MINUTE: i64 = 60_000;
    let spans = |minutes: std::ops::RangeInclusive<i64>, late: &[i64]| {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path());
        let times = minutes.map(|minute| minute * MINUTE).chain(late.iter().copied());
        append(&storage, &times.flat_map(|time| [(0, time, 1.0), (1, time, 2.0)]).collect::<Vec<_>>());
        let before = dump(&storage);
        let report = storage.flush().unwrap();
        assert_eq!((report.series, dump(&storage)), (2, before.clone()));
        drop(storage);
        let storage = open(dir.path());
        assert_eq!(dump(&storage), before);
        let state = storage.shared.read();
        state.blocks.iter().map(|block| (block.entry.min_ts / MINUTE, block.entry.max_ts / MINUTE)).collect::<Vec<_>>()
    };
    assert_eq!(spans(0..=125, &[]), [(0, 125)]);
    assert_eq!(spans(0..=600, &[]), [(0, 479), (480, 600)]);
    assert_eq!(spans(900..=1000, &[3 * MINUTE]), [(3, 3), (900, 1000)]);
}

#[test]
fn more_series_than_memory_may_hold_are_refused_and_known_ones_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(StorageOptions { max_series: 2, ..options(dir.path()) }).unwrap().0;
    append(&storage, &[(0, 1000, 1.0), (1, 1000, 1.0)]);
    let error = storage.series_ref(&labels(2), &MetricMetadata::default()).unwrap_err();
    let want = "cannot add series \"m2{n=\"2\", parity=\"even\"}\": 2 series are in memory already; \
        drop labels that change all the time or raise the limit";
    assert_eq!(error.to_string(), want);
    assert_eq!(append(&storage, &[(0, 2000, 1.0), (1, 2000, cepmon_model::stale_nan())]).appended, 2);
    storage.flush().unwrap();
    assert_eq!(append(&storage, &[(2, 3000, 1.0)]).appended, 1);
}

#[test]
fn a_series_that_came_back_with_older_samples_does_not_double_younger_ones() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    // Series 1 is idle for an hour by then, so it leaves the head.
    append(&storage, &[(1, 23, 1.0), (2, 3_600_024, 1.0)]);
    assert_eq!(storage.flush().unwrap().dropped_series, 1);
    append(&storage, &[(1, 0, 2.0)]);
    storage.flush().unwrap();
    append(&storage, &[(1, 23, 3.0)]);
    assert_eq!(storage.flush().unwrap().samples, 0);
    assert_eq!(dump(&storage), "m1{n=\"1\", parity=\"odd\"} 0:2 23:1\nm2{n=\"2\", parity=\"even\"} 3600024:1\n");
}
