//! Runs a script's commands against the engine and compares.

use std::collections::BTreeMap;
use std::sync::Arc;

use cepmon_model::{Bucket, Histogram, LabelSet, METRIC_NAME, ResetHint, TimestampMs};

use super::script::{Case, Command, Expected, When};
use super::series::Loaded;
use crate::notation::LoadedValue;
use crate::{Annotation, Answer, Engine, EngineOptions, MatrixSeries, MemorySource, SampleValue, Severity, Value, parse};

#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) passed: usize,
    pub(super) failures: Vec<String>,
}

pub(super) fn run_script(commands: &[Command]) -> Report {
    let mut report = Report::default();
    let mut source = MemorySource::default();
    for command in commands {
        match command {
            Command::Clear => source.clear(),
            Command::Load(lines) => load(&mut source, lines),
            Command::Eval(case) => match run_case(&source, case) {
                Ok(()) => report.passed += 1,
                Err(problem) => report.failures.push(format!("line {}: {}\n    {problem}", case.line, case.query)),
            },
        }
    }
    report
}

/// If one load names a series twice, only the last line counts.
fn load(source: &mut MemorySource, lines: &[Loaded]) {
    let by_series: BTreeMap<&LabelSet, &Loaded> = lines.iter().map(|line| (&line.labels, line)).collect();
    for line in by_series.values() {
        for (index, value) in line.values.iter().enumerate() {
            if let Some(value) = value {
                source.push_sample(&line.labels, index as i64 * line.step, value.clone());
            }
        }
    }
}

fn run_case(source: &MemorySource, case: &Case) -> Result<(), String> {
    let found = evaluate(source, &case.query, case.at);
    if case.must_fail {
        return match (found, &case.fail_message) {
            (Ok(answer), _) => Err(format!("must fail, gives {:?}", answer.value)),
            (Err(error), Some(message)) if !error.contains(message) => Err(format!("must fail with {message:?}, not {error:?}")),
            _ => Ok(()),
        };
    }
    let Answer { value, annotations } = found?;
    compare(&value, case)?;
    compare_annotations(&annotations, case)?;
    // Whatever holds at one time holds in a range query too, but for the order of series.
    if let (When::Instant(at), Value::Vector(_), false) = (case.at, &value, case.is_ordered) {
        let range = evaluate(source, &case.query, When::Range { start: at, end: at, step: 1000 })?;
        compare(&range.value, case).map_err(|problem| format!("as a range query: {problem}"))?;
    }
    Ok(())
}

fn evaluate(source: &MemorySource, query: &str, at: When) -> Result<Answer, String> {
    let expr = parse(query).map_err(|error| error.to_string())?;
    // Upstream's own runner has this on.
    let engine = Engine::new(EngineOptions { drops_names_late: true, ..EngineOptions::default() });
    let answer = match at {
        When::Instant(at) => engine.annotated_instant(source, &expr, at),
        When::Range { start, end, step } => engine.annotated_range(source, &expr, start, end, step),
    };
    answer.map_err(|error| error.to_string())
}

fn compare_annotations(found: &[Annotation], case: &Case) -> Result<(), String> {
    let texts = |severity: Severity| {
        found.iter().filter(move |annotation| annotation.severity == severity).map(|annotation| annotation.text(&case.query))
    };
    for severity in [Severity::Warning, Severity::Info] {
        let patterns: Vec<_> = case.annotations.iter().filter(|(wanted, _)| *wanted == severity).map(|(_, pattern)| pattern).collect();
        let unexpected: Vec<String> = texts(severity).filter(|text| !patterns.iter().any(|pattern| pattern.matches(text))).collect();
        if !unexpected.is_empty() && (case.forbidden.contains(&severity) || !patterns.is_empty()) {
            return Err(format!("unexpected annotations {unexpected:?}"));
        }
        if !patterns.is_empty() && texts(severity).next().is_none() {
            return Err(format!("expected annotations {patterns:?}"));
        }
    }
    Ok(())
}

fn compare(value: &Value, case: &Case) -> Result<(), String> {
    match (&case.expected, value) {
        (Expected::Scalar(expected), Value::Scalar { value, .. }) if is_close(*expected, *value) => Ok(()),
        (Expected::Text(expected), Value::String { value, .. }) if expected == value => Ok(()),
        (Expected::Series(expected), Value::Vector(vector)) => {
            let found: Vec<(LabelSet, Points)> =
                vector.iter().map(|sample| ((*sample.labels).clone(), vec![(sample.at, sample.value.clone())])).collect();
            if case.is_ordered {
                let order = |labels: Vec<&LabelSet>| labels.iter().map(ToString::to_string).collect::<Vec<_>>();
                let expected: Vec<String> = order(expected.iter().map(|(labels, _)| labels).collect());
                let found: Vec<String> = order(found.iter().map(|(labels, _)| labels).collect());
                if expected != found {
                    return Err(format!("expected the order {expected:?}, found {found:?}"));
                }
            }
            compare_series(expected, &found, case)
        }
        (Expected::Series(expected), Value::Matrix(matrix)) => compare_series(expected, &series_of(matrix), case),
        (Expected::Ranges { start, step, series }, Value::Matrix(matrix)) => {
            let expected = series.iter().map(|(labels, values)| (labels.clone(), points(values, *start, *step))).collect();
            compare_points(expected, &series_of(matrix))
        }
        (expected, found) => Err(format!("expected {expected:?}, found {found:?}")),
    }
}

fn series_of(matrix: &[MatrixSeries]) -> Vec<(LabelSet, Points)> {
    let samples = |series: &MatrixSeries| {
        let numbers = series.samples.iter().map(|sample| (sample.timestamp, SampleValue::Float(sample.value)));
        let histograms = series.histograms.iter().map(|sample| (sample.timestamp, SampleValue::Histogram(Arc::clone(&sample.histogram))));
        let mut points: Points = numbers.chain(histograms).collect();
        points.sort_by_key(|(timestamp, _)| *timestamp);
        points
    };
    matrix.iter().map(|series| ((*series.labels).clone(), samples(series))).collect()
}

fn compare_series(expected: &[(LabelSet, Vec<LoadedValue>)], found: &[(LabelSet, Points)], case: &Case) -> Result<(), String> {
    let (start, step) = match case.at {
        When::Instant(at) => (at, 1),
        When::Range { start, step, .. } => (start, step),
    };
    let expected = expected.iter().map(|(labels, values)| (labels.clone(), points(values, start, step))).collect();
    compare_points(expected, found)
}

fn points(values: &[LoadedValue], start: TimestampMs, step: i64) -> Points {
    values.iter().enumerate().filter_map(|(index, value)| Some((start + index as i64 * step, value.clone()?))).collect()
}

pub(super) type Points = Vec<(TimestampMs, SampleValue)>;

pub(super) fn compare_points(expected: BTreeMap<LabelSet, Points>, found: &[(LabelSet, Points)]) -> Result<(), String> {
    let found: BTreeMap<LabelSet, Points> = found.iter().cloned().collect();
    let expected: BTreeMap<LabelSet, Points> = expected.into_iter().filter(|(_, points)| !points.is_empty()).collect();
    let is_same = expected.len() == found.len()
        && expected.iter().all(|(labels, expected)| {
            found.get(labels).is_some_and(|found| {
                expected.len() == found.len()
                    && expected.iter().zip(found).all(|(left, right)| left.0 == right.0 && is_same(&left.1, &right.1))
            })
        });
    if is_same { Ok(()) } else { Err(format!("expected {expected:?}\n    found    {found:?}")) }
}

fn is_same(expected: &SampleValue, found: &SampleValue) -> bool {
    match (expected, found) {
        (SampleValue::Float(expected), SampleValue::Float(found)) => is_close(*expected, *found),
        (SampleValue::Histogram(expected), SampleValue::Histogram(found)) => is_same_histogram(expected, found),
        _ => false,
    }
}

/// Empty buckets do not count, nor does a hint that is not expected.
fn is_same_histogram(expected: &Histogram, found: &Histogram) -> bool {
    let (mut expected, mut found) = (expected.clone(), found.clone());
    expected.compact();
    found.compact();
    let buckets = |left: &[Bucket], right: &[Bucket]| {
        left.len() == right.len()
            && left.iter().zip(right).all(|(left, right)| left.index == right.index && is_close(left.count, right.count))
    };
    expected.schema == found.schema
        && expected.zero_threshold == found.zero_threshold
        && expected.custom_values == found.custom_values
        && is_close(expected.count, found.count)
        && is_close(expected.sum, found.sum)
        && is_close(expected.zero_count, found.zero_count)
        && buckets(&expected.positive, &found.positive)
        && buckets(&expected.negative, &found.negative)
        && (expected.hint == ResetHint::Unknown || expected.hint == found.hint)
}

/// Upstream's comparison: relative difference below 1e-6.
fn is_close(left: f64, right: f64) -> bool {
    if left == right || (left.is_nan() && right.is_nan()) {
        return true;
    }
    let difference = (left - right).abs();
    if left == 0.0 || right == 0.0 || difference < f64::MIN_POSITIVE {
        return difference < 1e-6 * f64::MIN_POSITIVE;
    }
    difference / (left.abs() + right.abs()) < 1e-6
}

#[test]
fn series_differ_by_name_too() {
    let named = LabelSet::from_pairs([(METRIC_NAME, "m")]);
    let expected = BTreeMap::from([(named, vec![(0, SampleValue::Float(1.0))])]);
    assert!(compare_points(expected, &[(LabelSet::default(), vec![(0, SampleValue::Float(1.0))])]).is_err());
}
