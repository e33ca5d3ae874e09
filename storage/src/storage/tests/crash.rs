//! Processes that die: this test binary runs itself, the child dies at a fault point or is killed, and the parent looks at what is left.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::{Cell, LogEntry, LogScan, SCRAPES};

const DIR_VARIABLE: &str = "CEPMON_TEST_CRASH_DIR";
const FLUSH_EVERY: i64 = 7;
const SERIES: usize = 5;
/// The samples' day is over by then, so every block is merged at once.
const TEN_DAYS_MS: i64 = 864_000_000;

/// Appends batch after batch of samples, a log line, a row and a key, says each batch's number when it is acknowledged, flushes and merges
/// now and then. It ends only by dying; without the variable it is no test and does nothing.
#[test]
fn child_that_appends_until_it_dies() {
    let Ok(dir) = std::env::var(DIR_VARIABLE) else { return };
    let storage = Storage::open(StorageOptions::new(dir)).unwrap().0;
    let mut out = std::io::stdout();
    let first = next_batch(&storage);
    for batch in first.. {
        append(&storage, &samples_of(batch));
        storage.append_logs(&[log_of(batch)]).unwrap();
        storage.append_rows(&SCRAPES, &[row_of(batch)]).unwrap();
        storage.kv_put("test", "batch", Some(batch.to_string().as_bytes())).unwrap();
        writeln!(out, "acknowledged {batch}").unwrap();
        out.flush().unwrap();
        if batch % FLUSH_EVERY == FLUSH_EVERY - 1 {
            storage.flush().unwrap();
            while storage.compact(TEN_DAYS_MS).unwrap().is_some() {}
        }
    }
}

#[test]
fn dying_between_any_two_steps_of_a_flush_loses_and_doubles_nothing() {
    for point in crate::FAULT_POINTS {
        let dir = tempfile::tempdir().unwrap();
        let acknowledged = last_acknowledged(run_child(dir.path(), Some(point)), i64::MAX);
        assert_eq!(acknowledged, Some(FLUSH_EVERY - 1), "{point}");
        check(dir.path(), acknowledged);
        // Once more, over what the first death left.
        let acknowledged = last_acknowledged(run_child(dir.path(), Some(point)), i64::MAX);
        check(dir.path(), acknowledged);
    }
}

#[test]
fn dying_between_any_two_steps_of_a_merge_loses_and_doubles_nothing() {
    for point in crate::REWRITE_FAULT_POINTS {
        let dir = tempfile::tempdir().unwrap();
        let acknowledged = last_acknowledged(run_child(dir.path(), Some(point)), i64::MAX);
        assert_eq!(acknowledged, Some(FLUSH_EVERY - 1), "{point}");
        check(dir.path(), acknowledged);
        let again = last_acknowledged(run_child(dir.path(), Some(point)), i64::MAX);
        assert!(again > acknowledged, "{point}");
        check(dir.path(), again);
    }
}

/// Deletes a series until it dies; without the variable it is no test and does nothing.
#[test]
fn child_that_deletes_until_it_dies() {
    let Ok(dir) = std::env::var(DIR_VARIABLE) else { return };
    let storage = Storage::open(StorageOptions::new(dir)).unwrap().0;
    storage.delete_series(&series_zero(), "test", 0).unwrap();
}

#[test]
fn dying_between_any_two_steps_of_a_deletion_deletes_all_or_nothing() {
    let commit = crate::REWRITE_FAULT_POINTS.iter().position(|&point| point == "rewrite-manifest-renamed").unwrap();
    for (step, point) in crate::REWRITE_FAULT_POINTS.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path());
        for time in 0..3 {
            append(&storage, &[(0, time, 1.0), (1, time, 2.0)]);
            storage.flush().unwrap();
        }
        append(&storage, &[(0, 3, 1.0), (1, 3, 2.0)]);
        drop(storage);
        let name = "storage::tests::crash::child_that_deletes_until_it_dies";
        assert!(!spawn_child(dir.path(), Some(point), name).wait().unwrap().success(), "{point}");
        let storage = open(dir.path());
        let left = if step < commit { 4 } else { 0 };
        assert_eq!(storage.count_series(&series_zero()).unwrap().rows, left, "{point}");
        assert_eq!(scan(&storage, vec![Matcher::equal("n", "1")], 0, 9)[0].timestamps, [0, 1, 2, 3], "{point}");
        storage.delete_series(&series_zero(), "test", 0).unwrap();
        assert_eq!(storage.stats().block_samples, 4, "{point}");
    }
}

fn series_zero() -> crate::Deletion {
    crate::Deletion { selectors: vec![vec![Matcher::equal("n", "0")]], start: i64::MIN, end: i64::MAX }
}

#[test]
fn kill_9_at_twenty_moments_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let acknowledged = last_acknowledged(run_child(dir.path(), None), 3 + 5 * round % 17);
        check(dir.path(), acknowledged);
    }
}

/// Appends 300 batches to a log that may not grow; says which were acknowledged. Without the variable it is no test and does nothing.
#[test]
fn child_that_appends_to_a_full_disk() {
    let Ok(dir) = std::env::var(DIR_VARIABLE) else { return };
    let storage = open(dir.as_ref());
    let series = storage.series_ref(&labels(0), &MetricMetadata::default()).unwrap();
    let mut out = std::io::stdout();
    for batch in 0..300 {
        let samples: Vec<_> = (0..100).map(|index| (series, 1000 * batch + index, (index as f64).sqrt())).collect();
        if storage.append(&samples).is_ok() {
            writeln!(out, "acknowledged {batch}").unwrap();
        }
    }
    writeln!(out, "failures {}", storage.stats().append_failures_total).unwrap();
}

/// Flushes eight blocks that fit and merges them into one that does not; says what came of it. Without the variable it is no test and does
/// nothing.
#[test]
fn child_that_merges_on_a_full_disk() {
    let Ok(dir) = std::env::var(DIR_VARIABLE) else { return };
    let storage = open(dir.as_ref());
    let series = storage.series_ref(&labels(0), &MetricMetadata::default()).unwrap();
    let noise = |index: i64| ((index.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed()) >> 11) as f64).sqrt();
    for block in 0..8 {
        let samples: Vec<_> = (0..1500).map(|index| (series, 1500 * block + index, noise(1500 * block + index))).collect();
        storage.append(&samples).unwrap();
        storage.flush().unwrap();
    }
    let error = storage.compact(TEN_DAYS_MS).unwrap_err();
    storage.append(&[(series, 1 << 30, 1.0)]).unwrap();
    storage.flush().unwrap();
    let stats = storage.stats();
    writeln!(std::io::stdout(), "failures {} blocks {} {error}", stats.compaction_failures_total, stats.blocks).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_a_merge_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let output = run_on_a_full_disk(dir.path(), "storage::tests::crash::child_that_merges_on_a_full_disk");
    assert!(output.contains("failures 1 blocks 9 cannot write"), "{output}");
    let (storage, report) = Storage::open(options(dir.path())).unwrap();
    assert_eq!((report.removed_files, report.problems.len()), (0, 0), "the failed merge left files");
    assert_eq!(scan(&storage, vec![], i64::MIN, i64::MAX)[0].timestamps.len(), 12_001);
    while storage.compact(TEN_DAYS_MS).unwrap().is_some() {}
    assert_eq!(scan(&storage, vec![], i64::MIN, i64::MAX)[0].timestamps.len(), 12_001);
}

/// What a child prints whose files may not grow beyond a limit.
#[cfg(target_os = "linux")]
fn run_on_a_full_disk(dir: &Path, test: &str) -> String {
    let mut command = Command::new("sh");
    // 64 blocks of 512 bytes or of 1 KiB, as the shell has it.
    command.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    let output = command.env(DIR_VARIABLE, dir).env_remove("CEPMON_FAULT").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A limit on file sizes gives partial writes and errors just as a full disk does. It holds for each file, so an append that goes to a
/// fresh segment succeeds again.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_refuses_whole_appends_and_loses_none_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let text = run_on_a_full_disk(dir.path(), "storage::tests::crash::child_that_appends_to_a_full_disk");
    let numbers = |word: &str| text.lines().filter_map(|line| line.rsplit_once(word)?.1.trim().parse().ok()).collect::<Vec<i64>>();
    let acknowledged = numbers("acknowledged ");
    let failures = numbers("failures ");
    assert!(failures[0] > 0 && acknowledged.len() as i64 + failures[0] == 300, "{text}");
    let (storage, report) = Storage::open(options(dir.path())).unwrap();
    assert_eq!((report.torn_bytes, report.problems.len()), (0, 0));
    let times = scan(&storage, vec![], i64::MIN, i64::MAX)[0].timestamps.clone();
    let want: Vec<i64> = acknowledged.iter().flat_map(|batch| (0..100).map(move |index| 1000 * batch + index)).collect();
    assert_eq!(times, want);
}

fn run_child(dir: &Path, fault: Option<&str>) -> Child {
    spawn_child(dir, fault, "storage::tests::crash::child_that_appends_until_it_dies")
}

fn spawn_child(dir: &Path, fault: Option<&str>, test: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(DIR_VARIABLE, dir).stdout(Stdio::piped()).stderr(Stdio::null());
    match fault {
        Some(point) => command.env("CEPMON_FAULT", point),
        None => command.env_remove("CEPMON_FAULT"),
    };
    command.spawn().unwrap()
}

/// Kills the child after so many acknowledged batches, if it does not die before; gives the last number that it said.
fn last_acknowledged(mut child: Child, kill_after: i64) -> Option<i64> {
    let mut last = None;
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The test harness writes on the same line before the first one.
        let Some(number) = line.unwrap().rsplit_once("acknowledged ").and_then(|(_, number)| number.parse().ok()) else { continue };
        last = Some(number);
        seen += 1;
        if seen == kill_after {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    last
}

/// Looks that all acknowledged batches are there once, and at most a part of one more.
fn check(dir: &Path, acknowledged: Option<i64>) {
    let (storage, report) = Storage::open(options(dir)).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    let next = next_batch(&storage);
    let acknowledged = acknowledged.map_or(0, |last| last + 1);
    assert!(next >= acknowledged, "{acknowledged} batches were acknowledged, {next} are there");
    let series = scan(&storage, vec![], i64::MIN, i64::MAX);
    let stored: usize = series.iter().map(|series| series.timestamps.len()).sum();
    assert_eq!(stored, SERIES * next as usize);
    for one in &series {
        let want: Vec<i64> = (0..next).map(|batch| 1000 * batch).collect();
        assert_eq!(one.timestamps, want);
    }
    let state = storage.shared.read();
    let in_blocks: u64 = state.blocks.iter().filter(|block| block.entry.kind == BlockKind::Metrics).map(|block| block.entry.rows).sum();
    assert_eq!(in_blocks + state.head.sample_count(), stored as u64, "a sample is both in a block and in memory");
    drop(state);
    let all = LogScan { matchers: vec![], start_ns: i64::MIN, end_ns: i64::MAX, columns: None };
    let lines: i64 = storage.snapshot().scan_logs(&all).unwrap().map(|batch| batch.unwrap().num_rows() as i64).sum();
    let rows: i64 = storage.snapshot().scan_table(&SCRAPES, i64::MIN, i64::MAX).unwrap().iter().map(|batch| batch.num_rows() as i64).sum();
    assert!((acknowledged..=next).contains(&lines) && (acknowledged..=next).contains(&rows), "{acknowledged} {lines} {rows} {next}");
    if acknowledged > 0 {
        let value: i64 = std::str::from_utf8(&storage.kv_list("test")[0].1).unwrap().parse().unwrap();
        assert!((acknowledged - 1..next).contains(&value), "{acknowledged} {value} {next}");
    }
    // The next child begins where samples end; what its predecessor did not come to is made up for.
    let missing = |count: i64| count..next;
    missing(lines).for_each(|batch| storage.append_logs(&[log_of(batch)]).unwrap());
    missing(rows).for_each(|batch| storage.append_rows(&SCRAPES, &[row_of(batch)]).unwrap());
}

fn next_batch(storage: &Storage) -> i64 {
    let series = scan(storage, vec![Matcher::equal("n", "0")], i64::MIN, i64::MAX);
    series.first().and_then(|series| series.timestamps.last()).map_or(0, |last| last / 1000 + 1)
}

fn samples_of(batch: i64) -> Vec<(usize, i64, f64)> {
    (0..SERIES).map(|series| (series, 1000 * batch, batch as f64 / 4.0)).collect()
}

fn log_of(batch: i64) -> LogEntry {
    let stream = Arc::new(LabelSet::from_pairs([("job", "test")]));
    LogEntry { timestamp_ns: batch, stream, level: String::new(), line: format!("line {batch}"), fields: vec![] }
}

fn row_of(batch: i64) -> Vec<Cell> {
    let mut row = vec![Cell::Null; SCRAPES.columns.len()];
    row[0] = Cell::Time(batch);
    row
}
