//! Torn and flipped bytes in the log, flushes that fail, retention.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::{Error, FaultAction, Retention};

fn last_segment(dir: &Path) -> PathBuf {
    let mut segments: Vec<PathBuf> = fs::read_dir(dir.join("wal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    segments.pop().unwrap()
}

#[test]
fn a_torn_record_is_cut_and_reported_once() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    append(&storage, &[(0, 1000, 1.0)]);
    let segment = last_segment(dir.path());
    let whole = fs::metadata(&segment).unwrap().len();
    append(&storage, &[(0, 2000, 2.0)]);
    let both = fs::metadata(&segment).unwrap().len();
    drop(storage);
    for torn in [1, 11, 12, both - whole - 1] {
        OpenOptions::new().write(true).open(&segment).unwrap().set_len(whole + torn).unwrap();
        let (storage, report) = Storage::open(options(dir.path())).unwrap();
        assert_eq!((report.torn_bytes, report.problems.len(), report.replayed_samples), (torn, 0, 1));
        assert_eq!(dump(&storage), "m0{n=\"0\", parity=\"even\"} 1000:1\n");
        drop(storage);
        let (_, report) = Storage::open(options(dir.path())).unwrap();
        assert_eq!(report.torn_bytes, 0);
    }
}

#[test]
fn zeros_at_the_end_count_as_torn() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    append(&storage, &[(0, 1000, 1.0)]);
    drop(storage);
    let segment = last_segment(dir.path());
    OpenOptions::new().append(true).open(&segment).unwrap().write_all(&[0; 5000]).unwrap();
    let (_storage, report) = Storage::open(options(dir.path())).unwrap();
    assert_eq!((report.torn_bytes, report.problems.len(), report.replayed_samples), (5000, 0, 1));
}

#[test]
fn a_flipped_byte_is_reported_with_file_and_offset_and_costs_the_rest_of_its_segment_only() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    append(&storage, &[(0, 1000, 1.0)]);
    let segment = last_segment(dir.path());
    let at = fs::metadata(&segment).unwrap().len() as usize;
    append(&storage, &[(0, 2000, 2.0)]);
    append(&storage, &[(0, 3000, 3.0)]);
    drop(storage);
    let storage = open(dir.path());
    append(&storage, &[(0, 4000, 4.0)]);
    drop(storage);
    let intact = fs::read(&segment).unwrap();
    // In the length, in a checksum, in the kind, in the payload.
    for offset in [0, 2, 5, 9, 12, 14] {
        let mut bytes = intact.clone();
        bytes[at + offset] ^= 0x10;
        fs::write(&segment, &bytes).unwrap();
        let (storage, report) = Storage::open(options(dir.path())).unwrap();
        assert_eq!(dump(&storage), "m0{n=\"0\", parity=\"even\"} 1000:1 4000:4\n", "offset {offset}");
        assert_eq!((report.torn_bytes, report.problems.len()), (0, 1));
        let start = format!("log segment \"{}\", offset {at}: ", segment.display());
        assert!(report.problems[0].starts_with(&start), "{}", report.problems[0]);
        assert_eq!(fs::read(&segment).unwrap(), bytes, "the damaged file stays as it is");
    }
}

#[test]
fn a_failed_flush_keeps_everything_and_the_next_one_succeeds() {
    for point in crate::FAULT_POINTS {
        let dir = tempfile::tempdir().unwrap();
        let failing = StorageOptions { faults: Faults::armed(point, FaultAction::Fail), ..options(dir.path()) };
        let storage = Storage::open(failing).unwrap().0;
        append(&storage, &[(0, 1000, 1.0), (1, 1000, 1.5)]);
        let error = storage.flush().unwrap_err();
        assert!(matches!(error, Error::Fault(failed) if failed == point));
        append(&storage, &[(0, 2000, 2.0)]);
        assert_eq!(append(&storage, &[(1, 1000, 1.5), (1, 1000, 7.0)]).appended, 0, "{point}");
        let want = "m0{n=\"0\", parity=\"even\"} 1000:1 2000:2\nm1{n=\"1\", parity=\"odd\"} 1000:1.5\n";
        assert_eq!(dump(&storage), want, "{point}");
        drop(storage);
        let storage = open(dir.path());
        assert_eq!(dump(&storage), want, "{point}");
        storage.flush().unwrap();
        assert_eq!(dump(&storage), want, "{point}");
        let rows: u64 = storage.shared.read().blocks.iter().map(|block| block.entry.rows).sum();
        assert_eq!(rows, 3, "{point}");
    }
}

#[test]
fn failed_flushes_are_tried_less_and_less_often_and_leave_no_files() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::armed("tables-written", FaultAction::Fail);
    let storage = Storage::open(StorageOptions { faults, head_max_age_ms: 0, ..options(dir.path()) }).unwrap().0;
    append(&storage, &[(0, 1000, 1.0)]);
    let mut attempts = Vec::new();
    for second in 0..100 {
        if storage.maintain(1000 * second).is_err() {
            attempts.push(second);
        }
    }
    assert_eq!(attempts, [0, 1, 3, 7, 15, 31, 63]);
    assert_eq!(fs::read_dir(dir.path().join("default/metrics")).unwrap().count(), 0);
    assert_eq!(dump(&storage), "m0{n=\"0\", parity=\"even\"} 1000:1\n");
}

#[test]
fn retention_removes_blocks_by_age_and_by_size_and_refuses_older_samples() {
    let dir = tempfile::tempdir().unwrap();
    let retention = Retention { max_age_ms: Some(1000), max_bytes: None };
    let storage = Storage::open(StorageOptions { metrics_retention: retention, ..options(dir.path()) }).unwrap().0;
    append(&storage, &[(0, 1000, 1.0)]);
    storage.flush().unwrap();
    append(&storage, &[(0, 2500, 1.0)]);
    storage.flush().unwrap();
    assert_eq!(storage.maintain(2000).unwrap().removed_blocks, 0);
    assert_eq!(storage.maintain(2600).unwrap().removed_blocks, 1);
    assert_eq!(append(&storage, &[(0, 1500, 1.0), (0, 2600, 1.0)]).too_old, 1);
    assert_eq!(dump(&storage), "m0{n=\"0\", parity=\"even\"} 2500:1 2600:1\n");
    assert_eq!(fs::read_dir(dir.path().join("default/metrics")).unwrap().count(), 1);
    drop(storage);
    let by_size = Retention { max_age_ms: None, max_bytes: Some(1) };
    let storage = Storage::open(StorageOptions { metrics_retention: by_size, ..options(dir.path()) }).unwrap().0;
    assert_eq!(storage.maintain(2600).unwrap().removed_blocks, 1);
    assert_eq!(dump(&storage), "m0{n=\"0\", parity=\"even\"} 2600:1\n");
}

#[test]
fn a_head_over_four_times_its_size_refuses_appends_until_a_flush_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(StorageOptions { head_max_bytes: 1000, ..options(dir.path()) }).unwrap().0;
    let series = storage.series_ref(&labels(0), &MetricMetadata::default()).unwrap();
    let refused = (0..100_000).find_map(|time| storage.append(&[(series, time, f64::from(time as u32).sqrt())]).err()).unwrap();
    assert!(matches!(refused, Error::HeadFull { limit: 4000, .. }), "{refused}");
    assert!(storage.should_flush(0));
    storage.maintain(0).unwrap();
    storage.append(&[(series, 200_000, 1.0)]).unwrap();
}
