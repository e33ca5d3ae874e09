//! Log entries through memory, log and blocks.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampNanosecondType;

use super::*;
use crate::block::map::map_entries;
use crate::{LogEntry, LogScan};

fn entry(time: i64, job: &str, line: &str, fields: &[(&str, &str)]) -> LogEntry {
    LogEntry {
        timestamp_ns: time,
        stream: Arc::new(LabelSet::from_pairs([("job", job), ("host", "h1")])),
        level: if line.contains("bad") { "error".into() } else { String::new() },
        line: line.into(),
        fields: fields.iter().map(|&(name, value)| (Arc::from(name), value.to_owned())).collect(),
    }
}

fn read(storage: &Storage, scan: &LogScan) -> Vec<RecordBatch> {
    storage.snapshot().scan_logs(scan).unwrap().map(Result::unwrap).collect()
}

/// All columns of all rows, a row a line.
fn dump_logs(storage: &Storage, matchers: Vec<Matcher>, start_ns: i64, end_ns: i64) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in read(storage, &LogScan { matchers, start_ns, end_ns, columns: None }) {
        assert_eq!(batch.schema(), crate::log_schema());
        for row in 0..batch.num_rows() {
            let time = batch.column(0).as_primitive::<TimestampNanosecondType>().value(row);
            let map = |index: usize| {
                let mut pairs: Vec<String> =
                    map_entries(batch.column(index).as_map(), row).map(|(name, value)| format!("{name}={value}")).collect();
                pairs.sort();
                pairs.join(",")
            };
            let text = |index: usize| batch.column(index).as_string::<i32>().value(row).to_owned();
            lines.push(format!("{time} {} [{}] {} {{{}}}", map(1), text(2), text(3), map(4)));
        }
    }
    lines
}

fn fill(storage: &Storage) {
    storage
        .append_logs(&[
            entry(30, "web", "GET /a", &[("status", "200"), ("path", "/a")]),
            entry(10, "db", "bad thing", &[]),
            entry(20, "web", "GET /b", &[("status", "404")]),
            entry(40, "web", "GET /a", &[("status", "200"), ("path", "/a")]),
        ])
        .unwrap();
}

const ALL: [&str; 4] = [
    "10 host=h1,job=db [error] bad thing {}",
    "20 host=h1,job=web [] GET /b {status=404}",
    "30 host=h1,job=web [] GET /a {path=/a,status=200}",
    "40 host=h1,job=web [] GET /a {path=/a,status=200}",
];

#[test]
fn entries_read_the_same_from_memory_log_and_block() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    fill(&storage);
    assert_eq!(dump_logs(&storage, vec![], 0, 100), ALL);
    drop(storage);
    let storage = open(dir.path());
    assert_eq!(dump_logs(&storage, vec![], 0, 100), ALL);
    assert_eq!(storage.flush().unwrap().log_entries, 4);
    assert_eq!(storage.stats().head_log_entries, 0);
    assert_eq!(dump_logs(&storage, vec![], 0, 100), ALL);
    assert_eq!(dump_logs(&storage, vec![Matcher::equal("job", "web")], 20, 30), ALL[1..3]);
    assert!(dump_logs(&storage, vec![Matcher::equal("job", "nosuch")], 0, 100).is_empty());
    fill(&storage);
    assert_eq!(dump_logs(&storage, vec![], 0, 100).len(), 8);
    assert_eq!(storage.snapshot().promoted_fields().unwrap(), ["status", "path"]);
}

#[test]
fn single_fields_are_columns_wherever_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    fill(&storage);
    // One in a thousand has it: too rare for a column of its own.
    let many: Vec<LogEntry> = (0..999).map(|index| entry(1000 + index, "web", "GET /", &[("status", "200")])).collect();
    storage.append_logs(&many).unwrap();
    storage.append_logs(&[entry(5000, "web", "GET /", &[("trace", "t1")])]).unwrap();
    let columns = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
    let scan = LogScan { matchers: vec![], start_ns: 4000, end_ns: 6000, columns: columns(&["field_trace", "field_status", "ts"]) };
    let check = |storage: &Storage| {
        let batches = read(storage, &scan);
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
        let batch = batches.iter().find(|batch| batch.num_rows() > 0).unwrap();
        assert_eq!(batch.column(0).as_string::<i32>().value(0), "t1");
        assert!(batch.column(1).is_null(0));
        assert_eq!(batch.num_columns(), 3);
    };
    check(&storage);
    storage.flush().unwrap();
    assert_eq!(storage.snapshot().promoted_fields().unwrap(), ["status"]);
    check(&storage);
    let wrong = LogScan { columns: columns(&["labels"]), ..scan.clone() };
    let error = storage.snapshot().scan_logs(&wrong).err().unwrap();
    assert_eq!(error.to_string(), "cannot use \"logs\": no column \"labels\"; single fields are called field_<name>");
}

#[test]
fn an_entry_with_a_field_twice_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let error = storage.append_logs(&[entry(1, "web", "x", &[("a", "1"), ("a", "2")])]).unwrap_err();
    assert_eq!(error.to_string(), "cannot use \"{host=\"h1\", job=\"web\"}\": an entry with a field twice");
    assert!(dump_logs(&storage, vec![], 0, 100).is_empty());
}

#[test]
fn entries_and_how_far_their_source_was_read_come_back_together() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Storage::open(StorageOptions::new(dir.path())).unwrap().0;
    let storage = open();
    storage.append_logs_from(&[entry(1, "web", "GET /", &[])], "position", "access.log", b"6").unwrap();
    storage.append_logs_from(&[], "position", "access.log", b"7").unwrap();
    drop(storage);
    let storage = open();
    assert_eq!(storage.kv_list("position"), [("access.log".to_owned(), b"7".to_vec())]);
    assert_eq!(storage.stats().head_log_entries, 1);
}
