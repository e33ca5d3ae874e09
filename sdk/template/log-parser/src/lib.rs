//! Takes lines apart that begin with a level: `WARN disk is full`.

use cepmon_sdk::{Error, Lines, Rows, Severity};

/// The fields, in the order of their columns.
const KEYS: [&str; 2] = ["level", "message"];

/// One batch of lines.
#[cepmon_sdk::log_parser]
pub fn parse(lines: &Lines, rows: &mut Rows<'_>) -> Result<(), Error> {
    rows.set_keys(&KEYS);
    for line in lines.iter() {
        // A line that is not understood keeps its row, without fields: no line is lost.
        let mut row = rows.row(&line);
        if let Some((severity, level, message)) = split(line.bytes) {
            row.severity(severity).field(0, level).field(1, message);
        }
    }
    Ok(())
}

fn split(line: &[u8]) -> Option<(Severity, &[u8], &[u8])> {
    let end = line.iter().position(|&byte| byte == b' ')?;
    let (level, message) = (&line[..end], &line[end + 1..]);
    let severity = match level {
        b"DEBUG" => Severity::Debug,
        b"INFO" => Severity::Info,
        b"WARN" => Severity::Warn,
        b"ERROR" => Severity::Error,
        _ => return None,
    };
    Some((severity, level, message))
}

#[cfg(test)]
mod tests {
    use cepmon_sdk::testing;

    #[test]
    fn a_line_without_a_level_keeps_its_row() {
        let lines = testing::lines(&["WARN disk is full", "Traceback:"], "{}");
        let rows = testing::parse(super::parse, &lines).expect("lines never fail");
        let warning = [("level", "WARN"), ("message", "disk is full")];
        assert_eq!(testing::row_fields(&lines, &rows, 0), warning);
        assert_eq!(testing::row_fields(&lines, &rows, 1), []);
    }
}
