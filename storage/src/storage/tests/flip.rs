//! Flipped bytes, cut files and lost files, of every kind and at many places: the answers are right, or an error or the report of opening
//! names the file. Never are they wrong.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::{Cell, LogEntry, LogScan, SCRAPES};

/// Positions of each file that are tried: its ends, where headers and footers are, and as many more all over it.
const ENDS: usize = 24;
const SCATTERED: usize = 60;

/// Files of every kind: two metrics blocks, logs, a table, each with checksums; the manifest; a log with samples, lines, rows and keys.
fn fill(dir: &Path) {
    let storage = open(dir);
    for round in 0..3i64 {
        for time in 0..300 {
            let time = 1000 * (300 * round + time);
            append(&storage, &[(0, time, 0.5), (1, time, (time as f64).sqrt()), (2, time, time as f64)]);
        }
        let stream = Arc::new(LabelSet::from_pairs([("job", "test")]));
        let entry = |index: i64| LogEntry {
            timestamp_ns: 1_000_000 * (300 * round + index),
            stream: Arc::clone(&stream),
            level: "info".to_owned(),
            line: format!("line {index} of {round}"),
            fields: vec![("status".into(), format!("{}", index % 7))],
        };
        storage.append_logs(&(0..200).map(entry).collect::<Vec<_>>()).unwrap();
        let row = |index: i64| {
            let mut row = vec![Cell::Null; SCRAPES.columns.len()];
            (row[0], row[1]) = (Cell::Time(1000 * (300 * round + index)), Cell::Text(format!("job {}", index % 3)));
            row
        };
        storage.append_rows(&SCRAPES, &(0..50).map(row).collect::<Vec<_>>()).unwrap();
        storage.kv_put("test", "round", Some(round.to_string().as_bytes())).unwrap();
        if round < 2 {
            storage.flush().unwrap();
        }
    }
}

/// All that can be asked, each answer as text, or the error's.
fn answers(storage: &Storage) -> Vec<Result<String, String>> {
    let samples = || -> Result<String, crate::Error> {
        let mut text = String::new();
        for series in storage.snapshot().scan_samples(&SampleScan { matchers: vec![], start: i64::MIN, end: i64::MAX })? {
            let series = series?;
            text += &format!("{:?} {} {:?} {:?}\n", series.id, series.labels, series.timestamps, series.values);
        }
        Ok(text)
    };
    let logs = || -> Result<String, crate::Error> {
        let all = LogScan { matchers: vec![], start_ns: i64::MIN, end_ns: i64::MAX, columns: None };
        let mut text = String::new();
        for batch in storage.snapshot().scan_logs(&all)? {
            // Rows one by one: how they are cut into batches does not count.
            let batch = batch?;
            for row in 0..batch.num_rows() {
                text += &format!("{:?}\n", batch.slice(row, 1).columns());
            }
        }
        Ok(text)
    };
    let table = || Ok(format!("{:?}", storage.snapshot().scan_table(&SCRAPES, i64::MIN, i64::MAX)?));
    let series = || Ok(format!("{:?}", storage.snapshot().series(&[])?));
    let keys = || Ok(format!("{:?}", storage.kv_list("test")));
    let asked: [&dyn Fn() -> Result<String, crate::Error>; 5] = [&samples, &logs, &table, &series, &keys];
    asked.iter().map(|ask| ask().map_err(|error| error.to_string())).collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else if !entry.ends_with("LOCK") {
            found.push(entry);
        }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, target).unwrap();
    }
}

/// What became of one damaged directory.
#[derive(Debug, PartialEq)]
enum Outcome {
    Right,
    Named,
}

/// Opens a damaged copy and asks everything. Panics on a wrong answer that nothing gives away.
fn judge(intact: &Path, relative: &Path, damage: &dyn Fn(&Path), want: &[Result<String, String>], what: &str) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    copy(intact, dir.path());
    damage(&dir.path().join(relative));
    // A file of checksums speaks for the file beside it, and the log for its segment.
    let name = relative.file_name().unwrap().to_str().unwrap();
    let names = |text: &str| text.contains(name) || text.contains(name.trim_start_matches('.').trim_end_matches(".checksums"));
    let (storage, report) = match Storage::open(options(dir.path())) {
        Ok(opened) => opened,
        Err(error) => {
            assert!(names(&error.to_string()), "{what}: {error}");
            return Outcome::Named;
        }
    };
    let is_reported = report.problems.iter().any(|problem| names(problem));
    let got = answers(&storage);
    let mut outcome = Outcome::Right;
    for (got, want) in got.iter().zip(want) {
        match got {
            Err(error) => {
                assert!(names(error), "{what}: {error}");
                outcome = Outcome::Named;
            }
            Ok(_) if got == want => {}
            Ok(_) => {
                assert!(is_reported, "{what}: a wrong answer and no word of it");
                outcome = Outcome::Named;
            }
        }
    }
    // Whatever it is, the server goes on: it takes in and flushes late data too.
    append(&storage, &[(0, 500, 7.0), (9, 1_000_000, 7.0)]);
    storage.flush().unwrap_or_else(|error| panic!("{what}: {error}"));
    let new = SampleScan { matchers: vec![Matcher::equal("n", "9")], start: 1_000_000, end: 1_000_000 };
    assert_eq!(storage.snapshot().scan_samples(&new).unwrap().count(), 1, "{what}");
    outcome
}

#[test]
fn a_block_that_is_set_aside_leaves_answers_without_it_and_its_files_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let file = dir.path().join("default/metrics/00000001/samples.parquet");
    let mut bytes = fs::read(&file).unwrap();
    bytes[100] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let storage = open(dir.path());
    let count = |storage: &Storage, start| -> Result<usize, String> {
        let scan = SampleScan { matchers: vec![], start, end: i64::MAX };
        let series = storage.snapshot().scan_samples(&scan).map_err(|error| error.to_string())?;
        series.map(|series| series.map(|series| series.values.len()).map_err(|error| error.to_string())).sum()
    };
    assert_eq!(count(&storage, 300_000), Ok(1800), "what does not touch the block is answered");
    let error = count(&storage, 0).unwrap_err();
    let want = format!(
        "cannot read \"{}\": its bytes 0 to {} have a wrong checksum; the 900 rows of block 00000001 (1970-01-01T00:00:00Z to \
         1970-01-01T00:04:59Z) are not answered for: restore the file from a backup, or do without the block: cepmon set-aside 00000001",
        file.display(),
        bytes.len()
    );
    assert_eq!(error, want);
    assert_eq!(storage.stats().damaged_blocks, 1);
    let refused = storage.set_aside("00000004").unwrap_err();
    assert_eq!(refused.to_string(), "cannot use \"block 00000004\": it is not damaged");
    let aside = storage.set_aside("00000001").unwrap();
    assert_eq!((aside.rows, storage.stats().damaged_blocks), (900, 0));
    assert_eq!(count(&storage, 0), Ok(1800));
    drop(storage);
    assert_eq!(count(&open(dir.path()), 0), Ok(1800));
    assert_eq!(fs::read(aside.place.join("samples.parquet")).unwrap(), bytes);
}

#[test]
fn a_flipped_byte_anywhere_gives_no_wrong_answer() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let want = answers(&open(dir.path()));
    assert!(want.iter().all(Result::is_ok));
    let (mut tried, mut named) = (0, 0);
    let mut seed = 20_261_124u64;
    for file in files(dir.path()) {
        let relative = file.strip_prefix(dir.path()).unwrap();
        let length = fs::metadata(&file).unwrap().len() as usize;
        let mut positions: Vec<usize> = (0..length.min(ENDS)).chain(length.saturating_sub(ENDS)..length).collect();
        for _ in 0..SCATTERED {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            positions.push((seed >> 33) as usize % length.max(1));
        }
        positions.sort_unstable();
        positions.dedup();
        let mut outcomes = Vec::new();
        for &position in positions.iter().filter(|&&position| position < length) {
            let flip = |path: &Path| {
                let mut bytes = fs::read(path).unwrap();
                bytes[position] ^= 1 << (position % 8);
                fs::write(path, bytes).unwrap();
            };
            outcomes.push(judge(dir.path(), relative, &flip, &want, &format!("{} byte {position}", relative.display())));
        }
        let count = outcomes.iter().filter(|outcome| **outcome == Outcome::Named).count();
        println!("{}: {length} bytes, {} flips, {count} named, the others harmless", relative.display(), outcomes.len());
        tried += outcomes.len();
        named += count;
    }
    println!("{tried} flips, {named} named, 0 wrong answers");
    assert!(named > tried / 2);
}

#[test]
fn a_cut_or_lost_file_gives_no_wrong_answer() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    let want = answers(&open(dir.path()));
    for file in files(dir.path()) {
        let relative = file.strip_prefix(dir.path()).unwrap();
        let length = fs::metadata(&file).unwrap().len();
        for cut in [0, 1, length / 3, length.saturating_sub(1)] {
            // A log that is cut cannot be told from one whose writer died: see `a_torn_record_is_cut_and_reported_once`.
            if relative.starts_with("wal") {
                continue;
            }
            let truncate = |path: &Path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(cut).unwrap();
            judge(dir.path(), relative, &truncate, &want, &format!("{} cut to {cut}", relative.display()));
        }
        if !relative.starts_with("wal") {
            let remove = |path: &Path| fs::remove_file(path).unwrap();
            judge(dir.path(), relative, &remove, &want, &format!("{} lost", relative.display()));
        }
    }
}
