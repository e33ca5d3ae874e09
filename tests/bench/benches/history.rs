//! A store of many days, as it is after years: what each day costs, how it starts, what a question about its last minutes and about all of
//! its time takes. Time is virtual.
//!
//! `cargo bench -p cepmon-bench -p cepmon-features --bench history -- [SERIES] [DAYS] [FOLDER]`: 2,000 series over 2 days are 23 M samples
//! and take about 20 seconds. Times are CPU seconds of this thread.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and says by panicking that it cannot start")]

use std::path::PathBuf;

use cepmon_bench::{TARGET_SERIES, cpu_seconds, labels, metadata, resident_bytes, value};
use cepmon_model::Matcher;
use cepmon_storage::{SampleScan, SeriesRef, Storage, StorageOptions};

const START: i64 = 1_700_000_000_000;
const INTERVAL_MS: i64 = 15_000;
const DAY_MS: i64 = 86_400_000;

fn main() {
    // Cargo adds a flag of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let mut number = |default: usize| arguments.next().map_or(default, |text| text.parse().unwrap());
    let (series, days) = (number(2000), number(2));
    let temporary = tempfile::tempdir().unwrap();
    let dir = arguments.next().map_or(temporary.path().to_owned(), PathBuf::from);
    let (storage, _) = Storage::open(StorageOptions::new(&dir)).unwrap();
    let end = fill(&storage, series, days as i64);
    let stats = storage.stats();
    let total = (series as i64 * (end - START) / INTERVAL_MS) as f64;
    println!(
        "{:.0} M samples: {} blocks, {:.3} bytes per sample on disk, {} MiB resident",
        total / 1e6,
        stats.blocks,
        stats.sample_block_bytes as f64 / total,
        resident_bytes() >> 20
    );
    drop(storage);
    let started = cpu_seconds();
    let (storage, report) = Storage::open(StorageOptions::new(&dir)).unwrap();
    println!("start: {:.3} s with {} samples of the log", cpu_seconds() - started, report.replayed_samples);
    for (what, from) in [("the last five minutes", end - 300_000), ("the last day", end - DAY_MS), ("all", START)] {
        for round in ["first", "again"] {
            let started = cpu_seconds();
            let scan = SampleScan { matchers: vec![Matcher::equal("__name__", "metric_7")], start: from, end: i64::MAX };
            let found = storage.snapshot().scan_samples(&scan).unwrap().map(|series| series.unwrap().values.len());
            let (count, samples) = found.fold((0, 0), |(count, samples), found| (count + 1, samples + found));
            println!("{what} of one metric, {round}: {:.2} ms, {count} series, {samples} samples", (cpu_seconds() - started) * 1e3);
        }
    }
    println!("resident at the end: {} MiB", resident_bytes() >> 20);
}

/// Appends all days with the housekeeping that a server does, and says what each tenth of them cost; gives the time after the last sample.
fn fill(storage: &Storage, series: usize, days: i64) -> i64 {
    let refs: Vec<SeriesRef> = (0..series).map(|number| storage.series_ref(&labels(number), &metadata(number)).unwrap()).collect();
    let mut state = vec![0; series];
    let (mut appending, mut flushing, mut merging) = (0.0, 0.0, 0.0);
    let steps = days * DAY_MS / INTERVAL_MS;
    for step in 0..steps {
        let now = START + step * INTERVAL_MS;
        for (target, group) in refs.chunks(TARGET_SERIES).enumerate() {
            let first = target * TARGET_SERIES;
            let time = now + 7 * target as i64;
            let batch: Vec<_> = (first..).zip(group).map(|(number, &series)| (series, time, value(number, step, &mut state))).collect();
            appending += timed(|| storage.append(&batch).unwrap()).0;
        }
        if step % 40 == 0 {
            let (spent, report) = timed(|| storage.maintain(now).unwrap());
            flushing += spent;
            if report.flush.is_some() {
                merging += timed(|| while storage.compact(now).unwrap().is_some() {}).0;
            }
        }
        if (step + 1) % (steps / 10).max(1) == 0 {
            let samples = (step + 1) as f64 * series as f64;
            let per_sample = [appending, flushing, merging].map(|seconds| seconds / samples * 1e6);
            let (blocks, resident) = (storage.stats().blocks, resident_bytes() >> 20);
            let [append, flush, merge] = per_sample;
            println!(
                "day {:.1}: {append:.3} µs per sample to append, {flush:.3} to flush, {merge:.3} to merge; {blocks} blocks, {resident} MiB",
                (step + 1) as f64 / (DAY_MS / INTERVAL_MS) as f64
            );
        }
    }
    START + steps * INTERVAL_MS
}

/// CPU seconds and what came out.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let started = cpu_seconds();
    let done = work();
    (cpu_seconds() - started, done)
}
