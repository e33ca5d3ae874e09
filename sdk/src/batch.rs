//! The samples of one call, built column by column as they cross the border. The writers cannot make text that the host
//! refuses: names are checked, label values escaped, and what does not fit is left out with a warning.
//!
//! It does not look for the same series twice in a batch: the host does, and it knows the series anyway.

use std::fmt::Display;

use crate::bindings::types;

pub use crate::bindings::types::{Batch as Columns, Exemplar, Family, MetricKind as Kind, Span};

/// The time "when the host scraped", and the start time "unknown".
pub const NO_TIME: i64 = i64::MIN;

/// Warnings kept per call; the ones after are dropped, the last one says so.
const MAX_WARNINGS: usize = 32;

/// The samples of one call.
#[derive(Debug, Clone)]
pub struct Batch {
    columns: Columns,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::from_columns(Columns {
            text: Vec::new(),
            families: Vec::new(),
            series: Vec::new(),
            values: Vec::new(),
            timestamps_ms: Vec::new(),
            start_times_ms: Vec::new(),
            stale: Vec::new(),
            exemplars: Vec::new(),
            native_histograms: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// A batch that something else filled, for parsers that hand over the body they read with spans into it. The host checks
    /// every span, so a wrong one fails the call and nothing else.
    #[must_use]
    pub fn from_columns(columns: Columns) -> Self {
        Self { columns }
    }

    /// Starts a family: samples that share a name, a type and a help text. Write all samples of a family before the next one.
    /// A family without samples leaves no trace.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) -> FamilyWriter<'_> {
        let columns = &mut self.columns;
        if columns.families.last().is_some_and(|family| family.samples == 0) {
            columns.families.pop();
        }
        let is_valid = is_metric_name(name);
        if !is_valid {
            self.warn(format_args!("cannot emit metric \"{name}\": names match [a-zA-Z_:][a-zA-Z0-9_:]*"));
        }
        let name = self.push_text(name);
        let help = self.push_text(help);
        self.columns.families.push(Family { name, kind, unit: Span { start: 0, len: 0 }, help, samples: 0 });
        FamilyWriter { batch: self, name, is_valid }
    }

    /// One gauge without labels: the commonest family in one line.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, Kind::Gauge, help).sample(&[], value);
    }

    /// One counter without labels.
    pub fn counter(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, Kind::Counter, help).sample(&[], value);
    }

    /// Tells the operator what went wrong without spoiling the rest of the call.
    pub fn warn(&mut self, message: impl Display) {
        let warnings = &mut self.columns.warnings;
        if warnings.len() < MAX_WARNINGS {
            warnings.push(message.to_string());
        } else if warnings.len() == MAX_WARNINGS {
            warnings.push("more warnings were dropped".to_owned());
        }
    }

    /// Samples so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.values.is_empty()
    }

    /// The batch as it crosses the border.
    #[must_use]
    pub fn into_columns(mut self) -> Columns {
        self.columns.families.retain(|family| family.samples > 0);
        self.columns
    }

    fn push_text(&mut self, text: &str) -> Span {
        let start = self.columns.text.len() as u32;
        self.columns.text.extend_from_slice(text.as_bytes());
        Span { start, len: text.len() as u32 }
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes the samples of one family.
#[derive(Debug)]
pub struct FamilyWriter<'a> {
    batch: &'a mut Batch,
    name: Span,
    is_valid: bool,
}

impl FamilyWriter<'_> {
    /// The family's unit, as OpenMetrics has it: `seconds`, `bytes`.
    pub fn unit(&mut self, unit: &str) -> &mut Self {
        let unit = self.batch.push_text(unit);
        if let Some(family) = self.batch.columns.families.last_mut() {
            family.unit = unit;
        }
        self
    }

    /// A sample at the time of the scrape.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: f64) -> &mut Self {
        self.write("", labels, value, NO_TIME)
    }

    /// A sample with a time of its own, Unix milliseconds.
    pub fn sample_at(&mut self, labels: &[(&str, &str)], value: f64, timestamp_ms: i64) -> &mut Self {
        self.write("", labels, value, timestamp_ms)
    }

    /// A sample of a series whose name is the family's with `suffix`: `_bucket`, `_sum`, `_count`.
    pub fn sample_of(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) -> &mut Self {
        self.write(suffix, labels, value, NO_TIME)
    }

    fn write(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64, timestamp_ms: i64) -> &mut Self {
        if !self.is_valid {
            return self;
        }
        if let Some(problem) = first_problem(labels) {
            let name = String::from_utf8_lossy(self.name_bytes()).into_owned();
            self.batch.warn(format_args!("cannot emit a sample of \"{name}\": {problem}"));
            return self;
        }
        let name = self.name.start as usize..(self.name.start + self.name.len) as usize;
        let columns = &mut self.batch.columns;
        let start = columns.text.len();
        columns.text.extend_from_within(name);
        columns.text.extend_from_slice(suffix.as_bytes());
        write_labels(&mut columns.text, labels);
        columns.series.extend_from_slice(&[start as u32, (columns.text.len() - start) as u32]);
        columns.values.push(value);
        if timestamp_ms != NO_TIME || !columns.timestamps_ms.is_empty() {
            columns.timestamps_ms.resize(columns.values.len() - 1, NO_TIME);
            columns.timestamps_ms.push(timestamp_ms);
        }
        if let Some(family) = columns.families.last_mut() {
            family.samples += 1;
        }
        self
    }

    fn name_bytes(&self) -> &[u8] {
        &self.batch.columns.text[self.name.start as usize..(self.name.start + self.name.len) as usize]
    }
}

fn write_labels(text: &mut Vec<u8>, labels: &[(&str, &str)]) {
    if labels.is_empty() {
        return;
    }
    for (index, (name, value)) in labels.iter().enumerate() {
        text.push(if index == 0 { b'{' } else { b',' });
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b"=\"");
        push_escaped(text, value.as_bytes());
        text.push(b'"');
    }
    text.push(b'}');
}

/// Copies run by run: values with something to escape are rare.
fn push_escaped(text: &mut Vec<u8>, mut value: &[u8]) {
    while let Some(at) = value.iter().position(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        text.extend_from_slice(&value[..at]);
        text.extend_from_slice(match value[at] {
            b'\n' => b"\\n",
            b'"' => b"\\\"",
            _ => b"\\\\",
        });
        value = &value[at + 1..];
    }
    text.extend_from_slice(value);
}

fn first_problem(labels: &[(&str, &str)]) -> Option<String> {
    for (index, (name, _)) in labels.iter().enumerate() {
        if !is_label_name(name) {
            return Some(format!("label name \"{name}\" does not match [a-zA-Z_][a-zA-Z0-9_]*"));
        }
        if labels[..index].iter().any(|(earlier, _)| earlier == name) {
            return Some(format!("label \"{name}\" stands twice"));
        }
    }
    None
}

/// Whether `name` is a metric name of the classic character set.
#[must_use]
pub fn is_metric_name(name: &str) -> bool {
    is_name(name, |byte| byte == b':')
}

/// Whether `name` is a label name of the classic character set.
#[must_use]
pub fn is_label_name(name: &str) -> bool {
    is_name(name, |_| false)
}

fn is_name(name: &str, also: impl Fn(u8) -> bool) -> bool {
    let is_start = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || also(byte);
    let mut bytes = name.bytes();
    bytes.next().is_some_and(is_start) && bytes.all(|byte| is_start(byte) || byte.is_ascii_digit())
}

impl Kind {
    /// The word of the exposition format.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            types::MetricKind::Unknown => "unknown",
            types::MetricKind::Counter => "counter",
            types::MetricKind::Gauge => "gauge",
            types::MetricKind::Histogram => "histogram",
            types::MetricKind::GaugeHistogram => "gaugehistogram",
            types::MetricKind::Summary => "summary",
            types::MetricKind::Info => "info",
            types::MetricKind::Stateset => "stateset",
        }
    }
}

#[cfg(test)]
mod tests;
