//! For the tests of plugins: calls a plugin's function as the host would, and shows what it made as text.

use std::fmt::Write as _;
use std::time::Duration;

use crate::batch::{Columns, NO_TIME, Span};
use crate::bindings::types::{LogBatch, LogStream};
use crate::{Batch, Error, Lines, Rows, Target, Verdict};

/// A target with these settings (a JSON object) and ten seconds to answer.
#[must_use]
pub fn target(address: &str, settings: &str) -> Target {
    Target { address: address.to_owned(), parameters: Vec::new(), settings_json: settings.to_owned(), timeout: Duration::from_secs(10) }
}

/// Calls an exporter's function and shows its samples as [`exposition`].
///
/// # Errors
/// What the function returned.
pub fn collect(function: fn(&Target, &mut Batch) -> Result<(), Error>, target: &Target) -> Result<String, Error> {
    let mut batch = Batch::new();
    function(target, &mut batch)?;
    Ok(exposition(&batch.into_columns()))
}

/// Calls a probe's function; gives its verdict and its samples as [`exposition`].
///
/// # Errors
/// What the function returned.
pub fn check(function: fn(&Target, &mut Batch) -> Result<Verdict, Error>, target: &Target) -> Result<(Verdict, String), Error> {
    let mut batch = Batch::new();
    let verdict = function(target, &mut batch)?;
    Ok((verdict, exposition(&batch.into_columns())))
}

/// Calls a log parser's function.
///
/// # Errors
/// What the function returned.
pub fn parse(function: fn(&Lines, &mut Rows<'_>) -> Result<(), Error>, lines: &Lines) -> Result<LogBatch, Error> {
    let mut rows = Rows::new(lines);
    function(lines, &mut rows)?;
    Ok(rows.into_columns())
}

/// Lines as the host hands them over, read one nanosecond apart.
#[must_use]
pub fn lines(lines: &[impl AsRef<[u8]>], settings: &str) -> Lines {
    let mut bytes = Vec::new();
    let mut offsets = Vec::new();
    for line in lines {
        offsets.push(bytes.len() as u32);
        bytes.extend_from_slice(line.as_ref());
        offsets.push(bytes.len() as u32);
        bytes.push(b'\n');
    }
    let times_ns = (0..lines.len() as i64).collect();
    Lines::new(bytes, offsets, times_ns, LogStream { labels: Vec::new(), settings: settings.to_owned() })
}

/// The fields of one row, in column order, without the ones that it does not have.
#[must_use]
pub fn row_fields<'a>(lines: &'a Lines, columns: &'a LogBatch, row: usize) -> Vec<(&'a str, &'a str)> {
    let width = columns.keys.len();
    let cells = columns.fields.get(row * width * 2..(row + 1) * width * 2).unwrap_or_default();
    let mut fields = Vec::new();
    for (key, cell) in columns.keys.iter().zip(cells.chunks_exact(2)) {
        if cell[1] == u32::MAX {
            continue;
        }
        let (buffer, start) = match cell[0] >> 31 {
            0 => (lines.buffer(), cell[0] as usize),
            _ => (columns.extra.as_slice(), (cell[0] & !(1 << 31)) as usize),
        };
        let value = buffer.get(start..start + cell[1] as usize).unwrap_or(b"<span outside its buffer>");
        fields.push((key.as_str(), std::str::from_utf8(value).unwrap_or("<not UTF-8>")));
    }
    fields
}

/// A batch as exposition text, families and samples in their order, warnings as comments at the end.
#[must_use]
pub fn exposition(columns: &Columns) -> String {
    let mut out = String::new();
    let mut next = 0;
    for family in &columns.families {
        let name = text(columns, family.name);
        if family.help.len > 0 {
            line(&mut out, format_args!("# HELP {name} {}", text(columns, family.help)));
        }
        line(&mut out, format_args!("# TYPE {name} {}", family.kind.as_str()));
        if family.unit.len > 0 {
            line(&mut out, format_args!("# UNIT {name} {}", text(columns, family.unit)));
        }
        let end = next + family.samples as usize;
        (next..end).for_each(|index| sample(&mut out, columns, index));
        next = end;
    }
    (next..columns.values.len()).for_each(|index| sample(&mut out, columns, index));
    for warning in &columns.warnings {
        line(&mut out, format_args!("# WARNING {warning}"));
    }
    out
}

fn sample(out: &mut String, columns: &Columns, index: usize) {
    let span = match columns.series.get(index * 2..index * 2 + 2) {
        Some(span) => Span { start: span[0], len: span[1] },
        None => Span { start: 0, len: 0 },
    };
    let series = text(columns, span);
    let value = columns.values.get(index).copied().unwrap_or(f64::NAN);
    match columns.timestamps_ms.get(index) {
        Some(&time) if time != NO_TIME => line(out, format_args!("{series} {value} {time}")),
        _ => line(out, format_args!("{series} {value}")),
    }
}

fn text(columns: &Columns, span: Span) -> &str {
    let bytes = columns.text.get(span.start as usize..(span.start as usize + span.len as usize));
    bytes.map_or("<span outside the text>", |bytes| std::str::from_utf8(bytes).unwrap_or("<not UTF-8>"))
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("BUG: writing to a string failed");
}
