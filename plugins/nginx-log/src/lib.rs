//! Access logs of nginx: the format `combined` (and `common`, and `combined` with fields behind it) and JSON objects, told apart line by
//! line.
//!
//! A line that is neither keeps its row without fields, so no line is lost and none fails a batch. Fields are spans into the lines that the
//! host sent; only what had to be unescaped is copied. No regular expression and no JSON tree: both cost more than the parsing itself.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

mod combined;
mod json;
mod time;
mod field;

use cepmon_sdk::{Error, Lines, Rows};

/// One batch of lines.
#[cepmon_sdk::log_parser]
pub fn parse(lines: &Lines, rows: &mut Rows<'_>) -> Result<(), Error> {
    rows.set_keys(&field::KEYS);
    let mut clock = time::Clock::default();
    let mut members = Vec::new();
    for line in lines.iter() {
        let mut row = rows.row(&line);
        if line.bytes.trim_ascii_start().starts_with(b"{") {
            if json::parse(line.bytes, &mut members) {
                field::write_members(&members, &mut row, &mut clock);
            }
        } else if let Some(access) = combined::parse(line.bytes) {
            field::write_access(&access, &mut row, &mut clock);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
