//! What must not stand in a recording: values of secrets, credentials in headers and URLs, settings whose name says that they are
//! secret. A body that a target answered stays as it is, for nobody can know what in it is secret.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::tape::bytes;

/// What stands for a secret. A replayed guest is given it in its place, so what it makes of it is masked alike.
pub(crate) const SECRET: &str = "<secret>";
/// The same within a URL, where `<` would have to be escaped.
const SECRET_IN_URL: &str = "***";
/// Known values shorter than this are no secrets and would riddle a recording with holes.
const MIN_KNOWN_BYTES: usize = 4;

/// Values that are known to be secret, wherever they turn up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mask {
    known: BTreeSet<String>,
}

impl Mask {
    /// Values that the guest was told as secrets, or that stand in settings and parameters under a name that says so.
    pub(crate) fn new(settings: &Value, parameters: &[(String, String)], secrets: impl Iterator<Item = String>) -> Self {
        let mut mask = Self { known: secrets.collect() };
        mask.learn(settings, false);
        mask.known.extend(parameters.iter().filter(|(name, _)| is_secret_name(name)).map(|(_, value)| value.clone()));
        mask.known.retain(|value| value.len() >= MIN_KNOWN_BYTES && value != SECRET);
        mask
    }

    fn learn(&mut self, value: &Value, is_secret: bool) {
        match value {
            Value::String(text) if is_secret => drop(self.known.insert(text.clone())),
            Value::Array(items) => items.iter().for_each(|item| self.learn(item, is_secret)),
            Value::Object(object) => object.iter().for_each(|(key, value)| self.learn(value, is_secret || is_secret_name(key))),
            _ => {}
        }
    }

    /// Parameters of a target.
    pub(crate) fn parameters(&self, parameters: &[(String, String)]) -> Vec<(String, String)> {
        let masked = |(name, value): &(String, String)| {
            let value = if is_secret_name(name) && !value.is_empty() { SECRET.to_owned() } else { self.text(value) };
            (name.clone(), value)
        };
        parameters.iter().map(masked).collect()
    }

    /// The arguments of a host call: a list of values, whatever they are.
    pub(crate) fn arguments(&self, call: &str, arguments: Value) -> Value {
        let Value::Array(mut arguments) = arguments else { return arguments };
        let is_kept_secret = is_kept_secret(call, arguments.first());
        for (at, argument) in arguments.iter_mut().enumerate() {
            let value = argument.take();
            *argument = if at > 0 && is_kept_secret { hidden(value) } else { self.value(value) };
        }
        Value::Array(arguments)
    }

    /// The host's answer to a call with these arguments.
    pub(crate) fn answer(&self, call: &str, arguments: &Value, answer: Value) -> Value {
        match answer {
            Value::Object(result) if result.contains_key("Ok") && (call == "secrets.get" || is_kept_secret(call, arguments.get(0))) => {
                Value::Object(result.into_iter().map(|(key, value)| (key, hidden(value))).collect())
            }
            answer => self.value(answer),
        }
    }

    /// Any value: arguments, answers, settings. Bytes come out encoded.
    pub(crate) fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => match (bytes::of_list(&items), header(&items)) {
                (Some(list), _) => self.bytes(list),
                (_, Some(name)) if is_secret_name(name) => {
                    let name = name.to_owned();
                    Value::Array(
                        items
                            .into_iter()
                            .enumerate()
                            .map(|(at, item)| if at == 0 { Value::String(name.clone()) } else { hidden(item) })
                            .collect(),
                    )
                }
                _ => Value::Array(items.into_iter().map(|item| self.value(item)).collect()),
            },
            Value::Object(object) => match bytes::of_object(&object) {
                Some(bytes) => self.bytes(bytes),
                None => Value::Object(object.into_iter().map(|(key, value)| self.member(key, value)).collect::<Map<_, _>>()),
            },
            plain => plain,
        }
    }

    fn member(&self, key: String, value: Value) -> (String, Value) {
        let value = if is_secret_name(&key) { hidden(value) } else { self.value(value) };
        (key, value)
    }

    fn bytes(&self, bytes: Vec<u8>) -> Value {
        match String::from_utf8(bytes) {
            Ok(text) => bytes::encoded(self.text(&text).into_bytes()),
            Err(error) => {
                let mut bytes = error.into_bytes();
                for secret in &self.known {
                    bytes = replaced(&bytes, secret.as_bytes(), SECRET.as_bytes());
                }
                bytes::encoded(bytes)
            }
        }
    }

    /// A text of any kind: an address, a body, a message.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut masked = without_credentials(text);
        for secret in self.known.iter().filter(|secret| masked.contains(secret.as_str())).collect::<Vec<_>>() {
            masked = masked.replace(secret, SECRET);
        }
        masked
    }
}

/// Whether a header, a setting, a parameter or a field holds what must not be shown.
pub(crate) fn is_secret_name(name: &str) -> bool {
    const WORDS: [&str; 12] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "accesskey",
        "privatekey",
        "keypem",
        "credential",
        "authorization",
        "cookie",
    ];
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    WORDS.iter().any(|word| plain.contains(word)) || matches!(plain.as_str(), "pwd" | "pass" | "auth")
}

/// A value of the same shape without its texts. An empty one is no secret, and plugins take it for "none".
fn hidden(value: Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => Value::String(text),
        Value::String(_) => Value::String(SECRET.to_owned()),
        Value::Array(items) if bytes::of_list(&items).is_some() => bytes::encoded(SECRET.into()),
        Value::Array(items) => Value::Array(items.into_iter().map(hidden).collect()),
        Value::Object(object) => match bytes::of_object(&object) {
            Some(bytes) if bytes.is_empty() => bytes::encoded(bytes),
            Some(_) => bytes::encoded(SECRET.into()),
            None => Value::Object(object.into_iter().map(|(key, value)| (key, hidden(value))).collect()),
        },
        plain => plain,
    }
}

/// Whether a call is about a value that a plugin keeps under a name that says that it is secret.
fn is_kept_secret(call: &str, key: Option<&Value>) -> bool {
    matches!(call, "state.get" | "state.set") && key.and_then(Value::as_str).is_some_and(is_secret_name)
}

/// The name of a pair of a name and bytes or a text: a header, or a label.
fn header(items: &[Value]) -> Option<&str> {
    match items {
        [Value::String(name), Value::Array(_) | Value::Object(_) | Value::String(_)] => Some(name),
        _ => None,
    }
}

/// Without user and password of URLs, and without values of query parameters whose name says that they are secret.
fn without_credentials(text: &str) -> String {
    let mut masked = text.to_owned();
    // From the end, so that the places found stay where they are.
    for (at, _) in text.rmatch_indices("://") {
        let start = at + 3;
        let end = text[start..].find(|c: char| matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>') || c.is_whitespace());
        let authority = &text[start..end.map_or(text.len(), |end| start + end)];
        if let Some(user_end) = authority.rfind('@') {
            masked.replace_range(start..start + user_end, SECRET_IN_URL);
        }
    }
    if !masked.contains('=') {
        return masked;
    }
    let mut out = String::with_capacity(masked.len());
    for piece in masked.split_inclusive(['?', '&']) {
        let value = piece.split_once('=').filter(|(name, _)| is_query_name(name) && is_secret_name(name));
        match value {
            Some((name, value)) if out.ends_with(['?', '&']) => {
                let end = value.find(|c: char| matches!(c, '&' | '?' | '#' | '"' | '\'') || c.is_whitespace()).unwrap_or(value.len());
                out.extend([name, "=", SECRET_IN_URL, &value[end..]]);
            }
            _ => out.push_str(piece),
        }
    }
    out
}

fn is_query_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'[' | b']'))
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(old.len()).position(|window| window == old) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_in_urls_are_masked_and_nothing_else() {
        let check = |text: &str, want: &str| assert_eq!(without_credentials(text), want);
        check("http://user:pa@ss@host:80/a@b", "http://***@host:80/a@b");
        check("postgres://u:p@db/x and redis://:q@r", "postgres://***@db/x and redis://***@r");
        check("https://host/path?a=1&api_key=abc&b=2", "https://host/path?a=1&api_key=***&b=2");
        check("https://host/?token=abc#x", "https://host/?token=***#x");
        check("a=1 token=2 b@c", "a=1 token=2 b@c");
        check("http://host/", "http://host/");
    }

    #[test]
    fn secrets_are_masked_wherever_they_turn_up() {
        let settings = json!({"password": "hunter22", "headers": {"X-Api-Key": "k3y-abcd"}, "path": "/p"});
        let mask = Mask::new(&settings, &[("token".to_owned(), "tok-1".to_owned())], ["s3cret".to_owned()].into_iter());
        assert_eq!(mask.value(json!({"password": ""})), json!({"password": ""}), "none is no secret");
        assert_eq!(mask.value(settings), json!({"password": SECRET, "headers": {"X-Api-Key": SECRET}, "path": "/p"}));
        let request = json!({
            "url": "http://h/?x=hunter22",
            "headers": [["Authorization", [66, 97]], ["Accept", [42, 47]], ["x-token", [1]]],
            "body": b"AUTH s3cret\r\n".to_vec(),
            "tls": {"key_pem": [45, 45], "ca_pem": null},
        });
        let want = json!({
            "url": "http://h/?x=<secret>",
            "headers": [["Authorization", {"text": SECRET}], ["Accept", {"text": "*/"}], ["x-token", {"text": SECRET}]],
            "body": {"text": "AUTH <secret>\r\n"},
            "tls": {"key_pem": {"text": SECRET}, "ca_pem": null},
        });
        assert_eq!(mask.value(request), want);
        let binary = [&[0xff, 0x00][..], b"s3cret", &[0xfe]].concat();
        assert_eq!(mask.value(json!(binary)), bytes::encoded([&[0xff, 0x00][..], b"<secret>", &[0xfe]].concat()));
        assert_eq!(mask.answer("secrets.get", &json!(["a"]), json!({"Ok": "s3cret"})), json!({"Ok": SECRET}));
        assert_eq!(mask.arguments("state.set", json!(["oauth-token", [1, 2]])), json!(["oauth-token", {"text": SECRET}]));
        assert_eq!(mask.answer("state.get", &json!(["oauth-token"]), json!({"Ok": [1, 2]})), json!({"Ok": {"text": SECRET}}));
        assert_eq!(mask.arguments("udp.receive", json!([1, 0])), json!([1, 0]), "numbers of a call are no bytes");
        assert_eq!(mask.text("cannot log in with tok-1"), "cannot log in with <secret>");
    }

    #[test]
    fn masking_twice_changes_nothing() {
        let mask = Mask::new(&json!({"password": "hunter22"}), &[], std::iter::empty());
        let once = mask.value(json!({"url": "http://a:b@c/?token=1", "headers": [["cookie", [1]]], "body": [104, 105]}));
        assert_eq!(Mask::default().value(once.clone()), once);
    }
}
