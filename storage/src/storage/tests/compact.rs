//! Merging blocks: what stays, what goes, how many blocks there are in the long run.

use super::*;
use crate::block::series::BlockIndex;
use crate::{LogEntry, LogScan, Retention, SCRAPES};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 2026-11-01, midnight UTC.
const START: i64 = 1_793_491_200_000;

fn compact_all(storage: &Storage, now: i64) -> usize {
    let mut merges = 0;
    while storage.compact(now).unwrap().is_some() {
        merges += 1;
        assert!(merges < 1000, "merging does not end");
    }
    merges
}

fn entries(storage: &Storage, kind: &BlockKind) -> Vec<crate::dir::manifest::BlockEntry> {
    storage.shared.read().blocks.iter().map(|block| block.entry.clone()).filter(|entry| entry.kind == *kind).collect()
}

fn line(time_ms: i64, job: &str, text: &str, fields: &[(&str, &str)]) -> LogEntry {
    LogEntry {
        timestamp_ns: time_ms * 1_000_000,
        stream: Arc::new(LabelSet::from_pairs([("job", job)])),
        level: String::new(),
        line: text.to_owned(),
        fields: fields.iter().map(|&(name, value)| (name.into(), value.to_owned())).collect(),
    }
}

/// All lines: time, stream, line, fields.
fn lines(storage: &Storage) -> Vec<String> {
    use arrow::array::AsArray;
    use arrow::datatypes::TimestampNanosecondType;
    let scan = LogScan { matchers: vec![], start_ns: i64::MIN, end_ns: i64::MAX, columns: None };
    let mut found = Vec::new();
    for batch in storage.snapshot().scan_logs(&scan).unwrap() {
        let batch = batch.unwrap();
        for row in 0..batch.num_rows() {
            let map = |column: usize| {
                let mut pairs: Vec<_> = crate::block::map::map_entries(batch.column(column).as_map(), row).collect();
                pairs.sort_unstable();
                format!("{pairs:?}")
            };
            let time = batch.column(0).as_primitive::<TimestampNanosecondType>().value(row);
            found.push(format!("{time} {} {} {}", map(1), batch.column(3).as_string::<i32>().value(row), map(4)));
        }
    }
    found.sort();
    found
}

fn row(time: i64) -> Vec<crate::Cell> {
    let mut row = vec![crate::Cell::Null; SCRAPES.columns.len()];
    row[0] = crate::Cell::Time(time);
    row
}

#[test]
fn a_day_that_is_over_becomes_one_block_of_each_kind_with_everything_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    // Twelve flushes of two hours; the last one reaches into the next day.
    for flush in 0..12 {
        let from = START + flush * 2 * HOUR + 10 * MINUTE;
        for minute in 0..120 {
            let time = from + minute * MINUTE;
            let value = if minute == 7 { cepmon_model::stale_nan() } else { minute as f64 / 3.0 };
            append(&storage, &[(0, time, minute as f64), (1, time, value), (flush as usize + 2, time, -0.0)]);
        }
        let text = "x".repeat(flush as usize);
        storage.append_logs(&[line(from, "web", &text, &[("path", "/a"), (&text, "odd")]), line(from, "db", "same time", &[])]).unwrap();
        storage.append_logs(&[line(from, "web", "second of its time", &[])]).unwrap();
        storage.append_rows(&SCRAPES, &[row(from + 1), row(from)]).unwrap();
        storage.flush().unwrap();
    }
    let (samples, logs) = (dump(&storage), lines(&storage));
    assert_eq!(entries(&storage, &BlockKind::Metrics).len(), 12);
    compact_all(&storage, START + DAY + 3 * HOUR);
    assert_eq!((dump(&storage), lines(&storage)), (samples.clone(), logs.clone()));
    let metrics = entries(&storage, &BlockKind::Metrics);
    let today: Vec<_> = metrics.iter().filter(|entry| entry.min_ts < START + DAY).collect();
    assert_eq!((today.len(), metrics.len()), (1, 2), "{metrics:?}");
    assert!(today[0].max_ts < START + DAY && today[0].level == WHOLE);
    assert_eq!(entries(&storage, &BlockKind::Logs).len(), 1);
    assert_eq!(entries(&storage, &BlockKind::Table("scrapes".to_owned())).len(), 1);
    let rows: usize = storage.snapshot().scan_table(&SCRAPES, i64::MIN, i64::MAX).unwrap().iter().map(|batch| batch.num_rows()).sum();
    assert_eq!(rows, 24);
    let stats = storage.stats();
    assert!(stats.compactions_total > 0 && stats.compacted_input_bytes_total > stats.compacted_output_bytes_total);
    assert_eq!(storage.snapshot().promoted_fields().unwrap()[0], "path");
    drop(storage);
    let (storage, report) = Storage::open(options(dir.path())).unwrap();
    assert_eq!((report.removed_files, dump(&storage), lines(&storage)), (0, samples, logs));
}

#[test]
fn metadata_of_the_youngest_block_that_has_some_stays() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let help = |help: &str| MetricMetadata { help: help.into(), ..MetricMetadata::default() };
    for (number, metadata) in [help("old"), help("new"), MetricMetadata::default()].iter().enumerate() {
        // A series that ends leaves memory, and what is known of it with it.
        let series = storage.series_ref(&labels(0), metadata).unwrap();
        let time = START + number as i64 * HOUR;
        storage.append(&[(series, time, 1.0), (series, time + 1, cepmon_model::stale_nan())]).unwrap();
        storage.flush().unwrap();
    }
    compact_all(&storage, START + 2 * DAY);
    assert_eq!(entries(&storage, &BlockKind::Metrics).len(), 1);
    assert_eq!(storage.snapshot().series(&[]).unwrap()[0].metadata, help("new"));
}

#[test]
fn late_data_for_many_days_is_split_at_midnight_and_merged_into_its_days() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    for day in 0..20 {
        append(&storage, &[(0, START + day * DAY, 1.0), (1, START + day * DAY + HOUR, 2.0)]);
        append(&storage, &[(0, START + day * DAY + DAY / 2, 3.0)]);
        storage.flush().unwrap();
    }
    let now = START + 20 * DAY + 3 * HOUR;
    // Each sample for another day, all in one block.
    append(&storage, &(0..20).map(|day| (2, START + day * DAY + 5, day as f64)).collect::<Vec<_>>());
    storage.flush().unwrap();
    let before = dump(&storage);
    compact_all(&storage, now);
    compact_all(&storage, now + DAY + HOUR);
    assert_eq!(dump(&storage), before);
    let metrics = entries(&storage, &BlockKind::Metrics);
    assert_eq!(metrics.len(), 20, "{metrics:?}");
    assert!(metrics.iter().all(|entry| entry.min_ts.div_euclid(DAY) == entry.max_ts.div_euclid(DAY)));
}

#[test]
fn thirty_days_of_flushes_leave_a_bounded_number_of_blocks_and_retention_is_obeyed() {
    let dir = tempfile::tempdir().unwrap();
    let metrics_retention = Retention { max_age_ms: Some(15 * DAY), max_bytes: None };
    let logs_retention = Retention { max_age_ms: None, max_bytes: Some(400_000) };
    let storage = Storage::open(StorageOptions { metrics_retention, logs_retention, ..options(dir.path()) }).unwrap().0;
    let (mut most_blocks, mut most_log_bytes, mut flushes) = (0, 0, 0);
    let mut written = 0;
    for step in 0..30 * 24 * 4 {
        let now = START + step * 15 * MINUTE;
        append(&storage, &(0..5).map(|series| (series, now, (step % 50) as f64)).collect::<Vec<_>>());
        let noise = (0..20).map(|word| (step * 7919 + word * 104_729).pow(2).to_string()).collect::<String>();
        storage.append_logs(&[line(now, "web", &noise, &[("step", &step.to_string())])]).unwrap();
        if step % 97 == 96 {
            append(&storage, &[(7, now - 10 * DAY, 1.0)]);
        }
        written += storage.flush().unwrap().bytes;
        flushes += 1;
        storage.maintain(now).unwrap();
        compact_all(&storage, now);
        let oldest = scan(&storage, vec![], i64::MIN, i64::MAX).iter().filter_map(|series| series.timestamps.first().copied()).min();
        assert!(oldest.is_none_or(|oldest| oldest >= now - 15 * DAY));
        let (metrics, logs) = (entries(&storage, &BlockKind::Metrics), entries(&storage, &BlockKind::Logs));
        let oldest_in_block = metrics.iter().map(|entry| entry.min_ts).min().unwrap_or(now);
        assert!(now - oldest_in_block <= 16 * DAY + 6 * HOUR, "a block keeps data far beyond the retention");
        most_blocks = most_blocks.max(metrics.len());
        most_log_bytes = most_log_bytes.max(logs.iter().map(|entry| entry.bytes).sum::<u64>());
    }
    let stats = storage.stats();
    let amplification = stats.compacted_output_bytes_total as f64 / written as f64;
    println!("{flushes} flushes of each kind: at most {most_blocks} metrics blocks, at most {most_log_bytes} bytes of logs,");
    println!(
        "{} blocks of all kinds at the end, {} merges, {amplification:.2} bytes merged per byte flushed",
        stats.blocks, stats.compactions_total
    );
    // Sixteen days, three levels of seven, and what is late.
    assert!(most_blocks <= 16 + 21 + 10, "{most_blocks}");
    assert!(most_log_bytes <= 400_000);
    assert!(entries(&storage, &BlockKind::Logs).iter().map(|entry| entry.bytes).sum::<u64>() > 300_000, "retention by size takes too much");
    assert!(amplification < 5.0, "{amplification}");
}

#[test]
fn a_scan_that_began_before_a_merge_reads_on_and_the_files_go_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    for hour in 0..9 {
        append(&storage, &[(0, START + hour * HOUR, hour as f64), (1, START + hour * HOUR, 1.0)]);
        storage.flush().unwrap();
    }
    let folders = || std::fs::read_dir(dir.path().join("default/metrics")).unwrap().count();
    let all = SampleScan { matchers: vec![], start: i64::MIN, end: i64::MAX };
    let mut before = storage.snapshot().scan_samples(&all).unwrap();
    assert_eq!(before.next().unwrap().unwrap().timestamps.len(), 9);
    assert_eq!(compact_all(&storage, START + 10 * HOUR), 1);
    assert_eq!(folders(), 10);
    assert_eq!(before.next().unwrap().unwrap().timestamps.len(), 9);
    assert!(before.next().is_none());
    drop(before);
    assert_eq!(folders(), 2, "the merged one and the youngest");
    assert_eq!(scan(&storage, vec![], i64::MIN, i64::MAX)[1].timestamps.len(), 9);
}

#[test]
fn a_merge_that_fails_at_any_step_changes_nothing_waits_and_holds_up_no_flush() {
    for point in crate::REWRITE_FAULT_POINTS {
        let dir = tempfile::tempdir().unwrap();
        let faults = Faults::armed(point, crate::FaultAction::Fail);
        let storage = Storage::open(StorageOptions { faults, ..options(dir.path()) }).unwrap().0;
        for hour in 0..9 {
            append(&storage, &[(0, START + hour * HOUR, hour as f64)]);
            storage.flush().unwrap();
        }
        let before = dump(&storage);
        let now = START + 10 * HOUR;
        assert_eq!(storage.compact(now).unwrap_err().to_string(), Error::Fault(point).to_string());
        assert_eq!(dump(&storage), before);
        assert_eq!(storage.stats().compaction_failures_total, 1, "{point}");
        assert_eq!(storage.compact(now + 1000).unwrap(), None, "{point}: it must wait");
        append(&storage, &[(0, START + 10 * HOUR, 9.0)]);
        storage.flush().unwrap();
        let after = dump(&storage);
        drop(storage);
        let storage = open(dir.path());
        assert_eq!(dump(&storage), after, "{point}");
        compact_all(&storage, now);
        assert_eq!(dump(&storage), after, "{point}");
    }
}

#[test]
fn retention_that_takes_an_input_meanwhile_wins() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    for hour in 0..3 {
        append(&storage, &[(0, START + hour * HOUR, 1.0)]);
        storage.flush().unwrap();
    }
    let inputs = storage.shared.read().blocks.clone();
    let must_stop = || false;
    let mut run = crate::compact::Rewrite {
        shared: &storage.shared,
        level: 1,
        whole: None,
        width: Some(DAY),
        deletion: None,
        must_stop: &must_stop,
        outputs: crate::compact::Outputs::default(),
        removed: 0,
    };
    crate::compact::rewrite(&mut run, &inputs).unwrap();
    let outputs = std::mem::take(&mut run.outputs);
    // As retention does it.
    let first = inputs[0].entry.name.clone();
    {
        let mut state = storage.shared.write();
        state.manifest.blocks.retain(|entry| entry.name != first);
        state.blocks.retain(|block| block.entry.name != first);
    }
    assert_eq!(storage.shared.swap_blocks(&[(&inputs, outputs)]).unwrap(), 0);
    assert_eq!(scan(&storage, vec![], i64::MIN, i64::MAX)[0].timestamps, [START + HOUR, START + 2 * HOUR]);
    assert_eq!(entries(&storage, &BlockKind::Metrics).len(), 2);
}

#[test]
fn a_damaged_block_is_left_alone_and_the_others_are_merged() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    for hour in 0..9 {
        append(&storage, &[(0, START + hour * HOUR, 1.0)]);
        storage.append_logs(&[line(START + hour * HOUR, "web", "x", &[])]).unwrap();
        storage.flush().unwrap();
    }
    let first = storage.shared.read().blocks.iter().find(|block| block.entry.kind == BlockKind::Metrics).cloned().unwrap();
    std::fs::write(&**first.series_file(), "no Parquet").unwrap();
    let now = START + 10 * HOUR;
    assert!(storage.compact(now).unwrap_err().to_string().contains("series.parquet"));
    assert_eq!(compact_all(&storage, now + HOUR), 1);
    assert_eq!((entries(&storage, &BlockKind::Metrics).len(), entries(&storage, &BlockKind::Logs).len()), (9, 2));
    compact_all(&storage, START + 2 * DAY);
    assert_eq!(entries(&storage, &BlockKind::Metrics).len(), 2, "eight became one");
}

#[test]
fn two_series_that_were_given_one_number_in_different_blocks_have_two_in_the_merged_one() {
    use crate::block::samples::SamplesWriter;
    use crate::block::series::{RowPlace, SeriesRow, SeriesWriter};
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    for series in [0, 1] {
        append(&storage, &[(series, START, series as f64)]);
        storage.flush().unwrap();
    }
    // The second block as if its series had the first one's number.
    let blocks = storage.shared.read().blocks.clone();
    let id = BlockIndex::read(blocks[0].series_file()).unwrap().id(0);
    let mut samples = SamplesWriter::create(blocks[1].rows_file().to_path_buf(), &[]).unwrap();
    samples.push(id, &[START], &[1.0]).unwrap();
    samples.finish().unwrap();
    let mut series = SeriesWriter::create(blocks[1].series_file().to_path_buf()).unwrap();
    let place = RowPlace { first_row: 0, rows: 1, min_ts: START, max_ts: START };
    series.push(SeriesRow { id, labels: labels(1), metadata: Arc::default(), place }).unwrap();
    series.finish().unwrap();
    drop((blocks, storage));
    let storage = open(dir.path());
    compact_all(&storage, START + 2 * DAY);
    let found = scan(&storage, vec![], i64::MIN, i64::MAX);
    assert_eq!(entries(&storage, &BlockKind::Metrics).len(), 1);
    assert_eq!((found.len(), found[0].id), (2, id));
    assert_ne!(found[0].id, found[1].id);
}
