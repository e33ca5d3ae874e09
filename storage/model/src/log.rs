//! Parsed log lines as they come from a log parser: rows of fields over the lines that went in.

/// How bad a line is: OpenTelemetry's severity number, 0 = unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Severity(pub u8);

impl Severity {
    /// `trace`, `debug`, `info`, `warn`, `error`, `fatal`, or "" if unknown.
    pub fn level(self) -> &'static str {
        match self.0 {
            1..=4 => "trace",
            5..=8 => "debug",
            9..=12 => "info",
            13..=16 => "warn",
            17..=20 => "error",
            21..=24 => "fatal",
            _ => "",
        }
    }
}

/// A field's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogField {
    /// The row has no such field.
    Absent,
    /// Bytes of the input lines.
    Input {
        /// First byte.
        start: u32,
        /// Length in bytes.
        len: u32,
    },
    /// Bytes of [`LogBatch::extra`].
    Extra {
        /// First byte.
        start: u32,
        /// Length in bytes.
        len: u32,
    },
}

/// The rows that a parser made of a batch of lines. Who makes it promises that every list fits the number of rows, that rows ascend
/// and are in range, and that every field lies within the lines or `extra` and is UTF-8.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogBatch {
    /// Names of the fields, in column order.
    pub keys: Vec<String>,
    /// Per row, the index of its input line.
    pub rows: Vec<u32>,
    /// Per row, Unix nanoseconds; `i64::MIN` = the line has no time of its own. Empty = none has.
    pub times_ns: Vec<i64>,
    /// Per row; empty = all unknown.
    pub severities: Vec<Severity>,
    /// `rows.len() * keys.len()` fields, row by row.
    pub fields: Vec<LogField>,
    /// Bytes that do not stand in the input as they are.
    pub extra: Vec<u8>,
}
