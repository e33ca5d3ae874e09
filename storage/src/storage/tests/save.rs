//! Snapshots, taken while everything goes on, and opened as data directories.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;
use crate::{LogEntry, LogScan};

fn line(number: i64) -> LogEntry {
    let stream = Arc::new(LabelSet::from_pairs([("job", "test")]));
    LogEntry { timestamp_ns: number, stream, level: String::new(), line: format!("line {number}"), fields: vec![] }
}

fn lines(storage: &Storage) -> i64 {
    let all = LogScan { matchers: vec![], start_ns: i64::MIN, end_ns: i64::MAX, columns: None };
    storage.snapshot().scan_logs(&all).unwrap().map(|batch| batch.unwrap().num_rows() as i64).sum()
}

#[test]
fn a_snapshot_is_of_one_moment_whatever_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let has_ended = AtomicBool::new(false);
    let snapshots = thread::scope(|scope| {
        scope.spawn(|| {
            // A line and how far its source was read go together.
            for number in 0.. {
                storage.append_logs_from(&[line(number)], "test", "position", &number.to_le_bytes()).unwrap();
                append(&storage, &[(0, 1000 * number, number as f64)]);
                if has_ended.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        scope.spawn(|| {
            while !has_ended.load(Ordering::Relaxed) {
                storage.flush().unwrap();
            }
        });
        let made: Vec<_> = (0..8).map(|second| storage.save_snapshot(1000 * second).unwrap()).collect();
        has_ended.store(true, Ordering::Relaxed);
        made
    });
    assert!(snapshots[1].name.starts_with("19700101T000001Z-") && snapshots[1].name.len() == 33, "{}", snapshots[1].name);
    drop(storage);
    for snapshot in snapshots {
        assert!(snapshot.problems.is_empty() && snapshot.path.starts_with(dir.path().join("snapshots")));
        let (storage, report) = Storage::open(options(&snapshot.path)).unwrap();
        assert_eq!((report.torn_bytes, report.problems.len()), (0, 0));
        let count = lines(&storage);
        let position = storage.kv_list("test").first().map_or(-1, |(_, value)| i64::from_le_bytes(value.as_slice().try_into().unwrap()));
        assert_eq!(position, count - 1);
        let samples: i64 = scan(&storage, vec![], i64::MIN, i64::MAX).iter().map(|series| series.values.len() as i64).sum();
        assert!((count - 1..=count).contains(&samples), "{samples} samples, {count} lines");
    }
}

#[test]
fn a_snapshot_outlives_its_blocks_and_an_unfinished_one_is_removed_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let retention = crate::Retention { max_age_ms: None, max_bytes: Some(1) };
    let storage = Storage::open(StorageOptions { metrics_retention: retention, ..options(dir.path()) }).unwrap().0;
    append(&storage, &[(0, 1000, 1.0)]);
    let snapshot = storage.save_snapshot(0).unwrap();
    assert_eq!(storage.maintain(5000).unwrap().removed_blocks, 1);
    assert_eq!(dump(&storage), "");
    let unfinished = dir.path().join("snapshots/19700101T000000Z-0.tmp");
    fs::create_dir(&unfinished).unwrap();
    drop(storage);
    let (_storage, report) = Storage::open(options(dir.path())).unwrap();
    assert!(report.removed_files == 1 && !unfinished.try_exists().unwrap());
    assert_eq!(dump(&open(&snapshot.path)), "m0{n=\"0\", parity=\"even\"} 1000:1\n");
}
