//! One cell as text or JSON. Times are RFC 3339 with `Z`, floats keep every digit, NaN and infinities are words.

use arrow::array::temporal_conversions::{
    timestamp_ms_to_datetime, timestamp_ns_to_datetime, timestamp_s_to_datetime, timestamp_us_to_datetime,
};
use arrow::array::{Array, ArrowPrimitiveType, AsArray};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::array_value_to_string;

/// Writes a cell as JSON.
pub(super) fn write_json(array: &dyn Array, row: usize, out: &mut String) {
    if array.is_null(row) {
        return out.push_str("null");
    }
    match array.data_type() {
        DataType::Null => out.push_str("null"),
        DataType::Float64 if is_number(float(array, row)) => write_float(float(array, row), out),
        DataType::Float32 if is_number(float(array, row)) => write_float(float(array, row), out),
        kind if kind.is_integer() || *kind == DataType::Boolean => write_text(array, row, out),
        DataType::Map(..) => {
            let maps = array.as_map();
            let (keys, values) = (maps.keys(), maps.values());
            write_list('{', '}', maps.value_offsets(), row, out, |entry, out| {
                write_string(&text(keys, entry), out);
                out.push(':');
                write_json(values, entry, out);
            });
        }
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            write_list('[', ']', lists.value_offsets(), row, out, |entry, out| write_json(lists.values(), entry, out));
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            for (index, (field, column)) in fields.iter().zip(columns).enumerate() {
                out.push(if index == 0 { '{' } else { ',' });
                write_string(field.name(), out);
                out.push(':');
                write_json(column, row, out);
            }
            out.push_str(if columns.is_empty() { "{}" } else { "}" });
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            write_json(dictionary.values(), dictionary.normalized_keys()[row], out);
        }
        _ => write_string(&text(array, row), out),
    }
}

/// A cell as text; "" if it is null.
pub(super) fn text(array: &dyn Array, row: usize) -> String {
    let mut out = String::new();
    if array.is_valid(row) {
        write_text(array, row, &mut out);
    }
    out
}

fn write_text(array: &dyn Array, row: usize, out: &mut String) {
    match array.data_type() {
        DataType::Boolean => out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Int8 => write_integer::<Int8Type>(array, row, out),
        DataType::Int16 => write_integer::<Int16Type>(array, row, out),
        DataType::Int32 => write_integer::<Int32Type>(array, row, out),
        DataType::Int64 => write_integer::<Int64Type>(array, row, out),
        DataType::UInt8 => write_integer::<UInt8Type>(array, row, out),
        DataType::UInt16 => write_integer::<UInt16Type>(array, row, out),
        DataType::UInt32 => write_integer::<UInt32Type>(array, row, out),
        DataType::UInt64 => write_integer::<UInt64Type>(array, row, out),
        DataType::Float32 | DataType::Float64 => write_float(float(array, row), out),
        DataType::Utf8 => out.push_str(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => out.push_str(array.as_string::<i64>().value(row)),
        DataType::Utf8View => out.push_str(array.as_string_view().value(row)),
        DataType::Timestamp(unit, _) => write_time(array, *unit, row, out),
        DataType::Map(..) | DataType::List(_) | DataType::Struct(_) => write_json(array, row, out),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            out.push_str(&text(dictionary.values(), dictionary.normalized_keys()[row]));
        }
        // Dates, intervals, decimals, bytes: Arrow's own rendering. It fails for values out of its range only.
        _ => out.push_str(&array_value_to_string(array, row).unwrap_or_else(|_| "?".to_owned())),
    }
}

fn write_list(open: char, close: char, offsets: &[i32], row: usize, out: &mut String, mut write_entry: impl FnMut(usize, &mut String)) {
    // Offsets of a valid array are not negative.
    let [start, end] = [offsets[row], offsets[row + 1]].map(|offset| usize::try_from(offset).unwrap_or(0));
    out.push(open);
    for entry in start..end {
        if entry > start {
            out.push(',');
        }
        write_entry(entry, out);
    }
    out.push(close);
}

fn write_integer<T: ArrowPrimitiveType<Native: std::fmt::Display>>(array: &dyn Array, row: usize, out: &mut String) {
    out.push_str(&array.as_primitive::<T>().value(row).to_string());
}

fn float(array: &dyn Array, row: usize) -> f64 {
    match array.data_type() {
        DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(row)),
        _ => array.as_primitive::<Float64Type>().value(row),
    }
}

fn is_number(value: f64) -> bool {
    value.is_finite()
}

/// The shortest digits that read back as the same float; very large and very small ones with an exponent.
fn write_float(value: f64, out: &mut String) {
    let size = value.abs();
    match value {
        value if value.is_nan() => out.push_str("NaN"),
        f64::INFINITY => out.push_str("+Inf"),
        f64::NEG_INFINITY => out.push_str("-Inf"),
        value if size != 0.0 && !(1e-5..1e17).contains(&size) => out.push_str(&format!("{value:e}")),
        value => out.push_str(&value.to_string()),
    }
}

fn write_time(array: &dyn Array, unit: TimeUnit, row: usize, out: &mut String) {
    let (raw, time, format) = match unit {
        TimeUnit::Second => {
            let raw = array.as_primitive::<TimestampSecondType>().value(row);
            (raw, timestamp_s_to_datetime(raw), "%Y-%m-%dT%H:%M:%SZ")
        }
        TimeUnit::Millisecond => {
            let raw = array.as_primitive::<TimestampMillisecondType>().value(row);
            (raw, timestamp_ms_to_datetime(raw), "%Y-%m-%dT%H:%M:%S%.3fZ")
        }
        TimeUnit::Microsecond => {
            let raw = array.as_primitive::<TimestampMicrosecondType>().value(row);
            (raw, timestamp_us_to_datetime(raw), "%Y-%m-%dT%H:%M:%S%.6fZ")
        }
        TimeUnit::Nanosecond => {
            let raw = array.as_primitive::<TimestampNanosecondType>().value(row);
            (raw, timestamp_ns_to_datetime(raw), "%Y-%m-%dT%H:%M:%S%.9fZ")
        }
    };
    // Hundreds of thousands of years away there is no date, only the number.
    out.push_str(&time.map_or_else(|| raw.to_string(), |time| time.format(format).to_string()));
}

/// Writes a JSON string.
pub(super) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}
