//! What the head, the log, the blocks and their merging cost: memory, disk, CPU.
//!
//! `make bench` runs it; with other numbers: `cargo bench -p cepmon-bench -p cepmon-features --bench storage -- [SERIES] [SAMPLES] [FOLDER]`.
//! Times are CPU seconds of this thread, so a busy machine disturbs them little.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and says by panicking that it cannot start")]

use std::path::PathBuf;

use cepmon_bench::{TARGET_SERIES, cpu_seconds, labels, metadata, resident_bytes, value};
use cepmon_model::Matcher;
use cepmon_storage::{SampleScan, SeriesRef, Storage, StorageOptions};

fn main() {
    // Cargo adds a flag of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let mut number = |default: usize| arguments.next().map_or(default, |text| text.parse().unwrap());
    let (series, samples) = (number(2000), number(480));
    let temporary = tempfile::tempdir().unwrap();
    let dir = arguments.next().map_or(temporary.path().to_owned(), PathBuf::from);
    let options = StorageOptions { head_max_bytes: 512 << 20, ..StorageOptions::new(&dir) };
    let (storage, _) = Storage::open(options.clone()).unwrap();
    let before = resident_bytes();

    let started = cpu_seconds();
    let refs: Vec<SeriesRef> = (0..series).map(|number| storage.series_ref(&labels(number), &metadata(number)).unwrap()).collect();
    let per_series = (cpu_seconds() - started) / series as f64;
    println!("register: {:.2} µs per series", per_series * 1e6);

    let (mut state, mut spent) = (vec![0u64; series], 0.0);
    for step in 0..samples as i64 {
        spent += append(&storage, &refs, step, &mut state);
    }
    let total = (series * samples) as f64;
    let stats = storage.stats();
    println!("append with log: {:.3} µs per sample, {:.1} M samples/s", spent / total * 1e6, total / spent / 1e6);
    println!("log: {:.2} bytes per sample", stats.wal_bytes as f64 / total);
    println!(
        "head: {:.2} bytes per sample, index {} and state {} bytes per series, resident {:.2} bytes per sample all together",
        stats.head_bytes as f64 / total,
        stats.index_bytes / series as u64,
        stats.slot_bytes / series as u64,
        (resident_bytes() - before) as f64 / total
    );
    scan_all(&storage, "memory");
    drop(storage);
    let started = cpu_seconds();
    let (storage, report) = Storage::open(options).unwrap();
    println!("replay: {:.2} s for {} samples", cpu_seconds() - started, report.replayed_samples);
    let started = cpu_seconds();
    let report = storage.flush().unwrap();
    println!("flush: {:.2} s, {:.3} bytes per sample on disk with series", cpu_seconds() - started, report.bytes as f64 / total);
    for name in ["samples", "series"] {
        let path = dir.join(format!("default/metrics/00000001/{name}.parquet"));
        println!("  {name}.parquet: {:.3} bytes per sample", path.metadata().unwrap().len() as f64 / total);
    }
    scan_all(&storage, "block");
    println!("resident at the end: {} MiB", resident_bytes() >> 20);
    drop(storage);
    merge(series, samples);
}

/// The same samples in eight blocks, merged into one of the last level.
fn merge(series: usize, samples: usize) {
    let dir = tempfile::tempdir().unwrap();
    let (storage, _) = Storage::open(StorageOptions { head_max_bytes: 512 << 20, ..StorageOptions::new(dir.path()) }).unwrap();
    let refs: Vec<SeriesRef> = (0..series).map(|number| storage.series_ref(&labels(number), &metadata(number)).unwrap()).collect();
    let mut state = vec![0u64; series];
    for step in 0..samples as i64 {
        append(&storage, &refs, step, &mut state);
        if (step + 1) % (samples as i64 / 8).max(1) == 0 {
            storage.flush().unwrap();
        }
    }
    storage.flush().unwrap();
    let total = (series * samples) as f64;
    println!("eight flushes: {:.3} bytes per sample", storage.stats().sample_block_bytes as f64 / total);
    // The first merge is of eight blocks of a level, the next of what is left of a day that is over.
    for _ in 0..3 {
        let (before, started) = (resident_bytes(), cpu_seconds());
        let Some(report) = storage.compact(1_800_000_000_000).unwrap() else { break };
        let spent = cpu_seconds() - started;
        println!(
            "merge of {} blocks into {}: {spent:.2} s, {:.1} M samples/s, {:.3} bytes per sample, resident {} MiB more than before",
            report.inputs,
            report.outputs,
            total / spent / 1e6,
            storage.stats().sample_block_bytes as f64 / total,
            (resident_bytes().saturating_sub(before)) >> 20
        );
    }
    scan_all(&storage, "merged block");
}

/// One sample of each series; gives the CPU seconds of appending.
fn append(storage: &Storage, refs: &[SeriesRef], step: i64, state: &mut [u64]) -> f64 {
    let mut spent = 0.0;
    for (target, group) in refs.chunks(TARGET_SERIES).enumerate() {
        let time = 1_700_000_000_000 + 15_000 * step + 7 * target as i64;
        let batch: Vec<_> =
            group.iter().enumerate().map(|(index, &series)| (series, time, value(target * TARGET_SERIES + index, step, state))).collect();
        let started = cpu_seconds();
        storage.append(&batch).unwrap();
        spent += cpu_seconds() - started;
    }
    spent
}

fn scan_all(storage: &Storage, from: &str) {
    let run = |matchers: Vec<Matcher>, start: i64| {
        let started = cpu_seconds();
        let scan = SampleScan { matchers, start, end: i64::MAX };
        let (mut series, mut samples) = (0, 0);
        for found in storage.snapshot().scan_samples(&scan).unwrap() {
            series += 1;
            samples += found.unwrap().timestamps.len();
        }
        ((cpu_seconds() - started) * 1e3, series, samples)
    };
    let (ms, series, samples) = run(vec![], i64::MIN);
    println!("scan of all in {from}: {ms:.1} ms, {series} series, {samples} samples, {:.0} M/s", samples as f64 / ms / 1e3);
    let (ms, series, samples) = run(vec![Matcher::equal("__name__", "metric_7")], 1_700_000_000_000 + 15_000 * 460);
    println!("scan of the youngest of one metric in {from}: {ms:.2} ms, {series} series, {samples} samples");
}
