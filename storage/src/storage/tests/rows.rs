//! Typed tables and key-values through memory, log and blocks.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMillisecondType;

use super::*;
use crate::{ALERTS, AUDIT, Cell, SCRAPES};

fn scrape(time: i64, error: Option<&str>) -> Vec<Cell> {
    let text = |text: &str| Cell::Text(text.to_owned());
    vec![
        Cell::Time(time),
        text("node"),
        text("localhost"),
        text("node"),
        text(if error.is_some() { "trap" } else { "ok" }),
        Cell::Float(0.25),
        Cell::Int(12),
        error.map_or(Cell::Null, text),
    ]
}

fn times(batches: &[RecordBatch]) -> Vec<i64> {
    let times = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<TimestampMillisecondType>().values().to_vec());
    times.collect()
}

#[test]
fn rows_read_the_same_from_memory_log_and_block() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    storage.append_rows(&SCRAPES, &[scrape(2000, None), scrape(1000, Some("out of bounds"))]).unwrap();
    let check = |storage: &Storage, want: &[i64]| {
        let batches = storage.snapshot().scan_table(&SCRAPES, 0, 10_000).unwrap();
        assert_eq!(times(&batches), want);
        assert_eq!(batches[0].schema(), SCRAPES.schema());
        assert_eq!(batches[0].column(7).as_string::<i32>().value(0), "out of bounds");
        assert!(storage.snapshot().scan_table(&AUDIT, 0, 10_000).unwrap().is_empty());
        assert_eq!(times(&storage.snapshot().scan_table(&SCRAPES, 1500, 2000).unwrap())[..1], [2000]);
    };
    check(&storage, &[1000, 2000]);
    drop(storage);
    let storage = open(dir.path());
    check(&storage, &[1000, 2000]);
    assert_eq!(storage.flush().unwrap().rows, 2);
    check(&storage, &[1000, 2000]);
    storage.append_rows(&SCRAPES, &[scrape(3000, None)]).unwrap();
    check(&storage, &[1000, 2000, 3000]);
}

#[test]
fn a_cell_of_the_wrong_kind_is_refused_and_nothing_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let mut wrong = scrape(1, None);
    wrong[5] = Cell::Int(1);
    let error = storage.append_rows(&SCRAPES, &[scrape(0, None), wrong]).unwrap_err();
    assert_eq!(error.to_string(), "cannot use \"scrapes\": column \"duration_seconds\" got Int(1); want Float64");
    let error = storage.append_rows(&SCRAPES, &[vec![Cell::Time(1)]]).unwrap_err();
    assert_eq!(error.to_string(), "cannot use \"scrapes\": a row has 1 cells; want 8");
    assert!(storage.snapshot().scan_table(&SCRAPES, 0, 10).unwrap().is_empty());
}

#[test]
fn more_rows_than_fit_one_record_or_column_group_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let labels = Arc::new(LabelSet::from_pairs([("alertname", "DiskFull"), ("path", "/")]));
    let mut row = vec![Cell::Null; ALERTS.columns.len()];
    (row[1], row[2]) = (Cell::Text("DiskFull".into()), Cell::Labels(labels));
    let rows = (0..1500).map(|time| {
        row[0] = Cell::Time(time);
        row.clone()
    });
    storage.append_rows(&ALERTS, &rows.collect::<Vec<_>>()).unwrap();
    drop(storage);
    let storage = open(dir.path());
    assert_eq!(times(&storage.snapshot().scan_table(&ALERTS, 0, 2000).unwrap()), (0..1500).collect::<Vec<_>>());
    storage.flush().unwrap();
    assert_eq!(times(&storage.snapshot().scan_table(&ALERTS, 100, 102).unwrap()), [100, 101, 102]);
}

#[test]
fn key_values_survive_restarts_and_flushes() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    storage.kv_put("positions", "/var/log/a", Some(b"10")).unwrap();
    storage.kv_put("positions", "/var/log/b", Some(b"20")).unwrap();
    storage.kv_put("alerts", "x", Some(b"")).unwrap();
    storage.flush().unwrap();
    storage.kv_put("positions", "/var/log/a", None).unwrap();
    storage.flush().unwrap();
    storage.kv_put("positions", "/var/log/c", Some(&[0, 255])).unwrap();
    drop(storage);
    let storage = open(dir.path());
    let want = vec![("/var/log/b".to_owned(), b"20".to_vec()), ("/var/log/c".to_owned(), vec![0, 255])];
    assert_eq!(storage.kv_list("positions"), want);
    assert_eq!(storage.kv_list("alerts"), [("x".to_owned(), vec![])]);
    assert!(storage.kv_list("nosuch").is_empty());
    let error = storage.kv_put("positions", "k", Some(&vec![0; (1 << 20) + 1])).unwrap_err();
    assert_eq!(error.to_string(), "cannot use \"positions/k\": a value of 1048577 bytes; want at most 1048576");
}
