//! Metric name and label set of a sample or an exemplar. Checked here, decoded by the host, and only the first time it sees these bytes.

use cepmon_sdk::batch::Span;

use super::scan::{Parsed, Scan, end_of_label_name, end_of_metric_name, is_name_start};
use super::word::find_quote;

/// Where the formats differ inside braces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Text 0.0.4 takes blanks anywhere and needs no comma between labels.
    pub(super) is_loose: bool,
    /// A quoted string alone is the metric name.
    pub(super) takes_name: bool,
}

/// The spans of a metric name (without quotes) and of the whole series text.
#[derive(Debug)]
pub(super) struct SeriesText {
    pub(super) name: Span,
    pub(super) series: Span,
}

/// `name`, `name{…}` or `{"name", …}`.
#[inline(always)]
pub(super) fn parse_series(scan: &mut Scan, is_loose: bool) -> Parsed<SeriesText> {
    let start = scan.at;
    if scan.byte() == b'{' {
        let name = parse_label_set(scan, Rules { is_loose, takes_name: true })?;
        let Some(name) = name else {
            return scan.problem(scan.at, "metric name not set");
        };
        return Ok(SeriesText { name, series: span(start, scan.at) });
    }
    if !is_name_start(scan.byte()) {
        return scan.problem(start, "expected a valid start token");
    }
    let name_end = end_of_metric_name(&scan.bytes, start);
    scan.at = name_end;
    if is_loose {
        scan.skip_blanks();
    }
    if scan.byte() == b'{' {
        parse_label_set(scan, Rules { is_loose, takes_name: false })?;
        return Ok(SeriesText { name: span(start, name_end), series: span(start, scan.at) });
    }
    scan.at = name_end;
    Ok(SeriesText { name: span(start, name_end), series: span(start, name_end) })
}

/// From the opening to behind the closing brace; gives the quoted metric name when there is one.
#[inline(always)]
pub(super) fn parse_label_set(scan: &mut Scan, rules: Rules) -> Parsed<Option<Span>> {
    let mut metric_name = None;
    scan.label_values.clear();
    scan.at += 1;
    loop {
        if rules.is_loose {
            scan.skip_blanks();
        }
        let start = scan.at;
        match scan.byte() {
            b'}' => {
                scan.at += 1;
                return Ok(metric_name);
            }
            b'"' => {
                skip_quoted(scan, false, "label name")?;
                let quoted = span(start + 1, scan.at - 1);
                if rules.is_loose {
                    scan.skip_blanks();
                }
                if matches!(scan.byte(), b',' | b'}') {
                    if !rules.takes_name || metric_name.is_some() {
                        return scan.problem(start, "metric name already set");
                    }
                    metric_name = Some(quoted);
                    scan.at += usize::from(scan.byte() == b',');
                    continue;
                }
            }
            byte if is_name_start(byte) && byte != b':' => {
                scan.at = end_of_label_name(&scan.bytes, start);
                if rules.is_loose {
                    scan.skip_blanks();
                }
            }
            _ => return scan.problem(start, "expected label name"),
        }
        if scan.byte() != b'=' {
            return scan.problem(scan.at, "expected equal");
        }
        scan.at += 1;
        if rules.is_loose {
            scan.skip_blanks();
        }
        if scan.byte() != b'"' {
            return scan.problem(scan.at, "expected label value");
        }
        let value = scan.at + 1;
        skip_quoted(scan, rules.is_loose, "label value")?;
        scan.label_values.push((value as u32, scan.at as u32 - 1));
        if rules.is_loose {
            scan.skip_blanks();
        }
        match scan.byte() {
            b',' => scan.at += 1,
            b'}' => {}
            _ if rules.is_loose => {}
            _ => return scan.problem(scan.at, "expected comma or brace close"),
        }
    }
}

/// Behind the closing quote of the string that begins here.
#[inline(always)]
fn skip_quoted(scan: &mut Scan, takes_newline: bool, what: &str) -> Parsed<()> {
    let start = scan.at;
    scan.at += 1;
    loop {
        scan.at = find_quote(&scan.bytes, scan.at);
        match scan.byte() {
            b'"' => break,
            b'\\' => scan.at += 2,
            _ if takes_newline => scan.at += 1,
            _ => return scan.problem(start, format!("expected {what}")),
        }
        if scan.at > scan.end {
            return scan.problem(start, format!("expected {what}"));
        }
    }
    if !scan.is_utf8 && std::str::from_utf8(&scan.bytes[start + 1..scan.at]).is_err() {
        return scan.problem(start, format!("invalid UTF-8 {what}"));
    }
    scan.at += 1;
    Ok(())
}

#[inline(always)]
pub(super) fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, len: (end - start) as u32 }
}
