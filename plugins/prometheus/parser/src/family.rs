//! HELP, TYPE and UNIT lines, and which samples they speak of.
//!
//! The formats want the samples of a family together, so only the last family is looked at; a sample that strays from its family loses its
//! metadata and nothing else.

use std::borrow::Cow;

use cepmon_sdk::batch::{Kind, Span};

use super::label::{parse_series, span};
use super::scan::{Parsed, Scan, end_of_metric_name, is_name_start};

/// Which line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meta {
    Help,
    Type,
    Unit,
}

impl Meta {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Help => "HELP",
            Self::Type => "TYPE",
            Self::Unit => "UNIT",
        }
    }
}

/// The metric name of a metadata line, here; quotes are undone.
pub(super) fn parse_meta_name(scan: &mut Scan, meta: Meta) -> Parsed<Span> {
    let start = scan.at;
    if scan.byte() == b'"' {
        let line = scan.rest_of_line();
        let mut length = 1;
        while let Some(&byte) = line.get(length) {
            match byte {
                b'"' => break,
                b'\\' => length += 2,
                _ => length += 1,
            }
        }
        if length >= line.len() {
            return scan.problem(start, format!("expected metric name after {}", meta.word()));
        }
        scan.at += length + 1;
        return Ok(span(start + 1, start + length));
    }
    if !is_name_start(scan.byte()) {
        return scan.problem(start, format!("expected metric name after {}", meta.word()));
    }
    scan.at = end_of_metric_name(&scan.bytes, start);
    Ok(span(start, scan.at))
}

/// Applies a metadata line whose text goes from here to the end of the line.
pub(super) fn apply_meta(scan: &mut Scan, meta: Meta, name: Span, kinds: impl Fn(&[u8]) -> Option<Kind>) -> Parsed<()> {
    let start = scan.at;
    let end = start + scan.rest_of_line().len();
    let text = &scan.bytes[start..end];
    match meta {
        Meta::Help => {
            let help = if text.contains(&b'\\') || (!scan.is_utf8 && std::str::from_utf8(text).is_err()) {
                let unescaped = unescape_help(&String::from_utf8_lossy(text)).into_owned();
                scan.append(unescaped.as_bytes())
            } else {
                span(start, end)
            };
            family_of(scan, name).help = help;
        }
        Meta::Type => {
            let Some(kind) = kinds(text) else {
                return scan.problem(start, format!("invalid metric type {:?}", String::from_utf8_lossy(text)));
            };
            family_of(scan, name).kind = kind;
        }
        Meta::Unit => {
            let metric = bytes_of(scan, name);
            let is_suffix = metric.strip_suffix(text).is_some_and(|rest| rest.ends_with(b"_") && rest.len() > 1);
            if !text.is_empty() && !is_suffix {
                let (unit, metric) = (String::from_utf8_lossy(text), String::from_utf8_lossy(metric));
                return scan.problem(start, format!("unit {unit:?} not a suffix of metric {metric:?}"));
            }
            family_of(scan, name).unit = span(start, end);
        }
    }
    scan.at = end;
    Ok(())
}

/// The series text of a sample, and the last family made the one that it belongs to.
#[inline(always)]
pub(super) fn parse_series_in_family(scan: &mut Scan, is_loose: bool) -> Parsed<Span> {
    let start = scan.at;
    // A line of the same shape has the same metric name and so the same family. In a body that is not UTF-8 each value needs its check.
    if scan.is_utf8
        && let Some(end) = scan.template.match_at(&scan.bytes, start)
    {
        scan.at = end;
        return Ok(span(start, end));
    }
    let text = parse_series(scan, is_loose)?;
    let has_sibling = enter_family_of_sample(scan, text.name);
    if has_sibling && scan.bytes[scan.at - 1] == b'}' {
        scan.template.learn(&scan.bytes, start, scan.at, &scan.label_values);
    }
    Ok(text.series)
}

/// Makes sure that the last family is the one of a sample of this name; whether it has a sample already.
fn enter_family_of_sample(scan: &mut Scan, name: Span) -> bool {
    if let Some(family) = scan.columns.families.last() {
        let family_name = bytes_of(scan, family.name);
        let suffix = bytes_of(scan, name).strip_prefix(family_name);
        let belongs = suffix.is_some_and(|suffix| suffix.is_empty() || takes_suffix(family.kind, suffix));
        if belongs {
            return family.samples > 0;
        }
    }
    scan.push_family(name, Kind::Unknown);
    false
}

fn takes_suffix(kind: Kind, suffix: &[u8]) -> bool {
    match kind {
        Kind::Counter => matches!(suffix, b"_total" | b"_created"),
        Kind::Histogram => matches!(suffix, b"_bucket" | b"_sum" | b"_count" | b"_created"),
        Kind::GaugeHistogram => matches!(suffix, b"_bucket" | b"_gsum" | b"_gcount" | b"_sum" | b"_count"),
        Kind::Summary => matches!(suffix, b"_sum" | b"_count" | b"_created"),
        Kind::Info => suffix == b"_info",
        Kind::Unknown | Kind::Gauge | Kind::Stateset => false,
    }
}

/// The last family when it has this name and no samples yet, else a new one.
fn family_of(scan: &mut Scan, name: Span) -> &mut cepmon_sdk::batch::Family {
    let is_open =
        scan.columns.families.last().is_some_and(|family| family.samples == 0 && bytes_of(scan, family.name) == bytes_of(scan, name));
    if is_open {
        return scan.columns.families.last_mut().expect("BUG: the last family is gone");
    }
    scan.push_family(name, Kind::Unknown)
}

fn bytes_of(scan: &Scan, span: Span) -> &[u8] {
    &scan.bytes[span.start as usize..(span.start + span.len) as usize]
}

/// `\\` and `\n`; any other backslash stands for itself, as in Prometheus. OpenMetrics adds `\"`.
fn unescape_help(text: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => out.push('\n'),
            Some('\\') => out.push('\\'),
            Some('"') => out.push('"'),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    Cow::Owned(out)
}
