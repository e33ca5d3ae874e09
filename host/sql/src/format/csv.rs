//! CSV after RFC 4180: a header line, CRLF, quotes only where they are needed. A null is an empty cell, an empty text is `""`.

use super::value::text;
use crate::QueryResult;

/// An answer as CSV. Cells are written as in the text table; maps and lists as JSON.
pub fn csv(result: &QueryResult) -> String {
    let mut out = String::new();
    for (index, field) in result.schema.fields().iter().enumerate() {
        write_separator(index, &mut out);
        write_cell(field.name(), &mut out);
    }
    out.push_str("\r\n");
    for batch in &result.batches {
        for row in 0..batch.num_rows() {
            for (index, column) in batch.columns().iter().enumerate() {
                write_separator(index, &mut out);
                if column.is_valid(row) {
                    write_cell(&text(column, row), &mut out);
                }
            }
            out.push_str("\r\n");
        }
    }
    out
}

fn write_separator(index: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
}

fn write_cell(cell: &str, out: &mut String) {
    if !cell.is_empty() && !cell.contains(['"', ',', '\r', '\n']) {
        return out.push_str(cell);
    }
    out.push('"');
    out.push_str(&cell.replace('"', "\"\""));
    out.push('"');
}
