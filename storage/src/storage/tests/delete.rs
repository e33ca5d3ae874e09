//! Deletion by selector: counted, carried out, recorded; nothing left in any file.

use arrow::array::AsArray;

use super::*;
use crate::{AUDIT, Deletion, DeletionReport, LogEntry, LogScan};

fn deletion(selectors: Vec<Vec<Matcher>>, start: i64, end: i64) -> Deletion {
    Deletion { selectors, start, end }
}

fn line(time: i64, user: &str, text: &str) -> LogEntry {
    let stream = Arc::new(LabelSet::from_pairs([("user", user)]));
    LogEntry { timestamp_ns: time, stream, level: String::new(), line: text.to_owned(), fields: vec![("secret".into(), text.to_owned())] }
}

fn log_lines(storage: &Storage) -> Vec<String> {
    let columns = Some(vec!["line".to_owned()]);
    let scan = LogScan { matchers: vec![], start_ns: i64::MIN, end_ns: i64::MAX, columns };
    let batches = storage.snapshot().scan_logs(&scan).unwrap().map(Result::unwrap);
    batches.flat_map(|batch| batch.column(0).as_string::<i32>().iter().map(|line| line.unwrap().to_owned()).collect::<Vec<_>>()).collect()
}

fn audit(storage: &Storage) -> Vec<String> {
    let batches = storage.snapshot().scan_table(&AUDIT, i64::MIN, i64::MAX).unwrap();
    let text =
        |batch: &arrow::record_batch::RecordBatch, column: usize, row: usize| batch.column(column).as_string::<i32>().value(row).to_owned();
    let rows = |batch: &arrow::record_batch::RecordBatch| {
        (0..batch.num_rows()).map(|row| (1..5).map(|column| text(batch, column, row)).collect::<Vec<_>>().join(" | ")).collect::<Vec<_>>()
    };
    batches.iter().flat_map(rows).collect()
}

/// Whether any file below the data directory holds these bytes. Pages are compressed, so this finds what lies in logs and dictionaries
/// that zstd leaves as they are.
fn is_in_files(dir: &Path, bytes: &[u8]) -> bool {
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if std::fs::read(&entry).unwrap().windows(bytes.len()).any(|window| window == bytes) {
                return true;
            }
        }
    }
    false
}

#[test]
fn samples_are_deleted_from_memory_and_blocks_and_the_rest_stays() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    for series in 0..4 {
        append(&storage, &[(series, 10, 1.0), (series, 20, 2.0)]);
    }
    storage.flush().unwrap();
    append(&storage, &[(3, 5_000, 1.0)]);
    storage.flush().unwrap();
    append(&storage, &[(0, 30, 3.0), (1, 30, 3.0)]);
    let wanted = deletion(vec![vec![Matcher::equal("n", "1")], vec![Matcher::equal("parity", "odd")]], 15, 100);
    let before = dump(&storage);
    assert_eq!(storage.count_series(&wanted).unwrap(), DeletionReport { series: 2, rows: 3, blocks: 0 });
    assert_eq!(dump(&storage), before);
    assert!(audit(&storage).is_empty());
    let third = storage.shared.read().blocks[1].entry.name.clone();
    assert_eq!(storage.delete_series(&wanted, "127.0.0.1", 7).unwrap(), DeletionReport { series: 2, rows: 3, blocks: 2 });
    let want = "m0{n=\"0\", parity=\"even\"} 10:1 20:2 30:3\nm0{n=\"3\", parity=\"odd\"} 10:1 5000:1\n\
        m1{n=\"1\", parity=\"odd\"} 10:1\nm2{n=\"2\", parity=\"even\"} 10:1 20:2\n";
    assert_eq!(dump(&storage), want);
    assert!(storage.shared.read().blocks.iter().any(|block| block.entry.name == third), "a block that it does not touch stays");
    let detail = "from 15 to 100: 3 of 2 series or streams removed, 2 blocks written again";
    assert_eq!(audit(&storage), [format!("127.0.0.1 | delete_series | {{n=\"1\"}} {{parity=\"odd\"}} | {detail}")]);
    drop(storage);
    let (storage, report) = Storage::open(options(dir.path())).unwrap();
    assert_eq!((dump(&storage).as_str(), report.removed_files), (want, 0));
    assert_eq!(audit(&storage).len(), 1);
}

#[test]
fn a_deleted_sample_can_be_stored_again() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    append(&storage, &[(0, 10, 1.0), (0, 20, 2.0)]);
    storage.delete_series(&deletion(vec![vec![]], i64::MIN, i64::MAX), "test", 0).unwrap();
    assert_eq!((dump(&storage), storage.stats().block_samples), (String::new(), 0));
    assert_eq!(append(&storage, &[(0, 20, 2.0), (0, 10, 5.0)]).appended, 2);
    assert_eq!(dump(&storage), "m0{n=\"0\", parity=\"even\"} 10:5 20:2\n");
    storage.flush().unwrap();
    assert_eq!(dump(&storage), "m0{n=\"0\", parity=\"even\"} 10:5 20:2\n");
}

#[test]
fn log_lines_are_deleted_and_no_file_holds_them() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let secret = "9f8a1c77e2b04d55-secret";
    storage.append_logs(&[line(1, "ann", secret), line(2, "bob", "harmless"), line(9, "ann", "later")]).unwrap();
    storage.flush().unwrap();
    storage.append_logs(&[line(3, "ann", secret)]).unwrap();
    assert!(is_in_files(dir.path(), secret.as_bytes()));
    let wanted = deletion(vec![vec![Matcher::equal("user", "ann")]], 0, 5);
    assert_eq!(storage.count_logs(&wanted).unwrap(), DeletionReport { series: 1, rows: 2, blocks: 0 });
    assert_eq!(storage.delete_logs(&wanted, "test", 0).unwrap(), DeletionReport { series: 1, rows: 2, blocks: 2 });
    assert_eq!(log_lines(&storage), ["later", "harmless"]);
    assert!(!is_in_files(dir.path(), secret.as_bytes()));
    assert!(audit(&storage)[0].starts_with("test | delete_logs | {user=\"ann\"}"));
}

#[test]
fn a_deletion_that_fails_at_any_step_before_its_commit_changes_nothing() {
    for point in ["rewrite-began", "rewrite-rows-written", "rewrite-block-named", "rewrite-written", "rewrite-manifest-aside"] {
        let dir = tempfile::tempdir().unwrap();
        let faults = Faults::armed(point, crate::FaultAction::Fail);
        let storage = Storage::open(StorageOptions { faults, ..options(dir.path()) }).unwrap().0;
        append(&storage, &[(0, 10, 1.0), (1, 10, 1.0)]);
        let before = dump(&storage);
        let wanted = deletion(vec![vec![Matcher::equal("n", "0")]], 0, 100);
        assert_eq!(storage.delete_series(&wanted, "test", 0).unwrap_err().to_string(), Error::Fault(point).to_string());
        assert_eq!((dump(&storage), audit(&storage).len()), (before.clone(), 0), "{point}");
        drop(storage);
        assert_eq!(dump(&open(dir.path())), before, "{point}");
    }
}
