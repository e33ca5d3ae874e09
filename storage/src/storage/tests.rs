//! Storage as a whole, against a model and against crashes.

use std::path::Path;

use cepmon_model::{LabelSet, Matcher, MetricMetadata};

use super::*;
use crate::dir::manifest::BlockKind;
use crate::{Error, Faults, SampleScan, SeriesSamples};

mod model;
mod compact;
mod delete;
mod exemplars;
mod histograms;
mod label_scan;
mod life;
mod logs;
mod rows;
mod damage;
mod flip;
mod save;
mod crash;
mod files;
mod threads;

/// Options for a folder of a test.
fn options(dir: &Path) -> StorageOptions {
    StorageOptions { faults: Faults::none(), ..StorageOptions::new(dir) }
}

fn open(dir: &Path) -> Storage {
    Storage::open(options(dir)).unwrap().0
}

/// Series `m{n="<number>", parity="…"}`, in three metrics.
fn labels(number: usize) -> LabelSet {
    let metric = format!("m{}", number % 3);
    let parity = if number.is_multiple_of(2) { "even" } else { "odd" };
    LabelSet::from_pairs([("__name__", metric.as_str()), ("n", &number.to_string()), ("parity", parity)])
}

fn append(storage: &Storage, samples: &[(usize, i64, f64)]) -> AppendOutcome {
    let refs = samples.iter().map(|&(number, time, value)| {
        let series = storage.series_ref(&labels(number), &MetricMetadata::default()).unwrap();
        (series, time, value)
    });
    storage.append(&refs.collect::<Vec<_>>()).unwrap()
}

fn scan(storage: &Storage, matchers: Vec<Matcher>, start: i64, end: i64) -> Vec<SeriesSamples> {
    let scan = SampleScan { matchers, start, end };
    storage.snapshot().scan_samples(&scan).unwrap().map(Result::unwrap).collect()
}

/// Everything, as text: one line per series.
fn dump(storage: &Storage) -> String {
    let mut text = String::new();
    for series in scan(storage, vec![], i64::MIN, i64::MAX) {
        let samples = series.timestamps.iter().zip(&series.values).map(|(time, value)| format!("{time}:{value}"));
        text += &format!("{} {}\n", series.labels, samples.collect::<Vec<_>>().join(" "));
    }
    text
}
