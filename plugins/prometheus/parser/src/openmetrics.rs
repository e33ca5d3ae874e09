//! The grammar of OpenMetrics 1.0: one space where a space is, no blank lines, `# EOF` at the end, exemplars.

use cepmon_sdk::batch::{Exemplar, Kind};

use super::family::{Meta, apply_meta, parse_meta_name, parse_series_in_family};
use super::label::{Rules, parse_label_set, span};
use super::number;
use super::scan::{Parsed, Scan};

/// Beyond this many milliseconds an `i64` is not exact any more; no clock gets there.
const MAX_TIMESTAMP_MS: f64 = 9e15;

pub(super) fn parse(scan: &mut Scan) -> Parsed<()> {
    loop {
        if scan.is_at_end() {
            return scan.problem(scan.at, "data does not end with # EOF");
        }
        if scan.byte() == b'#' {
            if parse_comment(scan)? {
                return Ok(());
            }
        } else {
            parse_sample(scan)?;
        }
    }
}

#[inline(always)]
fn parse_sample(scan: &mut Scan) -> Parsed<()> {
    let series = parse_series_in_family(scan, false)?;
    let value = parse_number(scan, "expected value after metric")?;
    scan.push_sample(series, value);
    if scan.byte() == b' ' && !is_exemplar(scan) {
        let timestamp_ms = parse_timestamp(scan, "invalid timestamp")?;
        scan.set_timestamp(timestamp_ms);
    }
    if is_exemplar(scan) {
        parse_exemplar(scan)?;
    }
    if scan.byte() != b'\n' {
        return scan.problem(scan.at, "expected next entry after timestamp");
    }
    scan.at += 1;
    Ok(())
}

fn is_exemplar(scan: &Scan) -> bool {
    scan.bytes[scan.at.min(scan.end)..].starts_with(b" # {")
}

fn parse_exemplar(scan: &mut Scan) -> Parsed<()> {
    scan.at += 3;
    let start = scan.at;
    parse_label_set(scan, Rules { is_loose: false, takes_name: false })?;
    let labels = span(start, scan.at);
    let value = parse_number(scan, "expected value after exemplar labels")?;
    let mut timestamp_ms = None;
    if scan.byte() == b' ' {
        timestamp_ms = Some(parse_timestamp(scan, "invalid exemplar timestamp")?);
    }
    let sample = (scan.columns.values.len() - 1) as u32;
    scan.columns.exemplars.push(Exemplar { sample, labels, value, timestamp_ms });
    Ok(())
}

/// A space and a number.
#[inline(always)]
fn parse_number(scan: &mut Scan, expected: &str) -> Parsed<f64> {
    if scan.byte() != b' ' {
        return scan.problem(scan.at, expected);
    }
    scan.at += 1;
    if let Some((value, end)) = number::parse_fast(&scan.bytes, scan.at)
        && scan.bytes[end] != b'\t'
    {
        scan.at = end;
        return Ok(value);
    }
    let start = scan.at;
    while !matches!(scan.byte(), b' ' | b'\n') {
        scan.at += 1;
    }
    if scan.at == start {
        return scan.problem(start, expected);
    }
    match number::parse_slow(&scan.bytes[start..scan.at]) {
        Ok(value) => Ok(value),
        Err(problem) => scan.problem(scan.at - 1, problem),
    }
}

/// A space and seconds.
fn parse_timestamp(scan: &mut Scan, problem: &str) -> Parsed<i64> {
    let seconds = parse_number(scan, "expected timestamp")?;
    let milliseconds = seconds * 1000.0;
    if milliseconds.is_nan() || milliseconds.abs() > MAX_TIMESTAMP_MS {
        return scan.problem(scan.at - 1, format!("{problem} {seconds}"));
    }
    Ok(milliseconds as i64)
}

/// A line that begins with `#`; whether it is the end of the body.
fn parse_comment(scan: &mut Scan) -> Parsed<bool> {
    let line = scan.rest_of_line();
    if line == b"# EOF" {
        let behind = scan.at + line.len() + 1;
        if behind < scan.end {
            return scan.problem(behind, "unexpected data after # EOF");
        }
        return Ok(true);
    }
    let meta = match line.get(..7) {
        Some(b"# HELP ") => Meta::Help,
        Some(b"# TYPE ") => Meta::Type,
        Some(b"# UNIT ") => Meta::Unit,
        _ if line.starts_with(b"# EOF") => return scan.problem(scan.at + 5, "unexpected data after # EOF"),
        _ => return scan.problem(scan.at + 1, "expected a valid start token"),
    };
    scan.at += 7;
    let name = parse_meta_name(scan, meta)?;
    if scan.byte() != b' ' {
        return scan.problem(scan.at, format!("expected text in {}", meta.word()));
    }
    scan.at += 1;
    apply_meta(scan, meta, name, kind_of_word)?;
    scan.at += 1;
    Ok(false)
}

fn kind_of_word(word: &[u8]) -> Option<Kind> {
    Some(match word {
        b"counter" => Kind::Counter,
        b"gauge" => Kind::Gauge,
        b"histogram" => Kind::Histogram,
        b"gaugehistogram" => Kind::GaugeHistogram,
        b"summary" => Kind::Summary,
        b"info" => Kind::Info,
        b"stateset" => Kind::Stateset,
        b"unknown" => Kind::Unknown,
        _ => return None,
    })
}
