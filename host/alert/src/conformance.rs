//! Alertmanager's own cases, which are kept outside of the repository: the variable `CEPMON_CONFORMANCE` names their folder. Without it
//! there is nothing to compare.

use cepmon_model::{LabelSet, MatchOp};
use serde_json::{Value, json};

use crate::config::InhibitRuleEntry;
use crate::mute::{Inhibition, Sources};
use crate::notify::Notification;
use crate::route::parse_matchers;

fn cases(file: &str) -> Vec<Value> {
    let Some(folder) = std::env::var_os("CEPMON_CONFORMANCE") else {
        eprintln!("skipped: CEPMON_CONFORMANCE names no folder");
        return Vec::new();
    };
    let text = std::fs::read_to_string(std::path::Path::new(&folder).join("alertmanager").join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn labels(json: &Value) -> LabelSet {
    LabelSet::from_pairs(json.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())))
}

#[test]
fn matchers_are_read_as_alertmanager_reads_them() {
    for case in cases("matchers_parse.jsonl") {
        let input = case["input"].as_str().unwrap();
        let parsed = parse_matchers(input);
        // A text that only one grammar refuses is taken by the other: Alertmanager runs in this mode unless told otherwise. Only lists
        // are read here, so that a single matcher in braces, or none, is fine.
        if case["valid"] == true {
            assert!(parsed.is_ok(), "{input}: {parsed:?}");
        } else if case["grammar"] == "fallback" {
            assert!(parsed.is_err(), "{input}");
        }
        let want = match &case["matchers"] {
            Value::Array(list) => list.clone(),
            one @ Value::Object(_) => vec![one.clone()],
            _ => continue,
        };
        let op = |op: MatchOp| match op {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        };
        let got: Vec<Value> = parsed
            .unwrap()
            .iter()
            .map(|matcher| json!({"name": matcher.name(), "op": op(matcher.op()), "value": matcher.value()}))
            .collect();
        // Where both grammars read a text the classic reading holds; it knows no \x and \U.
        if case["grammar"] == "fallback" || !(input.contains("\\x") || input.contains("\\U") || input.contains("\\t")) {
            assert_eq!(got, want, "{input}");
        }
    }
}

#[test]
fn inhibition_mutes_what_alertmanager_mutes() {
    for case in cases("inhibit.jsonl") {
        let mut rules = case["setup"]["inhibit_rules"].clone();
        for rule in rules.as_array_mut().unwrap() {
            for key in ["source_matchers", "target_matchers"] {
                for matcher in rule.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
                    let part = |name: &str| matcher[name].as_str().unwrap().to_owned();
                    *matcher = Value::String(format!("{}{}{:?}", part("name"), part("type"), part("value")));
                }
            }
        }
        let rules: Vec<InhibitRuleEntry> = serde_json::from_value(rules).unwrap();
        let firing: Vec<LabelSet> = case["setup"]["firing"].as_array().unwrap().iter().map(labels).collect();
        let target = labels(&case["input"]);
        let rules: Vec<Inhibition> = rules.iter().map(|rule| Inhibition::check(rule, "", &mut Vec::new()).unwrap()).collect();
        let is_muted = Sources::of(&rules, firing.iter()).mute(&target);
        assert_eq!(Value::Bool(is_muted), case["inhibited"], "{case}");
    }
}

#[test]
fn templates_see_alerts_as_in_alertmanager() {
    for case in cases("templates.jsonl").iter().filter(|case| case["input"].as_str().unwrap().contains(".Alerts")) {
        let input = case["input"].as_str().unwrap();
        let alert = |alert: &Value| crate::Alert {
            labels: alert.get("Labels").map(labels).unwrap_or_default(),
            annotations: alert.get("Annotations").map(labels).unwrap_or_default(),
            starts_at: 0,
            ends_at: if alert["Status"] == "resolved" { 1_000 } else { 3_000 },
            generator_url: String::new(),
            updated_at: 0,
            is_timeout: false,
        };
        let notification = Notification {
            receiver: "r".to_owned(),
            group_key: "{}:{}".to_owned(),
            group_labels: LabelSet::default(),
            alerts: case["data"]["Alerts"].as_array().unwrap().iter().map(alert).collect(),
            at: 2_000,
            external_url: String::new(),
        };
        let template = cepmon_template::Template::parse("t", input, cepmon_template::Dialect::Alertmanager);
        let text = template.and_then(|template| notification.expand(&template, cepmon_template::Escape::None));
        // The case's alerts have neither times nor a fingerprint, ours cannot be without: only the number and labels compare.
        let (got, want): (Value, Value) = (parse(&text.unwrap()), parse(case["output"].as_str().unwrap()));
        let facts = |list: &Value| -> Vec<(Value, Value)> {
            let labels = |alert: &Value| if alert["labels"].is_null() { json!({}) } else { alert["labels"].clone() };
            list.as_array().unwrap().iter().map(|alert| (alert["status"].clone(), labels(alert))).collect()
        };
        assert_eq!(facts(&got), facts(&want), "{input}");
    }
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Array(Vec::new()))
}
