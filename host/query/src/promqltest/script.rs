//! Scripts to commands. It runs nothing.

use cepmon_model::{LabelSet, TimestampMs, parse_duration};

use super::series::{Loaded, converted};
use crate::Severity;
use crate::notation::{LoadedValue, expand_values, split_series};

#[derive(Debug)]
pub(super) enum Command {
    Clear,
    Load(Vec<Loaded>),
    Eval(Case),
}

#[derive(Debug)]
pub(super) struct Case {
    pub(super) line: usize,
    pub(super) query: String,
    pub(super) at: When,
    pub(super) must_fail: bool,
    /// A piece of the error's text.
    pub(super) fail_message: Option<String>,
    pub(super) is_ordered: bool,
    pub(super) expected: Expected,
    /// Annotations that must be there, and that each of their severity must match.
    pub(super) annotations: Vec<(Severity, Pattern)>,
    /// Severities that must not be there.
    pub(super) forbidden: Vec<Severity>,
}

/// What an annotation's text must be like.
#[derive(Debug)]
pub(super) enum Pattern {
    Any,
    Text(String),
    Regex(regex::Regex),
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match kind.trim() {
            "" => Ok(Self::Any),
            "msg" => Ok(Self::Text(rest.trim().to_owned())),
            "regex" => regex::Regex::new(rest.trim()).map(Self::Regex).map_err(|error| error.to_string()),
            other => Err(format!("unknown pattern {other:?}")),
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Text(wanted) => text == wanted,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    Instant(TimestampMs),
    Range { start: TimestampMs, end: TimestampMs, step: i64 },
}

#[derive(Debug)]
pub(super) enum Expected {
    Scalar(f64),
    Text(String),
    /// Series with a value or a gap per step.
    Series(Vec<(LabelSet, Vec<LoadedValue>)>),
    /// The same, for a range vector: values from `start`, `step` apart.
    Ranges {
        start: TimestampMs,
        step: i64,
        series: Vec<(LabelSet, Vec<LoadedValue>)>,
    },
}

pub(super) fn parse_script(text: &str) -> Result<Vec<Command>, String> {
    let lines: Vec<&str> = text.lines().map(str::trim).map(|line| if line.starts_with('#') { "" } else { line }).collect();
    let mut commands = Vec::new();
    let mut index = 0;
    while index < lines.len() {
        let line = lines[index];
        let end = lines[index..].iter().position(|line| line.is_empty()).map_or(lines.len(), |length| index + length);
        let body = &lines[(index + 1).min(end)..end];
        let problem = |problem: String| format!("line {}: {problem}", index + 1);
        match line.split_whitespace().next().unwrap_or_default() {
            "" => index += 1,
            "clear" => {
                commands.push(Command::Clear);
                index += 1;
            }
            "load" | "load_with_nhcb" => {
                commands.push(Command::Load(parse_load(line, body).map_err(problem)?));
                index = end;
            }
            word if word.starts_with("eval") => {
                commands.push(Command::Eval(parse_eval(line, body, index + 1).map_err(problem)?));
                index = end;
            }
            other => return Err(problem(format!("unknown command {other:?}"))),
        }
    }
    Ok(commands)
}

fn parse_load(line: &str, body: &[&str]) -> Result<Vec<Loaded>, String> {
    let mut words = line.split_whitespace();
    let is_nhcb = words.next() == Some("load_with_nhcb");
    let step = parse_time(words.next().unwrap_or_default())?;
    let mut lines = body.iter().map(|line| Loaded::parse(line, step)).collect::<Result<Vec<_>, _>>()?;
    if is_nhcb {
        lines.extend(converted(&lines));
    }
    Ok(lines)
}

fn parse_eval(line: &str, body: &[&str], number: usize) -> Result<Case, String> {
    let (command, rest) = line.split_once(char::is_whitespace).ok_or("nothing to evaluate")?;
    let (at, query) = parse_when(rest.trim())?;
    let mut case = Case {
        line: number,
        query: query.to_owned(),
        at,
        must_fail: command == "eval_fail",
        fail_message: None,
        annotations: Vec::new(),
        forbidden: Vec::new(),
        is_ordered: command == "eval_ordered",
        expected: Expected::Series(Vec::new()),
    };
    let mut ranges = None;
    let mut series = Vec::new();
    for line in body {
        if let Some(expectation) = line.strip_prefix("expect ") {
            ranges = parse_expectation(expectation.trim(), &mut case)?.or(ranges);
        } else if let Some(message) = line.strip_prefix("expected_fail_message") {
            case.fail_message = Some(message.trim().to_owned());
        } else if line.starts_with("expected_fail_regexp") {
            case.must_fail = true;
        } else if let Some(number) = parse_number(line) {
            case.expected = Expected::Scalar(number);
        } else {
            let (labels, values) = split_series(line)?;
            series.push((labels, expand_values(values)?));
        }
    }
    match (ranges, &case.expected) {
        (Some((start, step)), _) => case.expected = Expected::Ranges { start, step, series },
        (None, Expected::Series(_)) => case.expected = Expected::Series(series),
        _ => {}
    }
    Ok(case)
}

/// What follows `expect`; gives start and step of a range vector.
fn parse_expectation(text: &str, case: &mut Case) -> Result<Option<(TimestampMs, i64)>, String> {
    if let Some(literal) = text.strip_prefix("string ") {
        case.expected = Expected::Text(literal.trim().trim_matches('"').to_owned());
    } else if let Some(range) = text.strip_prefix("range vector ") {
        let When::Range { start, step, .. } = parse_when(&format!("range {range} x"))?.0 else { return Err("no range".to_owned()) };
        return Ok(Some((start, step)));
    } else if let Some(rest) = text.strip_prefix("fail") {
        case.must_fail = true;
        case.fail_message = rest.trim().strip_prefix("msg:").map(|message| message.trim().to_owned());
    } else if text == "ordered" {
        case.is_ordered = true;
    } else {
        let (word, pattern) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        match word {
            "warn" => case.annotations.push((Severity::Warning, Pattern::parse(pattern)?)),
            "info" => case.annotations.push((Severity::Info, Pattern::parse(pattern)?)),
            "no_warn" => case.forbidden.push(Severity::Warning),
            "no_info" => case.forbidden.push(Severity::Info),
            _ => return Err(format!("unknown expectation {text:?}")),
        }
    }
    Ok(None)
}

/// `instant [at T] QUERY` or `range from A to B step S QUERY`.
fn parse_when(text: &str) -> Result<(When, &str), String> {
    let mut rest = text;
    let mut word = || {
        let trimmed = rest.trim_start();
        let (word, after) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
        rest = after;
        word
    };
    match word() {
        "instant" => {
            let after_instant = text.trim_start().strip_prefix("instant").unwrap_or_default().trim_start();
            if word() != "at" {
                return Ok((When::Instant(0), after_instant));
            }
            let at = parse_time(word())?;
            Ok((When::Instant(at), rest.trim()))
        }
        "range" => {
            word();
            let start = parse_time(word())?;
            word();
            let end = parse_time(word())?;
            word();
            let step = parse_time(word())?;
            Ok((When::Range { start, end, step }, rest.trim()))
        }
        other => Err(format!("cannot evaluate {other:?}")),
    }
}

pub(super) fn parse_time(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok((seconds * 1000.0).round() as i64);
    }
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    Ok(sign * i64::try_from(duration.as_millis()).unwrap())
}

pub(super) fn parse_number(text: &str) -> Option<f64> {
    text.parse().ok()
}
