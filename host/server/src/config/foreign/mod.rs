//! Service discoveries of Prometheus (2.48 and 3) that cepmon does not have. They are checked as Prometheus checks them, taken out of the
//! tree with a warning, and give no targets.

mod kind;
mod kubernetes;
mod rule;

use cepmon_model::nearest_name;

use super::check::http_client_problems;
use super::file::HttpClientSection;
use super::problem::Problem;
use super::yaml::{Node, Value};
use kind::{Field, KINDS, Kind, Shape};

/// Kinds that are served; here for suggestions only.
const OWN: [&str; 4] = ["file_sd_configs", "http_sd_configs", "dns_sd_configs", "docker_sd_configs"];

/// Takes all of them out of a file's jobs and Alertmanagers.
pub(super) fn take(root: &mut Node, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
    let Value::Mapping(sections) = &mut root.value else { return };
    for (key, section) in sections {
        let owners = match (key.text.as_str(), &mut section.value) {
            ("scrape_configs", _) => section,
            ("alerting", Value::Mapping(entries)) => match entries.iter_mut().find(|(key, _)| key.text == "alertmanagers") {
                Some((_, list)) => list,
                None => continue,
            },
            _ => continue,
        };
        if let Value::Sequence(owners) = &mut owners.value {
            owners.iter_mut().for_each(|owner| take_from(owner, problems, warnings));
        }
    }
}

fn take_from(owner: &mut Node, problems: &mut Vec<Problem>, warnings: &mut Vec<Problem>) {
    let Value::Mapping(entries) = &mut owner.value else { return };
    entries.retain(|(key, list)| {
        let name = key.text.as_str();
        if !name.ends_with("_sd_configs") || OWN.contains(&name) {
            return true;
        }
        let Some(kind) = KINDS.iter().find(|kind| kind.key == name) else {
            let known = KINDS.iter().map(|kind| kind.key).chain(OWN);
            let way_out = nearest_name(name, known).map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
            problems.push(Problem::new(key.position, format!("unknown key \"{name}\"{way_out}")));
            return false;
        };
        match &list.value {
            Value::Sequence(items) => items.iter().for_each(|item| check(kind, item, problems)),
            _ if list.is_null() => {}
            _ => problems.push(Problem::new(list.position, "wanted a list")),
        }
        let message = format!("\"{name}\" is not served by cepmon and gives no targets; write them to a file and use file_sd_configs");
        warnings.push(Problem::new(key.position, message));
        false
    });
}

fn check(kind: &Kind, item: &Node, problems: &mut Vec<Problem>) {
    let known = problems.len();
    let entries: &[_] = match &item.value {
        Value::Mapping(entries) => entries,
        _ if item.is_null() => &[],
        _ => return problems.push(Problem::new(item.position, "wanted a mapping")),
    };
    for (key, value) in entries {
        match kind.field(&key.text) {
            Some(Field { shape, .. }) => shape.check(value, problems),
            None if kind.has_http && HttpClientSection::KEYS.contains(&key.text.as_str()) => {}
            None => {
                let names = kind.fields.iter().map(|field| field.name);
                let way_out = nearest_name(&key.text, names.clone()).map_or_else(
                    || format!("known here: {}", names.collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean \"{near}\"?"),
                );
                problems.push(Problem::new(key.position, format!("unknown key \"{}\"; {way_out}", key.text)));
            }
        }
    }
    if kind.has_http {
        http_client_problems(item, problems);
    }
    if problems.len() == known {
        let found = rule::Item { node: item };
        let missing = kind.required.iter().find(|name| found.text(name).is_none_or(str::is_empty) && found.list(name).is_empty());
        if let Some(name) = missing {
            problems.push(Problem::new(item.position, format!("{} needs {name}", kind.key)));
        }
        problems.extend(rule::check(kind.key, &found).into_iter().map(|(key, message)| Problem::new(item.at(key).position, message)));
    }
}

impl Shape {
    fn check(&self, node: &Node, problems: &mut Vec<Problem>) {
        let mut wrong = |wanted: &str| problems.push(Problem::new(node.position, format!("wanted {wanted}")));
        match (self, &node.value) {
            (_, Value::Scalar { .. }) if node.is_null() => {}
            (Self::Text, Value::Scalar { .. }) => {}
            (Self::Span, Value::Scalar { text, .. }) => {
                if let Err(error) = cepmon_model::parse_duration(text) {
                    problems.push(Problem::new(node.position, error.to_string()));
                }
            }
            (Self::Number, Value::Scalar { text, .. }) if text.parse::<i64>().is_ok() => {}
            (Self::Switch, Value::Scalar { text, .. })
                if matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off") => {}
            (Self::Texts, Value::Sequence(items)) if items.iter().all(|item| matches!(item.value, Value::Scalar { .. })) => {}
            (Self::TextMap, Value::Mapping(entries)) if entries.iter().all(|(_, value)| matches!(value.value, Value::Scalar { .. })) => {}
            (Self::List(keys), Value::Sequence(items)) => {
                for item in items {
                    Self::Keys(keys).check(item, problems);
                }
            }
            (Self::Keys(fields), Value::Mapping(entries)) => {
                for (key, value) in entries {
                    match fields.iter().find(|field| field.name == key.text) {
                        Some(field) => field.shape.check(value, problems),
                        None => problems.push(Problem::new(key.position, format!("unknown key \"{}\"", key.text))),
                    }
                }
            }
            (Self::Tls, Value::Mapping(_)) => {}
            (Self::Text | Self::Span, _) => wrong("one value"),
            (Self::Number, _) => wrong("a number"),
            (Self::Switch, _) => wrong("true or false"),
            (Self::Texts, _) => wrong("a list of texts"),
            (Self::TextMap, _) => wrong("a mapping of texts"),
            (Self::List(_), _) => wrong("a list"),
            (Self::Keys(_) | Self::Tls, _) => wrong("a mapping"),
        }
    }
}
