//! The series notation of Prometheus's tests: `name{a="b"} 0+10x3 _ 5 stale`.

use cepmon_model::{LabelSet, stale_nan};

use crate::ast::ExprKind;

/// What a series has at one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LoadedValue {
    /// Nothing: `_`.
    Gap,
    /// A number, or the stale mark.
    Float(f64),
    /// A native histogram, which cannot be stored yet.
    Histogram,
}

impl LoadedValue {
    /// The number, if it is one.
    pub fn float(self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(value),
            Self::Gap | Self::Histogram => None,
        }
    }
}

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

/// The values of a series, one a step.
pub fn expand_values(text: &str) -> Result<Vec<LoadedValue>, String> {
    let mut values = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        // A native histogram ends with "}}", and may be followed by an increment and a count.
        let mut end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let is_histogram = rest.starts_with("{{");
        if is_histogram {
            let mut open = 0_i32;
            end = rest.len();
            for (index, character) in rest.char_indices() {
                open += i32::from(character == '{') - i32::from(character == '}');
                if open == 0 && character.is_whitespace() {
                    end = index;
                    break;
                }
            }
        }
        let (word, after) = rest.split_at(end);
        if is_histogram {
            let (body, count) = word.rsplit_once('x').unwrap_or((word, ""));
            let count = if body.ends_with("}}") { count.parse::<usize>().unwrap_or(0) } else { 0 };
            values.extend(std::iter::repeat_n(LoadedValue::Histogram, count + 1));
        } else {
            expand(word, &mut values)?;
        }
        rest = after.trim_start();
    }
    Ok(values)
}

fn expand(word: &str, values: &mut Vec<LoadedValue>) -> Result<(), String> {
    let problem = || format!("cannot read the value {word:?}");
    if word == "_" {
        values.push(LoadedValue::Gap);
        return Ok(());
    }
    if let Some(count) = word.strip_prefix("_x") {
        values.extend(std::iter::repeat_n(LoadedValue::Gap, count.parse().map_err(|_| problem())?));
        return Ok(());
    }
    if word == "stale" {
        values.push(LoadedValue::Float(stale_nan()));
        return Ok(());
    }
    if let Ok(value) = word.parse() {
        values.push(LoadedValue::Float(value));
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
        values.push(LoadedValue::Float(value));
        value += increment;
    }
    Ok(())
}
