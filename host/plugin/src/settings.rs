//! Checks a job's `settings` against a manifest's schema and fills the defaults in. It does not read configuration files and
//! knows no line numbers; the caller adds them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{SettingsError, suggestion};
use crate::manifest::{Manifest, Setting, SettingKind};

/// The settings as the guest sees them: a JSON object with every default filled in.
pub(crate) fn check_settings(manifest: &Manifest, settings: &Value) -> Result<String, SettingsError> {
    let plugin = manifest.name.as_str();
    let empty = Map::new();
    let given = match settings {
        Value::Null => &empty,
        Value::Object(given) => given,
        other => return Err(SettingsError::whole(plugin, format!("expected a map of settings, found {}", describe(other)))),
    };
    for key in given.keys() {
        if !manifest.settings.contains_key(key) {
            return Err(SettingsError::at(plugin, key, unknown(key, &manifest.settings)));
        }
    }
    let mut filled = Map::new();
    for (key, setting) in &manifest.settings {
        match given.get(key).filter(|value| !value.is_null()) {
            Some(value) => {
                check_value(setting.kind, value).map_err(|problem| SettingsError::at(plugin, key, problem))?;
                filled.insert(key.clone(), value.clone());
            }
            None if setting.required => {
                let expected = setting.kind.as_str();
                return Err(SettingsError::at(plugin, key, format!("expected {expected}, it is missing{}", doc(setting))));
            }
            None => {
                if let Some(default) = &setting.default {
                    filled.insert(key.clone(), default.clone());
                }
            }
        }
    }
    Ok(Value::Object(filled).to_string())
}

/// Whether a value has the type; the error tells what was expected and found.
pub(crate) fn check_value(kind: SettingKind, value: &Value) -> Result<(), String> {
    let fits = match kind {
        SettingKind::Text => value.is_string(),
        SettingKind::Integer => value.is_i64() || value.is_u64(),
        SettingKind::Decimal => value.is_number(),
        SettingKind::Boolean => value.is_boolean(),
        SettingKind::Duration => value.as_str().is_some_and(is_duration),
        SettingKind::TextList => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        SettingKind::TextMap => value.as_object().is_some_and(|items| items.values().all(Value::is_string)),
    };
    if fits {
        return Ok(());
    }
    let example = match kind {
        SettingKind::Duration => " such as \"1m30s\"",
        SettingKind::TextList => " such as [\"a\", \"b\"]",
        SettingKind::TextMap => " such as {\"a\": \"b\"}",
        _ => "",
    };
    let found = match (kind, value) {
        (SettingKind::Duration, Value::String(text)) => format!("{text:?}"),
        _ => describe(value).to_owned(),
    };
    Err(format!("expected {}{example}, found {found}", kind.as_str()))
}

/// Prometheus 2.x's durations: numbers with units from large to small, each once; `0` alone is fine.
fn is_duration(text: &str) -> bool {
    const UNITS: [&str; 7] = ["y", "w", "d", "h", "m", "s", "ms"];
    if text == "0" {
        return true;
    }
    let (mut rest, mut smallest) = (text, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let after = &rest[digits..];
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let Some(rank) = UNITS.iter().position(|name| *name == &after[..unit]) else { return false };
        if digits == 0 || digits > 12 || rank < smallest {
            return false;
        }
        (rest, smallest) = (&after[unit..], rank + 1);
    }
    !text.is_empty()
}

fn unknown(key: &str, settings: &BTreeMap<String, Setting>) -> String {
    if settings.is_empty() {
        return "unknown setting; this plugin has none".to_owned();
    }
    match suggestion(key, settings.keys().map(String::as_str)) {
        near if !near.is_empty() => format!("unknown setting{near}"),
        _ => format!("unknown setting; known are {}", settings.keys().cloned().collect::<Vec<_>>().join(", ")),
    }
}

fn doc(setting: &Setting) -> String {
    if setting.doc.is_empty() { String::new() } else { format!(" ({})", setting.doc) }
}

/// Only its type: a value in the wrong place may be a secret.
fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest() -> Manifest {
        let text = r#"
name = "node"
version = "0.1.0"
kind = "exporter"
description = "d"
license = "Apache-2.0"
[settings.collectors]
type = "text-list"
default = ["cpu"]
[settings.pause]
type = "duration"
[settings.module]
type = "text"
required = true
doc = "what to ask"
"#;
        Manifest::parse(text.as_bytes(), "t").unwrap()
    }

    #[test]
    fn defaults_are_filled_in() {
        assert_eq!(check_settings(&manifest(), &json!({"module": "a"})).unwrap(), r#"{"collectors":["cpu"],"module":"a"}"#);
        let all = json!({"module": "a", "pause": "1m30s", "collectors": []});
        assert_eq!(check_settings(&manifest(), &all).unwrap(), r#"{"collectors":[],"module":"a","pause":"1m30s"}"#);
    }

    #[test]
    fn what_does_not_fit_names_the_key_and_the_way_out() {
        let check = |settings: Value, want: &str| {
            let error = check_settings(&manifest(), &settings).unwrap_err();
            assert_eq!(error.to_string(), format!("cannot use settings of plugin \"node\": {want}"));
        };
        check(json!(["a"]), "expected a map of settings, found a list");
        check(json!(null), "\"module\": expected text, it is missing (what to ask)");
        check(json!({"module": 1}), "\"module\": expected text, found a number");
        check(json!({"module": "a", "colectors": []}), "\"colectors\": unknown setting; did you mean \"collectors\"?");
        check(json!({"module": "a", "zzz": []}), "\"zzz\": unknown setting; known are collectors, module, pause");
        check(json!({"module": "a", "pause": "10"}), "\"pause\": expected duration such as \"1m30s\", found \"10\"");
        assert_eq!(check_settings(&manifest(), &json!({"zzz": 1})).unwrap_err().key(), Some("zzz"));
    }

    #[test]
    fn durations_are_those_of_prometheus() {
        for good in ["0", "10s", "1h30m", "1d", "5ms", "1y2w3d4h5m6s7ms"] {
            assert!(is_duration(good), "{good}");
        }
        for bad in ["", "10", "s", "1s1m", "1m1m", "-1s", "1.5h", "1 s"] {
            assert!(!is_duration(bad), "{bad}");
        }
    }
}
