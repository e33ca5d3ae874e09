//! The series notation of Prometheus's tests: `name{a="b"} 0+10x3 _ 5 stale {{schema:1 sum:3 count:2 buckets:[1 1]}}`.

mod histogram;

use std::sync::Arc;

use cepmon_model::{Histogram, LabelSet, stale_nan};

use crate::SampleValue;
use crate::ast::ExprKind;
pub use histogram::print_histogram;
use histogram::{read_histogram, read_histograms};

/// What a series has at one step; `None` = nothing: `_`. A stale mark is a number.
pub type LoadedValue = Option<SampleValue>;

/// The labels, and the text of the values.
#[cfg(test)]
pub(crate) fn split_series(line: &str) -> Result<(LabelSet, &str), String> {
    let mut quote = None;
    let mut braces = 0;
    let mut end = line.len();
    let mut is_escaped = false;
    for (index, character) in line.char_indices() {
        match (quote, character) {
            _ if is_escaped => is_escaped = false,
            (Some('"' | '\''), '\\') => is_escaped = true,
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(character),
            (None, '{') => braces += 1,
            (None, '}') => braces -= 1,
            (None, _) if braces == 0 && character.is_whitespace() => {
                end = index;
                break;
            }
            _ => {}
        }
    }
    let (text, values) = line.split_at(end);
    Ok((parse_labels(text)?, values.trim()))
}

/// The labels of a series text such as `up{job="node"}`; `{}` has none.
pub fn parse_labels(text: &str) -> Result<LabelSet, String> {
    if text == "{}" {
        return Ok(LabelSet::default());
    }
    let expr = crate::parse(text).map_err(|error| error.to_string())?;
    match expr.kind {
        ExprKind::Selector(selector) => Ok(LabelSet::from_pairs(selector.matchers.iter().map(|matcher| (matcher.name(), matcher.value())))),
        _ => Err(format!("{text:?} is no series")),
    }
}

/// One native histogram: `{{schema:1 sum:3 count:2 buckets:[1 1]}}`.
pub fn parse_histogram(text: &str) -> Result<Histogram, String> {
    let (histogram, rest) = read_histogram(text.trim())?;
    if rest.is_empty() { Ok(histogram) } else { Err(format!("what is {rest:?} after a histogram?")) }
}

/// The values of a series, one a step.
pub fn expand_values(text: &str) -> Result<Vec<LoadedValue>, String> {
    let mut values = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let after = if rest.starts_with("{{") {
            let (histograms, after) = read_histograms(rest)?;
            values.extend(histograms.into_iter().map(|histogram| Some(SampleValue::Histogram(Arc::new(histogram)))));
            after
        } else {
            let (word, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
            expand(word, &mut values)?;
            after
        };
        if !after.is_empty() && !after.starts_with(char::is_whitespace) {
            return Err(format!("cannot read the values {after:?}"));
        }
        rest = after.trim_start();
    }
    Ok(values)
}

fn expand(word: &str, values: &mut Vec<LoadedValue>) -> Result<(), String> {
    let problem = || format!("cannot read the value {word:?}");
    let float = |value: f64| Some(SampleValue::Float(value));
    if word == "_" {
        values.push(None);
        return Ok(());
    }
    if let Some(count) = word.strip_prefix("_x") {
        values.extend(std::iter::repeat_n(None, count.parse().map_err(|_| problem())?));
        return Ok(());
    }
    if word == "stale" {
        values.push(float(stale_nan()));
        return Ok(());
    }
    if let Ok(value) = word.parse() {
        values.push(float(value));
        return Ok(());
    }
    let (series, count) = word.rsplit_once('x').ok_or_else(problem)?;
    let count: u32 = count.parse().map_err(|_| problem())?;
    // The sign between start and increment is the last one that does not belong to an exponent.
    let bytes = series.as_bytes();
    let sign = (1..bytes.len()).rev().find(|at| matches!(bytes[*at], b'+' | b'-') && !matches!(bytes[*at - 1], b'e' | b'E' | b'+' | b'-'));
    let (start, increment) = match sign {
        Some(at) => (series[..at].parse::<f64>().map_err(|_| problem())?, series[at..].parse::<f64>().map_err(|_| problem())?),
        None => (series.parse::<f64>().map_err(|_| problem())?, 0.0),
    };
    // Added up, as upstream does, so that rounding is the same.
    let mut value = start;
    for _ in 0..=count {
        values.push(float(value));
        value += increment;
    }
    Ok(())
}
