//! The same PromQL gives the same answer as Prometheus: answers that a real one (2.42) gave to `queries.txt` over `data.test`, recorded
//! by `record.py`, all in `tests/golden/answers`. `CEPMON_PROMETHEUS_ANSWERS` may name a further folder of such files, recorded with
//! `--shift 0`: there the ranges of Prometheus 2 are compared.

use std::path::{Path, PathBuf};

use cepmon_model::{LabelSet, MetricMetadata, TimestampMs};
use cepmon_storage::{Storage, StorageOptions};
use serde_json::Value as Json;

use super::run::{Points, compare_points};
use super::script::{Command, parse_script};
use super::series::Loaded;
use crate::{Engine, EngineOptions, MemorySource, Ranges, SampleValue, SeriesSource, Value, parse};

/// See the top of `data.test`.
const SHIFT_MS: i64 = 4_000;
const START_MS: TimestampMs = 300_000;
const END_MS: TimestampMs = 1_740_000;
const STEP_MS: i64 = 120_000;
const INSTANT_MS: TimestampMs = 1_500_000;

/// Every sample of `data.test`, series by series.
fn samples(folder: &Path, shift_ms: i64) -> Vec<(LabelSet, Points)> {
    let commands = parse_script(&std::fs::read_to_string(folder.join("data.test")).unwrap()).unwrap();
    let loads = commands.into_iter().filter_map(|command| if let Command::Load(lines) = command { Some(lines) } else { None });
    let points = |line: &Loaded| {
        let values = line.values.iter().enumerate();
        values.filter_map(|(index, value)| Some((index as i64 * line.step + shift_ms, value.clone()?))).collect()
    };
    loads.flatten().map(|line| (line.labels.clone(), points(&line))).collect()
}

fn number(value: &SampleValue) -> f64 {
    match value {
        SampleValue::Float(value) => *value,
        SampleValue::Histogram(_) => panic!("the answers are about numbers"),
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/answers")
}

fn in_memory(samples: Vec<(LabelSet, Points)>) -> MemorySource {
    let mut source = MemorySource::default();
    for (labels, points) in samples {
        points.into_iter().for_each(|(at, value)| source.push_sample(&labels, at, value));
    }
    source
}

#[test]
fn the_same_promql_gives_the_same_answer_as_prometheus() {
    let source = in_memory(samples(&folder(), SHIFT_MS));
    // No sample lies on the border of a range, so the ranges of both versions see the same ones.
    check_all(&source, &folder(), Ranges::LeftOpen);
    check_all(&source, &folder(), Ranges::Closed);
}

#[test]
fn samples_on_the_borders_of_ranges_count_as_in_prometheus_2() {
    let Some(folder) = std::env::var_os("CEPMON_PROMETHEUS_ANSWERS").map(PathBuf::from) else {
        eprintln!("skipped: CEPMON_PROMETHEUS_ANSWERS names no folder");
        return;
    };
    check_all(&in_memory(samples(&folder, 0)), &folder, Ranges::Closed);
}

#[test]
fn samples_in_blocks_and_in_memory_give_that_answer_too() {
    let directory = tempfile::tempdir().unwrap();
    let (storage, _) = Storage::open(StorageOptions::new(directory.path())).unwrap();
    let series = samples(&folder(), SHIFT_MS);
    // The older half goes into a block, the rest stays in the head.
    for is_old in [true, false] {
        for (labels, points) in &series {
            let reference = storage.series_ref(labels, &MetricMetadata::default()).unwrap();
            let half = points.iter().filter(|(at, _)| (*at < 900_000) == is_old);
            let batch: Vec<_> = half.map(|(at, value)| (reference, *at, number(value))).collect();
            assert_eq!(storage.append(&batch).unwrap().appended, batch.len());
        }
        if is_old {
            storage.flush().unwrap();
        }
    }
    check_all(&storage.snapshot(), &folder(), Ranges::LeftOpen);
}

fn check_all(source: &dyn SeriesSource, folder: &Path, ranges: Ranges) {
    let engine = Engine::new(EngineOptions { ranges, ..EngineOptions::default() });
    let (mut total, mut failures) = (0, Vec::new());
    for line in std::fs::read_to_string(folder.join("answers.jsonl")).unwrap().lines() {
        let recorded: Json = serde_json::from_str(line).unwrap();
        total += 1;
        if let Err(problem) = check(&engine, source, &recorded) {
            failures.push(format!("{}\n    {problem}", recorded["query"]));
        }
    }
    assert!(total > 400, "only {total} answers");
    assert!(failures.is_empty(), "{} of {total} answers differ:\n{}", failures.len(), failures.join("\n"));
}

fn check(engine: &Engine, source: &dyn SeriesSource, recorded: &Json) -> Result<(), String> {
    let query = recorded["query"].as_str().unwrap();
    let is_range = recorded["type"] == "matrix";
    let answer = parse(query).map_err(|error| error.to_string()).and_then(|expr| {
        let value =
            if is_range { engine.range(source, &expr, START_MS, END_MS, STEP_MS) } else { engine.instant(source, &expr, INSTANT_MS) };
        value.map_err(|error| error.to_string())
    });
    if let Some(error) = recorded["error"].as_str() {
        let found = answer.err().ok_or(format!("must fail: {error}"))?;
        // The rest names series, in an order and a notation that need not be the same.
        let error = error.trim_start_matches("invalid parameter \"query\": ");
        let start = error.split(['{', '(', '<', '"']).next().unwrap_or_default().trim();
        return if found.contains(start) { Ok(()) } else { Err(format!("must fail with {error:?}, not {found:?}")) };
    }
    let found = match answer? {
        Value::Scalar { at, value } => vec![(LabelSet::default(), vec![(at, SampleValue::Float(value))])],
        Value::String { value, .. } => return Err(format!("is the string {value:?}")),
        Value::Vector(vector) => vector.into_iter().map(|sample| ((*sample.labels).clone(), vec![(sample.at, sample.value)])).collect(),
        Value::Matrix(matrix) => {
            let points = |samples: Vec<cepmon_model::Sample>| {
                samples.iter().map(|sample| (sample.timestamp, SampleValue::Float(sample.value))).collect()
            };
            matrix.into_iter().map(|series| ((*series.labels).clone(), points(series.samples))).collect::<Vec<_>>()
        }
    };
    let expected = expected(recorded);
    let is_ordered = query.starts_with("sort") || query.starts_with("topk(") || query.starts_with("bottomk(");
    if is_ordered && !is_range && expected.iter().map(|(labels, _)| labels).ne(found.iter().map(|(labels, _)| labels)) {
        return Err(format!("expected the order {expected:?}\n    found             {found:?}"));
    }
    compare_points(expected.into_iter().collect(), &found)
}

fn expected(recorded: &Json) -> Vec<(LabelSet, Points)> {
    let point = |pair: &Json| {
        let ms = (pair[0].as_f64().unwrap() * 1000.0).round() as TimestampMs;
        (ms, SampleValue::Float(pair[1].as_str().unwrap().parse().unwrap()))
    };
    let result = &recorded["result"];
    if recorded["type"] == "scalar" {
        return vec![(LabelSet::default(), vec![point(result)])];
    }
    let series = |series: &Json| {
        let labels = series["metric"].as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let points = match series["values"].as_array() {
            Some(values) => values.iter().map(point).collect(),
            None => vec![point(&series["value"])],
        };
        (LabelSet::from_pairs(labels), points)
    };
    result.as_array().unwrap().iter().map(series).collect()
}
