//! The state of one parse: the body, where we are, and the columns that fill up. No grammar here.

use cepmon_sdk::batch::{Columns, Family, Kind, NO_TIME, Span};

use super::template::Template;
use super::word::{find_newline, is_utf8};
use super::{Options, ParseError};

/// How much of a line an error shows.
const MAX_SHOWN: usize = 80;
/// A guess that is right or a little low for real bodies: a sample with its share of HELP and TYPE has about this many bytes.
const BYTES_PER_SAMPLE: usize = 80;

/// What is wrong, and at which byte.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) message: String,
}

pub(super) type Parsed<T> = Result<T, Problem>;

#[derive(Debug)]
pub(super) struct Scan {
    /// The body and a few newlines behind it, so that every line ends and words can be read to its last byte.
    pub(super) bytes: Vec<u8>,
    /// Length of the body without those newlines.
    pub(super) end: usize,
    pub(super) at: usize,
    /// Label values need no check of their own when the whole body is UTF-8, which costs one fast pass.
    pub(super) is_utf8: bool,
    pub(super) columns: Columns,
    /// The shape of the last sample of this family.
    pub(super) template: Template,
    /// Where the label values of the series text that was parsed last stand, without their quotes.
    pub(super) label_values: Vec<(u32, u32)>,
    /// Unescaped help texts and names; they follow the body in the batch's text.
    pub(super) appended: Vec<u8>,
    honor_timestamps: bool,
}

impl Scan {
    pub(super) fn new(mut bytes: Vec<u8>, options: Options) -> Self {
        let end = bytes.len();
        let is_utf8 = is_utf8(&bytes);
        bytes.extend_from_slice(&[b'\n'; 8]);
        let samples = end / BYTES_PER_SAMPLE + 1;
        let columns = Columns {
            text: Vec::new(),
            families: Vec::with_capacity(samples / 8 + 1),
            series: Vec::with_capacity(samples * 2),
            values: Vec::with_capacity(samples),
            timestamps_ms: Vec::new(),
            start_times_ms: Vec::new(),
            stale: Vec::new(),
            exemplars: Vec::new(),
            native_histograms: Vec::new(),
            warnings: Vec::new(),
        };
        Self {
            bytes,
            end,
            at: 0,
            is_utf8,
            columns,
            template: Template::default(),
            label_values: Vec::new(),
            appended: Vec::new(),
            honor_timestamps: options.honor_timestamps,
        }
    }

    /// The byte here; behind the end there are only newlines.
    #[inline(always)]
    pub(super) fn byte(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(b'\n')
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.end
    }

    #[inline(always)]
    pub(super) fn skip_blanks(&mut self) {
        while matches!(self.byte(), b' ' | b'\t') {
            self.at += 1;
        }
    }

    /// From here to the newline, which is not consumed.
    pub(super) fn rest_of_line(&self) -> &[u8] {
        self.bytes.get(self.at..find_newline(&self.bytes, self.at)).unwrap_or_default()
    }

    #[inline(always)]
    pub(super) fn push_sample(&mut self, series: Span, value: f64) {
        self.columns.series.extend_from_slice(&[series.start, series.len]);
        self.columns.values.push(value);
        if let Some(family) = self.columns.families.last_mut() {
            family.samples += 1;
        }
    }

    /// The timestamp of the sample pushed last. The column exists from the first one on.
    pub(super) fn set_timestamp(&mut self, timestamp_ms: i64) {
        if self.honor_timestamps {
            self.columns.timestamps_ms.resize(self.columns.values.len() - 1, NO_TIME);
            self.columns.timestamps_ms.push(timestamp_ms);
        }
    }

    pub(super) fn push_family(&mut self, name: Span, kind: Kind) -> &mut Family {
        self.template.forget();
        if self.columns.families.last().is_some_and(|family| family.samples == 0) {
            self.columns.families.pop();
        }
        self.columns.families.push(Family { name, kind, unit: Span { start: 0, len: 0 }, help: Span { start: 0, len: 0 }, samples: 0 });
        self.columns.families.last_mut().expect("BUG: a family was just pushed")
    }

    /// Text that does not stand in the body as it is.
    pub(super) fn append(&mut self, text: &[u8]) -> Span {
        let start = (self.bytes.len() + self.appended.len()) as u32;
        self.appended.extend_from_slice(text);
        Span { start, len: text.len() as u32 }
    }

    pub(super) fn problem<T>(&self, at: usize, message: impl Into<String>) -> Parsed<T> {
        Err(Problem { at, message: message.into() })
    }

    pub(super) fn into_columns(mut self) -> Columns {
        let samples = self.columns.values.len();
        if !self.columns.timestamps_ms.is_empty() {
            self.columns.timestamps_ms.resize(samples, NO_TIME);
        }
        if self.columns.families.last().is_some_and(|family| family.samples == 0) {
            self.columns.families.pop();
        }
        self.bytes.append(&mut self.appended);
        self.columns.text = self.bytes;
        self.columns
    }

    /// Counts lines only now: a body without an error never needs their numbers.
    pub(super) fn locate(&self, problem: Problem) -> ParseError {
        let at = problem.at.min(self.end);
        let before = &self.bytes[..at];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let shown_end = (at + 1).min(self.end).max(line_start);
        let shown_start = line_start.max(shown_end.saturating_sub(MAX_SHOWN));
        let shown = String::from_utf8_lossy(&self.bytes[shown_start..shown_end]);
        ParseError { line, problem: format!("{} while parsing: {shown:?}", problem.message) }
    }
}

/// Behind the metric name that begins at `start`. A loop over a local number, not over `Scan::at`: that one would go through memory
/// at each byte.
#[inline(always)]
pub(super) fn end_of_metric_name(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().position(|&byte| NAME[usize::from(byte)] == 0).unwrap_or(rest.len())
}

/// Behind the label name that begins at `start`.
#[inline(always)]
pub(super) fn end_of_label_name(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().position(|&byte| NAME[usize::from(byte)] != LABEL).unwrap_or(rest.len())
}

/// Whether a metric name may begin with this byte; a label name may as well, but for the colon.
#[inline(always)]
pub(super) fn is_name_start(byte: u8) -> bool {
    NAME[usize::from(byte)] != 0 && !byte.is_ascii_digit()
}

/// A byte of label names and metric names.
const LABEL: u8 = 2;
/// The colon, which metric names have alone.
const METRIC: u8 = 1;

static NAME: [u8; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let byte = index as u8;
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            table[index] = LABEL;
        } else if byte == b':' {
            table[index] = METRIC;
        }
        index += 1;
    }
    table
};
