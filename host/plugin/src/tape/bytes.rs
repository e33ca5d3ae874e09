//! Bytes in JSON. The contract's host functions know no list of small numbers but bytes, so a list of numbers is bytes: text where it is
//! UTF-8, else base64. An empty list stays one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

const TEXT: &str = "text";
const BASE64: &str = "base64";

/// Bytes as a JSON value.
pub(crate) fn encoded(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => json!({ TEXT: text }),
        Err(error) => json!({ BASE64: STANDARD.encode(error.as_bytes()) }),
    }
}

/// The bytes of a list, if it is one of bytes.
pub(crate) fn of_list(items: &[Value]) -> Option<Vec<u8>> {
    if items.is_empty() {
        return None;
    }
    items.iter().map(|item| u8::try_from(item.as_u64()?).ok()).collect()
}

/// The bytes that [`encoded`] made a value of.
pub(crate) fn of_object(object: &Map<String, Value>) -> Option<Vec<u8>> {
    let (key, value) = object.iter().next().filter(|_| object.len() == 1)?;
    let text = value.as_str()?;
    match key.as_str() {
        TEXT => Some(text.as_bytes().to_vec()),
        BASE64 => STANDARD.decode(text).ok(),
        _ => None,
    }
}

/// The value with lists of numbers in place of encoded bytes, as it is lifted to the contract's types.
pub(crate) fn decoded(value: Value) -> Value {
    match value {
        Value::Object(object) => match of_object(&object) {
            Some(bytes) => Value::Array(bytes.into_iter().map(Value::from).collect()),
            None => Value::Object(object.into_iter().map(|(key, value)| (key, decoded(value))).collect()),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(decoded).collect()),
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_whatever_they_are() {
        for bytes in [&b"plain text"[..], &[0xff, 0, 1], "ä\n\"".as_bytes(), &[0]] {
            let there = encoded(bytes.to_vec());
            assert_eq!(decoded(there.clone()), json!(bytes), "{there}");
        }
        assert_eq!(encoded(b"a".to_vec()), json!({ "text": "a" }));
        assert_eq!(encoded(vec![0xff]), json!({ "base64": "/w==" }));
        assert_eq!(of_list(&[]), None, "an empty list may be one of anything");
    }
}
