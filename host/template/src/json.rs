//! `toJson`: values as Go's encoding/json writes them.

use crate::Value;

/// The JSON text of a value.
pub(crate) fn to_json(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Nil => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => text.push_str(&value.to_string()),
        Value::Float(value) => text.push_str(&number(*value)),
        Value::String(string) | Value::SafeHtml(string) => quote(string, text),
        Value::Time(time) => quote(&time.rfc3339(), text),
        Value::List(items) => list(items, text),
        Value::Map(fields) => object(fields.iter().map(|(name, value)| (name.as_str(), value.clone())), text),
        Value::Labels(labels) => object(labels.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str()))), text),
        Value::Object(value) => match value.items() {
            Some(items) => list(&items, text),
            None => object(value.json_fields().into_iter(), text),
        },
    }
}

fn number(value: f64) -> String {
    if !value.is_finite() {
        return "null".to_owned();
    }
    let magnitude = value.abs();
    // Rust prints the shortest digits that read back, and never an exponent in this form.
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) { format!("{value:e}") } else { format!("{value}") }
}

fn list(items: &[Value], text: &mut String) {
    text.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(item, text);
    }
    text.push(']');
}

fn object<'a>(fields: impl Iterator<Item = (&'a str, Value)>, text: &mut String) {
    text.push('{');
    for (index, (name, value)) in fields.enumerate() {
        if index > 0 {
            text.push(',');
        }
        quote(name, text);
        text.push(':');
        write(&value, text);
    }
    text.push('}');
}

/// A JSON string; `<`, `>` and `&` are escaped as Go does for HTML's sake.
fn quote(string: &str, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => text.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => text.push(other),
        }
    }
    text.push('"');
}
