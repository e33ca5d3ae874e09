//! The grammar of text 0.0.4.

use cepmon_sdk::batch::Kind;

use super::family::{Meta, apply_meta, parse_meta_name, parse_series_in_family};
use super::number;
use super::scan::{Parsed, Scan};

pub(super) fn parse(scan: &mut Scan) -> Parsed<()> {
    loop {
        scan.skip_blanks();
        if scan.is_at_end() {
            return Ok(());
        }
        match scan.byte() {
            b'\n' => scan.at += 1,
            b'#' => parse_comment(scan)?,
            _ => parse_sample(scan)?,
        }
    }
}

#[inline(always)]
fn parse_sample(scan: &mut Scan) -> Parsed<()> {
    let series = parse_series_in_family(scan, true)?;
    scan.skip_blanks();
    let value = parse_value(scan)?;
    scan.push_sample(series, value);
    scan.skip_blanks();
    if scan.byte() != b'\n' {
        let timestamp_ms = parse_timestamp(scan)?;
        scan.set_timestamp(timestamp_ms);
        scan.skip_blanks();
        if scan.byte() != b'\n' {
            return scan.problem(scan.at, "expected next entry after timestamp");
        }
    }
    scan.at += 1;
    Ok(())
}

#[inline(always)]
fn parse_value(scan: &mut Scan) -> Parsed<f64> {
    if let Some((value, end)) = number::parse_fast(&scan.bytes, scan.at) {
        scan.at = end;
        return Ok(value);
    }
    let start = scan.at;
    while !matches!(scan.byte(), b' ' | b'\t' | b'\n' | b'{') {
        scan.at += 1;
    }
    if scan.at == start {
        return scan.problem(start, "expected value after metric");
    }
    match number::parse_slow(&scan.bytes[start..scan.at]) {
        Ok(value) => Ok(value),
        Err(problem) => scan.problem(scan.at - 1, problem),
    }
}

/// Whole milliseconds. Prometheus's own scanner takes no sign here, the older one of client libraries does, and times before 1970 hurt
/// nobody.
fn parse_timestamp(scan: &mut Scan) -> Parsed<i64> {
    let start = scan.at;
    scan.at += usize::from(scan.byte() == b'-');
    while scan.byte().is_ascii_digit() {
        scan.at += 1;
    }
    let digits = std::str::from_utf8(&scan.bytes[start..scan.at]).unwrap_or_default();
    match digits.parse() {
        Ok(timestamp_ms) => Ok(timestamp_ms),
        Err(_) => scan.problem(scan.at, "expected timestamp or new record"),
    }
}

fn parse_comment(scan: &mut Scan) -> Parsed<()> {
    scan.at += 1;
    let has_blank = matches!(scan.byte(), b' ' | b'\t');
    scan.skip_blanks();
    let meta = match scan.rest_of_line() {
        [b'H', b'E', b'L', b'P', b' ' | b'\t', ..] if has_blank => Some(Meta::Help),
        [b'T', b'Y', b'P', b'E', b' ' | b'\t', ..] if has_blank => Some(Meta::Type),
        _ => None,
    };
    if let Some(meta) = meta {
        scan.at += meta.word().len();
        scan.skip_blanks();
        let name = parse_meta_name(scan, meta)?;
        // One character stands between name and text, whatever it is.
        scan.at += usize::from(scan.byte() != b'\n');
        apply_meta(scan, meta, name, kind_of_word)?;
    }
    scan.at += scan.rest_of_line().len() + 1;
    Ok(())
}

/// The five kinds of the format, and those of OpenMetrics that newer client libraries write here too.
fn kind_of_word(word: &[u8]) -> Option<Kind> {
    Some(match word {
        b"counter" => Kind::Counter,
        b"gauge" => Kind::Gauge,
        b"histogram" => Kind::Histogram,
        b"gaugehistogram" => Kind::GaugeHistogram,
        b"summary" => Kind::Summary,
        b"info" => Kind::Info,
        b"stateset" => Kind::Stateset,
        b"untyped" | b"unknown" => Kind::Unknown,
        _ => return None,
    })
}
