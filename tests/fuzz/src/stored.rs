//! What storage reads again after a start: its log and its manifest.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use cepmon_model::{LabelSet, MetricMetadata};
use cepmon_storage::{ALERTS, Cell, LogEntry, LogScan, SampleScan, Storage, StorageOptions, TABLES, fuzzing};

use crate::random::Random;

/// Memory, not a disk: every input is a data directory.
fn folder(name: &str) -> PathBuf {
    PathBuf::from(format!("/dev/shm/cepmon-fuzz-{}-{name}", std::process::id()))
}

fn clean(name: &str) -> PathBuf {
    let folder = folder(name);
    fs::remove_dir_all(&folder).ok();
    folder
}

/// The records of a log with some of everything, and the manifest beside it.
static SEED: LazyLock<(Vec<(u8, Vec<u8>)>, Vec<u8>)> = LazyLock::new(|| {
    let folder = clean("seed");
    let (storage, _) = Storage::open(StorageOptions::new(&folder)).expect("cannot make the seed");
    for step in 0..40_i64 {
        let series = |name: &str, value: f64| {
            let labels = LabelSet::from_pairs([("__name__", "m"), ("job", name)]);
            (storage.series_ref(&labels, &MetricMetadata::default()).expect("no series"), 1_700_000_000_000 + step * 1_000, value)
        };
        storage.append(&[series("a", step as f64), series("b", step as f64 / 7.0)]).expect("no samples");
    }
    let stream = Arc::new(LabelSet::from_pairs([("job", "web")]));
    let line = |number: i64| LogEntry {
        timestamp_ns: 1_700_000_000_000_000_000 + number,
        stream: Arc::clone(&stream),
        level: "info".to_owned(),
        line: format!("line {number}"),
        fields: vec![("status".into(), "200".to_owned())],
    };
    storage.append_logs(&[line(1), line(2)]).expect("no lines");
    let mut row = vec![Cell::Null; ALERTS.columns.len()];
    row[0] = Cell::Time(1_700_000_000_000);
    storage.append_rows(&ALERTS, &[row]).expect("no row");
    storage.kv_put("space", "key", Some(b"value")).expect("no key");
    drop(storage);
    let segment = fs::read(folder.join("wal/00000001.log")).expect("no segment");
    let manifest = fs::read(folder.join("MANIFEST")).expect("no manifest");
    fs::remove_dir_all(&folder).ok();
    (fuzzing::records(&segment), manifest)
});

/// Samples, lines and rows of all tables.
fn counted(storage: &Storage) -> (usize, usize, usize) {
    let snapshot = storage.snapshot();
    let all = SampleScan { matchers: Vec::new(), start: i64::MIN, end: i64::MAX };
    let samples = snapshot.scan_samples(&all).expect("no scan").map(|series| series.expect("no series").timestamps.len()).sum();
    let all = LogScan { matchers: Vec::new(), start_ns: i64::MIN, end_ns: i64::MAX, columns: None };
    let lines = snapshot.scan_logs(&all).expect("no scan").map(|batch| batch.expect("no batch").num_rows()).sum();
    let rows =
        |table| snapshot.scan_table(table, i64::MIN, i64::MAX).expect("no table").iter().map(|batch| batch.num_rows()).sum::<usize>();
    (samples, lines, TABLES.iter().map(|table| rows(table)).sum())
}

pub fn log(random: &mut Random) -> bool {
    let (seed, manifest) = &*SEED;
    let mut records = seed.clone();
    for _ in 0..=random.below(3) {
        let at = random.below(records.len());
        match random.below(8) {
            0 => drop(records.remove(at)),
            1 => records.push(records[at].clone()),
            2 => records[at].0 = random.below(8) as u8,
            _ => records[at].1 = random.mutant(&[&records[at].1.clone()], 1),
        }
    }
    let folder = clean("log");
    fs::create_dir_all(folder.join("wal")).expect("no folder");
    fs::write(folder.join("wal/00000001.log"), fuzzing::segment(&records)).expect("cannot write the segment");
    fs::write(folder.join("MANIFEST"), manifest).expect("cannot write the manifest");
    let (storage, report) = Storage::open(StorageOptions::new(&folder)).expect("damage in the log is no reason not to start");
    let before = counted(&storage);
    storage.flush().expect("what was read cannot be flushed");
    assert_eq!(counted(&storage), before, "a flush changes no answer");
    drop(storage);
    let (storage, again) = Storage::open(StorageOptions::new(&folder)).expect("what was flushed cannot be opened");
    assert_eq!((counted(&storage), again.problems.len()), (before, 0), "a start changes no answer");
    report.problems.is_empty()
}

pub fn blocks(random: &mut Random) -> bool {
    const SEEDS: [&[u8]; 2] = [
        b"{\n  \"format\": 1,\n  \"wal_from\": 3,\n  \"next_block\": 2,\n  \"blocks\": [{\"name\": \"00000001\", \"kind\": \"metrics\", \
          \"rows\": 7, \"min_ts\": -1, \"max_ts\": 9, \"bytes\": 100, \"level\": 4}]\n}\n",
        b"{\n  \"checksum\": \"00000000\",\n  \"format\": 1, \"wal_from\": 3, \"next_block\": 2, \"blocks\": [{\"name\": \"1\", \
          \"kind\": {\"table\": \"alerts\"}, \"rows\": 1, \"min_ts\": 0, \"max_ts\": 0, \"bytes\": 1}]}",
    ];
    match fuzzing::manifest(&random.mutant(&SEEDS, 1)) {
        Ok(()) => true,
        Err(problem) => {
            assert!(problem.contains("MANIFEST") || problem.contains("use a newer cepmon"), "{problem}");
            false
        }
    }
}
