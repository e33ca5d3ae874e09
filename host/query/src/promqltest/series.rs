//! The series notation: `name{a="b"} 0+10x3 _ 5 stale`.

use cepmon_model::{LabelSet, stale_nan};

use crate::ast::ExprKind;

/// One line of a `load`.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) labels: LabelSet,
    pub(super) step: i64,
    pub(super) values: Vec<LoadedValue>,
    /// `load_with_nhcb`: `x_bucket` and the like also make a native histogram `x`.
    pub(super) is_nhcb: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum LoadedValue {
    Gap,
    Float(f64),
    /// A native histogram, which cannot be stored yet.
    Histogram,
}

impl LoadedValue {
    pub(super) fn float(self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(value),
            Self::Gap | Self::Histogram => None,
        }
    }
}

impl Loaded {
    pub(super) fn parse(line: &str, step: i64, is_nhcb: bool) -> Result<Self, String> {
        let (labels, values) = split_series(line)?;
        Ok(Self { labels, step, values: expand_values(values)?, is_nhcb })
    }

    /// The labels of the native histogram that the line makes or is part of, if any.
    pub(super) fn histogram(&self) -> Option<LabelSet> {
        if self.values.contains(&LoadedValue::Histogram) {
            return Some(self.labels.clone());
        }
        let name = self.labels.metric_name();
        let base = ["_bucket", "_count", "_sum"].into_iter().find_map(|suffix| name.strip_suffix(suffix)).filter(|_| self.is_nhcb)?;
        let mut labels = self.labels.to_builder();
        labels.take("le");
        Some(labels.set("__name__", base).build())
    }
}

/// The labels, and the text of the values.
pub(super) fn split_series(line: &str) -> Result<(LabelSet, &str), String> {
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

fn parse_labels(text: &str) -> Result<LabelSet, String> {
    if text == "{}" {
        return Ok(LabelSet::default());
    }
    let expr = crate::parse(text).map_err(|error| format!("{text}: {error}"))?;
    match expr.kind {
        ExprKind::Selector(selector) => Ok(LabelSet::from_pairs(selector.matchers.iter().map(|matcher| (matcher.name(), matcher.value())))),
        _ => Err(format!("{text:?} is no series")),
    }
}

pub(super) fn expand_values(text: &str) -> Result<Vec<LoadedValue>, String> {
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
