//! Exposition bodies, text 0.0.4 and OpenMetrics 1.0, into the columns of a batch: the hot path of the whole product.
//!
//! One pass, no allocation per sample: the body itself becomes the batch's text, series are spans into it. It takes what the parsers of
//! Prometheus take (2.48, and the quoted UTF-8 names of 3.x) and refuses what they refuse. What `promtool check metrics` alone refuses
//! (two `TYPE` lines, a `quantile` that is no number, a last line without newline) a scrape takes, so it is taken here.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

mod text;
mod openmetrics;
mod label;
pub mod number;
mod family;
mod template;
mod scan;
mod word;

use std::fmt;

use cepmon_sdk::batch::Columns;

use scan::Scan;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`, and whatever has no content type that we know.
    Text,
    /// `application/openmetrics-text`.
    OpenMetrics,
}

impl Format {
    /// The format that a `Content-Type` announces; as in Prometheus 2.48 all that is not OpenMetrics is text.
    #[must_use]
    pub fn of_content_type(value: &[u8]) -> Self {
        let media_type = value.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
        if media_type.eq_ignore_ascii_case(b"application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
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
    /// The line, from 1.
    pub line: usize,
    /// What was expected, and the text up to there.
    pub problem: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot parse the body: line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for ParseError {}

/// Parses a whole body.
///
/// # Errors
/// The first thing that the format does not allow, with its line. Nothing of the body counts then, as in Prometheus.
pub fn parse(body: Vec<u8>, format: Format, options: Options) -> Result<Columns, ParseError> {
    let mut scan = Scan::new(body, options);
    let result = match format {
        Format::Text => text::parse(&mut scan),
        Format::OpenMetrics => openmetrics::parse(&mut scan),
    };
    match result {
        Ok(()) => Ok(scan.into_columns()),
        Err(problem) => Err(scan.locate(problem)),
    }
}

#[cfg(test)]
mod tests;
