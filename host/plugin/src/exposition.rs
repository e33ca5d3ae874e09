//! What a plugin answered, as text that people read and tests compare: samples in the exposition format, rows of log lines as one JSON
//! object a line. Warnings, verdicts and failures are comment lines.

use std::fmt::Write as _;

use cepmon_model::{LogBatch, LogField, SampleBatch};
use serde_json::{Map, Value};

use crate::{CallError, LineBatch, Verdict};

/// Samples in the exposition format, families and samples in their order.
pub fn exposition(batch: &SampleBatch) -> String {
    let mut out = String::new();
    let mut next = 0;
    for family in &batch.families {
        let name = batch.str(family.name);
        if family.help.len > 0 {
            line(&mut out, format_args!("# HELP {name} {}", batch.str(family.help).replace('\\', "\\\\").replace('\n', "\\n")));
        }
        line(&mut out, format_args!("# TYPE {name} {}", family.kind.as_str()));
        if family.unit.len > 0 {
            line(&mut out, format_args!("# UNIT {name} {}", batch.str(family.unit)));
        }
        let end = (next + family.samples as usize).min(batch.len());
        (next..end).for_each(|sample| self::sample(&mut out, batch, sample));
        next = end;
    }
    (next..batch.len()).for_each(|sample| self::sample(&mut out, batch, sample));
    for warning in &batch.warnings {
        line(&mut out, format_args!("# WARNING {warning}"));
    }
    out
}

/// A probe's verdict, then its samples.
pub fn verdict_text(verdict: &Verdict) -> String {
    let word = if verdict.is_up { "UP" } else { "DOWN" };
    let detail = if verdict.detail.is_empty() { String::new() } else { format!(" {}", verdict.detail) };
    format!("# {word}{detail}\n{}", exposition(&verdict.samples))
}

/// One JSON object a row: the number of its line, from 0, its time and severity where it has them, its fields.
pub fn rows_text(batch: &LogBatch, lines: &LineBatch) -> String {
    let mut out = String::new();
    for (row, index) in batch.rows.iter().enumerate() {
        let mut object = Map::new();
        object.insert("line".to_owned(), Value::from(*index));
        if let Some(&time) = batch.times_ns.get(row).filter(|&&time| time != i64::MIN) {
            object.insert("time_ns".to_owned(), Value::from(time));
        }
        if let Some(severity) = batch.severities.get(row).filter(|severity| severity.0 != 0) {
            object.insert("severity".to_owned(), Value::from(severity.0));
        }
        let width = batch.keys.len();
        let fields = batch.fields.get(row * width..(row + 1) * width).unwrap_or_default();
        let text = |field: &LogField| {
            let (buffer, start, len) = match *field {
                LogField::Absent => return None,
                LogField::Input { start, len } => (&lines.bytes, start, len),
                LogField::Extra { start, len } => (&batch.extra, start, len),
            };
            let bytes = buffer.get(start as usize..start as usize + len as usize)?;
            Some(Value::from(String::from_utf8_lossy(bytes)))
        };
        let fields = batch.keys.iter().zip(fields).filter_map(|(key, field)| Some((key.clone(), text(field)?)));
        object.insert("fields".to_owned(), Value::Object(fields.collect()));
        line(&mut out, format_args!("{}", Value::Object(object)));
    }
    out
}

/// A failed call.
pub fn failure_text(error: &CallError) -> String {
    format!("# FAILED {}: {}\n", error.kind.as_str(), error.message)
}

fn sample(out: &mut String, batch: &SampleBatch, index: usize) {
    let series = String::from_utf8_lossy(batch.series_text(index));
    let is_stale = batch.stale.binary_search(&u32::try_from(index).unwrap_or(u32::MAX)).is_ok();
    let value = batch.values[index];
    let value = match value {
        _ if is_stale => "stale".to_owned(),
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        value => value.to_string(),
    };
    match batch.timestamps.get(index) {
        Some(&time) if time != i64::MIN => line(out, format_args!("{series} {value} {time}")),
        _ => line(out, format_args!("{series} {value}")),
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("BUG: writing to a string failed");
}

#[cfg(test)]
mod tests {
    use cepmon_model::{Family, MetricKind, Span};

    use super::*;

    #[test]
    fn a_batch_reads_as_an_exposition() {
        let batch = SampleBatch {
            text: b"upx{a=\"1\"}Helps\\\n.".to_vec(),
            families: vec![Family {
                name: Span { start: 0, len: 2 },
                kind: MetricKind::Gauge,
                unit: Span::default(),
                help: Span { start: 10, len: 8 },
                samples: 2,
            }],
            series: vec![0, 2, 2, 8, 0, 2],
            values: vec![1.5, f64::INFINITY, f64::NAN],
            timestamps: vec![i64::MIN, 7, i64::MIN],
            warnings: vec!["half of it".to_owned()],
            ..SampleBatch::default()
        };
        let want = "# HELP up Helps\\\\\\n.\n# TYPE up gauge\nup 1.5\nx{a=\"1\"} +Inf 7\nup NaN\n# WARNING half of it\n";
        assert_eq!(exposition(&batch), want);
    }

    #[test]
    fn rows_read_as_one_object_a_line() {
        let lines = LineBatch { bytes: b"GET /a\nrest\n".to_vec(), offsets: vec![0, 6, 7, 11], times_ns: vec![1, 2] };
        let batch = LogBatch {
            keys: vec!["method".to_owned(), "note".to_owned()],
            rows: vec![0, 1],
            times_ns: vec![5, i64::MIN],
            severities: vec![cepmon_model::Severity(9), cepmon_model::Severity(0)],
            fields: vec![LogField::Input { start: 0, len: 3 }, LogField::Absent, LogField::Absent, LogField::Extra { start: 0, len: 1 }],
            extra: b"x".to_vec(),
        };
        let want = "{\"line\":0,\"time_ns\":5,\"severity\":9,\"fields\":{\"method\":\"GET\"}}\n{\"line\":1,\"fields\":{\"note\":\"x\"}}\n";
        assert_eq!(rows_text(&batch, &lines), want);
    }
}
