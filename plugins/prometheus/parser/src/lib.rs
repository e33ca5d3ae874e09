//! Exposition bodies, text 0.0.4, OpenMetrics 1.0 and protobuf, into the columns of a batch: the hot path of the whole product.
//!
//! One pass, no allocation per sample: the body itself becomes the batch's text, series are spans into it. It takes what the parsers of
//! Prometheus take (2.48, and the quoted UTF-8 names of 3.x) and refuses what they refuse. What `promtool check metrics` alone refuses
//! (two `TYPE` lines, a `quantile` that is no number, a last line without newline) a scrape takes, so it is taken here.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

mod text;
mod openmetrics;
mod protobuf;
mod wire;
mod float;
mod label;
pub mod number;
mod family;
mod template;
mod scan;
mod word;

use std::fmt;

use cepmon_sdk::batch::Columns;

use scan::Scan;
use wire::Malformed;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`.
    Text,
    /// `application/openmetrics-text`.
    OpenMetrics,
    /// `application/vnd.google.protobuf` with `MetricFamily` messages, each behind its length.
    Protobuf,
}

impl Format {
    /// The format that a `Content-Type` announces; none if it names no format that we know.
    #[must_use]
    pub fn of_content_type(value: &[u8]) -> Option<Self> {
        let media_type = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        let is = |known: &[u8]| media_type.eq_ignore_ascii_case(known);
        if is(b"application/openmetrics-text") {
            return Some(Self::OpenMetrics);
        }
        if is(b"application/vnd.google.protobuf") {
            return Some(Self::Protobuf);
        }
        is(b"text/plain").then_some(Self::Text)
    }
}

/// What the job wants of the body.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether timestamps in the body count; else every sample has the time of the scrape.
    pub honor_timestamps: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { honor_timestamps: true }
    }
}

/// Where and why a body is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The line, from 1; 0 = the format has no lines.
    pub line: usize,
    /// What was expected, and the text up to there.
    pub problem: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "cannot parse the body: {}", self.problem),
            line => write!(f, "cannot parse the body: line {line}: {}", self.problem),
        }
    }
}

impl std::error::Error for ParseError {}

/// Parses a whole body.
///
/// # Errors
/// The first thing that the format does not allow, with its line. Nothing of the body counts then, as in Prometheus.
pub fn parse(body: Vec<u8>, format: Format, options: Options) -> Result<Columns, ParseError> {
    if format == Format::Protobuf {
        return protobuf::parse(&body, options).map_err(|Malformed(problem)| ParseError { line: 0, problem: problem.to_owned() });
    }
    let mut scan = Scan::new(body, options);
    let result = match format {
        Format::OpenMetrics => openmetrics::parse(&mut scan),
        _ => text::parse(&mut scan),
    };
    match result {
        Ok(()) => Ok(scan.into_columns()),
        Err(problem) => Err(scan.locate(problem)),
    }
}

#[cfg(test)]
mod tests;
