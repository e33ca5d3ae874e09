//! A table for the terminal: aligned columns, numbers to the right, nothing in it that a terminal would obey.

use arrow::datatypes::DataType;

use super::value::text;
use crate::QueryResult;

/// An answer as an aligned table with a header and a line that counts the rows. Control characters of the data are escaped.
pub fn table(result: &QueryResult) -> String {
    let fields = result.schema.fields();
    let mut lines: Vec<Vec<String>> = vec![fields.iter().map(|field| printable(field.name())).collect()];
    for batch in &result.batches {
        lines.extend((0..batch.num_rows()).map(|row| batch.columns().iter().map(|column| printable(&text(column, row))).collect()));
    }
    let width_of = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..fields.len()).map(width_of).collect();
    let is_right: Vec<bool> = fields.iter().map(|field| is_number(field.data_type())).collect();

    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        write_line(line, &widths, &is_right, &mut out);
        if index == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            write_line(&rules, &widths, &is_right, &mut out);
        }
    }
    let rows = lines.len() - 1;
    let note = if result.truncated { ", truncated" } else { "" };
    out.push_str(&format!("({rows} {}{note})\n", if rows == 1 { "row" } else { "rows" }));
    out
}

fn write_line(cells: &[String], widths: &[usize], is_right: &[bool], out: &mut String) {
    let start = out.len();
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push_str("  ");
        }
        let padding = " ".repeat(widths[index] - cell.chars().count());
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

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}
