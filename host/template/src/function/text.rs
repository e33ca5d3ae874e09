//! Functions over texts, lists and maps.

use regex::Regex;

use crate::Value;

/// Regular expressions beyond this size are refused: a template must not eat the memory.
const MAX_REGEX_BYTES: usize = 1 << 20;

pub(super) fn len(value: &Value) -> Result<Value, String> {
    let len = match value {
        Value::Map(fields) => fields.len(),
        Value::Labels(labels) => labels.len(),
        other => match (other.as_str(), other.items()) {
            (Some(text), _) => text.len(),
            (None, Some(items)) => items.len(),
            _ => return Err(format!("len of a value of kind {}", other.kind())),
        },
    };
    Ok(Value::Int(len as i64))
}

pub(super) fn index(value: &Value, keys: &[Value]) -> Result<Value, String> {
    let mut value = value.clone();
    for key in keys {
        value = match (&value, key) {
            (Value::Map(fields), key) => fields.get(key.as_str().ok_or("a map is indexed by a text")?).cloned().unwrap_or(Value::Nil),
            (Value::Labels(labels), key) => {
                Value::from(labels.get(key.as_str().ok_or("a map is indexed by a text")?).map(String::as_str).unwrap_or_default())
            }
            (Value::String(text) | Value::SafeHtml(text), Value::Int(at)) => {
                let byte = usize::try_from(*at).ok().and_then(|at| text.as_bytes().get(at));
                Value::Int(i64::from(*byte.ok_or_else(|| format!("index out of range: {at}"))?))
            }
            (list, Value::Int(at)) => {
                let items = list.items().ok_or_else(|| format!("cannot index a value of kind {}", list.kind()))?;
                let item = usize::try_from(*at).ok().and_then(|at| items.get(at));
                item.cloned().ok_or_else(|| format!("index out of range: {at}"))?
            }
            (other, _) => return Err(format!("cannot index a value of kind {}", other.kind())),
        };
    }
    Ok(value)
}

pub(super) fn slice(value: &Value, bounds: &[Value]) -> Result<Value, String> {
    let bound = |index: usize, default: usize| match bounds.get(index) {
        None => Ok(default),
        Some(Value::Int(at)) => usize::try_from(*at).map_err(|_| format!("index out of range: {at}")),
        Some(other) => Err(format!("cannot index with a value of kind {}", other.kind())),
    };
    if let Some(text) = value.as_str() {
        let piece = text.get(bound(0, 0)?..bound(1, text.len())?);
        return piece.map(Value::from).ok_or_else(|| "index out of range".to_owned());
    }
    let items = value.items().ok_or_else(|| format!("cannot slice a value of kind {}", value.kind()))?;
    let piece = items.get(bound(0, 0)?..bound(1, items.len())?);
    piece.map(|piece| Value::list(piece.iter().cloned())).ok_or_else(|| "index out of range".to_owned())
}

/// RE2's `$1` and `${name}` mean the same in the regex crate.
pub(super) fn replace_all(pattern: &str, replacement: &str, text: &str) -> Result<Value, String> {
    Ok(Value::from(regex(pattern)?.replace_all(text, replacement).into_owned()))
}

pub(super) fn matches(pattern: &str, text: &str) -> Result<Value, String> {
    Ok(Value::Bool(regex(pattern)?.is_match(text)))
}

fn regex(pattern: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(pattern).size_limit(MAX_REGEX_BYTES).build().map_err(|error| error.to_string())
}

/// The first letter of each word in upper case.
pub(super) fn title(text: &str) -> String {
    let mut is_start = true;
    let mut titled = String::with_capacity(text.len());
    for character in text.chars() {
        if is_start {
            titled.extend(character.to_uppercase());
        } else {
            titled.push(character);
        }
        // Go's strings.Title takes letters, digits, underscores and apostrophes as parts of words.
        is_start = !(character.is_alphanumeric() || character == '_' || character == '\'');
    }
    titled
}

pub(super) fn join(separator: &str, list: &Value) -> Result<Value, String> {
    let items = list.items().ok_or_else(|| format!("join wants a list, got {}", list.kind()))?;
    let parts: Vec<String> = items.iter().map(ToString::to_string).collect();
    Ok(Value::from(parts.join(separator)))
}

pub(super) fn dict(arguments: &[Value]) -> Result<Value, String> {
    let (pairs, rest) = arguments.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("dict wants keys and values in pairs".to_owned());
    }
    let mut fields = Vec::new();
    for [key, value] in pairs {
        fields.push((key.as_str().ok_or("a key of dict must be a text")?.to_owned(), value.clone()));
    }
    Ok(Value::map(fields))
}

/// The host of `host:port`, brackets of IPv6 kept away; anything else as it is.
pub(super) fn strip_port(text: &str) -> &str {
    split_host_port(text).map_or(text, |(host, _)| host)
}

/// The first part of a host's name; IP addresses as they are.
pub(super) fn strip_domain(text: &str) -> String {
    let (host, port) = split_host_port(text).map_or((text, None), |(host, port)| (host, Some(port)));
    if host.parse::<std::net::IpAddr>().is_ok() {
        return text.to_owned();
    }
    let short = host.split('.').next().unwrap_or(host);
    port.map_or_else(|| short.to_owned(), |port| format!("{short}:{port}"))
}

fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(inner) => Some((inner.strip_suffix(']')?, port)),
        None if host.contains(':') => None,
        None => Some((host, port)),
    }
}

/// Go's `url.QueryEscape`: a blank becomes a plus sign.
pub(super) fn url_query(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            b' ' => escaped.push('+'),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

pub(super) fn url_unescape(text: &str) -> Result<Value, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'+', _) => {
                bytes.push(b' ');
                tail
            }
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
                bytes.push(digits.ok_or_else(|| format!("invalid URL escape in \"{text}\""))?);
                after
            }
            (b'%', _) => return Err(format!("invalid URL escape in \"{text}\"")),
            (other, _) => {
                bytes.push(*other);
                tail
            }
        };
    }
    Ok(Value::from(String::from_utf8_lossy(&bytes).into_owned()))
}
