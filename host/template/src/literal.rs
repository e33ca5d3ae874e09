//! Quoted texts and numbers as Go writes them.

use crate::Value;

/// The text behind a Go string literal in double or back quotes, if it is one and its bytes are UTF-8.
pub fn unquote(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        return Some(raw.replace('\r', ""));
    }
    let mut rest = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        if character == '\\' {
            rest = unescape(rest, &mut bytes)?;
        } else if matches!(character, '"' | '\n') {
            return None;
        } else {
            push(&mut bytes, character);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Reads one escape after its backslash and returns what follows it.
fn unescape<'a>(text: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let kind = text.chars().next()?;
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        '0'..='7' => 3,
        _ => 0,
    };
    if digits > 0 {
        let start = usize::from(!kind.is_ascii_digit());
        let number = text.get(start..start + digits)?;
        let radix = if start == 0 { 8 } else { 16 };
        let number = u32::from_str_radix(number, radix).ok()?;
        if matches!(kind, 'u' | 'U') {
            push(bytes, char::from_u32(number)?)
        } else {
            bytes.push(u8::try_from(number).ok()?)
        }
        return text.get(start + digits..);
    }
    let plain = match kind {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '"' | '\'' => kind,
        _ => return None,
    };
    push(bytes, plain);
    Some(&text[kind.len_utf8()..])
}

fn push(bytes: &mut Vec<u8>, character: char) {
    bytes.extend(character.encode_utf8(&mut [0; 4]).bytes());
}

/// A number literal: whole if it can be, as Go's untyped constants in templates are.
pub(crate) fn number(text: &str) -> Option<Value> {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix(['-', '+']) {
        Some(rest) => (if plain.starts_with('-') { -1 } else { 1 }, rest),
        None => (1, plain.as_str()),
    };
    let radix = [("0x", 16), ("0X", 16), ("0b", 2), ("0B", 2), ("0o", 8), ("0O", 8)];
    for (prefix, radix) in radix {
        if let Some(rest) = digits.strip_prefix(prefix) {
            return i64::from_str_radix(rest, radix).ok().map(|value| Value::Int(sign * value));
        }
    }
    if let Ok(value) = digits.parse::<i64>() {
        return Some(Value::Int(sign * value));
    }
    let starts_well = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let value = digits.parse::<f64>().ok().filter(|_| starts_well)?;
    Some(Value::Float(sign as f64 * value))
}
