//! JSON: `{"columns":[{"name","type"}],"rows":[[…]]}`, and `"truncated":true` or `"warnings":[…]` where they apply.

use arrow::datatypes::DataType;

use super::value::{write_json, write_string};
use crate::QueryResult;

/// An answer as JSON: times as RFC 3339 strings, NaN and infinities as `"NaN"`, `"+Inf"`, `"-Inf"`, maps as objects, integers and floats
/// as numbers. 64-bit integers stand as they are; a reader that keeps numbers as floats loses digits above 2^53 (`series_id`).
pub fn json(result: &QueryResult) -> String {
    let mut out = String::from("{\"columns\":[");
    for (index, field) in result.schema.fields().iter().enumerate() {
        out.push_str(if index == 0 { "{\"name\":" } else { ",{\"name\":" });
        write_string(field.name(), &mut out);
        out.push_str(",\"type\":\"");
        out.push_str(type_name(field.data_type()));
        out.push_str("\"}");
    }
    out.push_str("],\"rows\":[");
    let mut row_separator = "";
    for batch in &result.batches {
        for row in 0..batch.num_rows() {
            out.push_str(row_separator);
            row_separator = ",";
            out.push('[');
            for (index, column) in batch.columns().iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(column, row, &mut out);
            }
            out.push(']');
        }
    }
    out.push(']');
    if result.truncated {
        out.push_str(",\"truncated\":true");
    }
    if !result.warnings.is_empty() {
        out.push_str(",\"warnings\":[");
        for (index, warning) in result.warnings.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_string(warning, &mut out);
        }
        out.push(']');
    }
    out.push('}');
    out
}

/// A short word for a type: how a cell is to be read matters, how it is stored does not.
fn type_name(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Null => "null",
        DataType::Boolean => "bool",
        kind if kind.is_unsigned_integer() => "uint64",
        kind if kind.is_integer() => "int64",
        kind if kind.is_floating() => "float64",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string",
        DataType::Timestamp(..) => "timestamp",
        DataType::Map(..) => "map",
        DataType::List(_) => "list",
        DataType::Struct(_) => "struct",
        DataType::Dictionary(_, value) => type_name(value),
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Interval(_) | DataType::Duration(_) => "interval",
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => "decimal",
        _ => "other",
    }
}
