//! A table for the terminal: aligned columns, numbers to the right, nothing in it that a terminal would obey.

use super::value::text;
use crate::QueryResult;

/// An answer as an aligned table with a header and a line that counts the rows. Control characters of the data are escaped.
pub fn table(result: &QueryResult) -> String {
    let fields = result.schema.fields();
    let header: Vec<String> = fields.iter().map(|field| printable(field.name())).collect();
    let is_right: Vec<bool> = fields.iter().map(|field| field.data_type().is_numeric()).collect();
    let mut widths: Vec<usize> = header.iter().map(|name| width(name)).collect();
    // Every cell is rendered twice, so that no more than a line of them is held.
    for batch in &result.batches {
        for (column, widest) in batch.columns().iter().zip(&mut widths) {
            *widest = (0..batch.num_rows()).map(|row| width(&printable(&text(column, row)))).fold(*widest, usize::max);
        }
    }

    let mut out = String::new();
    write_line(&header, &widths, &is_right, &mut out);
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    write_line(&rules, &widths, &is_right, &mut out);
    for batch in &result.batches {
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = batch.columns().iter().map(|column| printable(&text(column, row))).collect();
            write_line(&cells, &widths, &is_right, &mut out);
        }
    }
    let rows = result.row_count();
    let note = if result.truncated { ", truncated" } else { "" };
    out.push_str(&format!("({rows} {}{note})\n", if rows == 1 { "row" } else { "rows" }));
    out
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

fn write_line(cells: &[String], widths: &[usize], is_right: &[bool], out: &mut String) {
    let start = out.len();
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push_str("  ");
        }
        let padding = " ".repeat(widths[index] - width(cell));
        if is_right[index] {
            out.push_str(&padding);
            out.push_str(cell);
        } else {
            out.push_str(cell);
            out.push_str(&padding);
        }
    }
    let used = out[start..].trim_end().len();
    out.truncate(start + used);
    out.push('\n');
}

fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            let escaped = character.is_control().then(|| character.escape_default());
            let plain = escaped.is_none().then_some(character);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}
