//! The functions of templates: Go's own, and those of the two dialects.

mod compare;
mod printf;
mod text;
mod number;
mod query;
mod clock;
mod pairs;
pub(crate) mod html;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::exec::Run;
use crate::function::pairs::Pairs;
use crate::json::to_json;
use crate::{Dialect, Value};

pub use query::{graph_link, table_link};

/// Functions of every template (Go's text/template).
const BUILTIN: &[&str] = &[
    "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "print", "println", "printf", "html", "js", "urlquery",
];

/// Prometheus's `template.NewTemplateExpander`.
const PROMETHEUS: &[&str] = &[
    "query",
    "first",
    "label",
    "value",
    "strvalue",
    "sortByLabel",
    "args",
    "tmpl",
    "reReplaceAll",
    "safeHtml",
    "match",
    "title",
    "toUpper",
    "toLower",
    "graphLink",
    "tableLink",
    "stripPort",
    "stripDomain",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "toTime",
    "now",
    "pathPrefix",
    "externalURL",
    "parseDuration",
    "urlQueryEscape",
];

/// Alertmanager's `template.DefaultFuncs`.
const ALERTMANAGER: &[&str] = &[
    "toUpper",
    "toLower",
    "title",
    "trimSpace",
    "join",
    "match",
    "safeHtml",
    "safeUrl",
    "urlUnescape",
    "reReplaceAll",
    "stringSlice",
    "date",
    "tz",
    "since",
    "humanizeDuration",
    "toJson",
    "list",
    "append",
    "dict",
    "now",
    "toDate",
    "mustToDate",
];

/// Whether a dialect has a function.
pub(crate) fn has_function(dialect: Dialect, name: &str) -> bool {
    let own = match dialect {
        Dialect::Prometheus => PROMETHEUS,
        Dialect::Alertmanager => ALERTMANAGER,
    };
    BUILTIN.contains(&name) || own.contains(&name)
}

/// Calls a function. Names of both dialects are answered: the parser has refused those that a template may not call.
pub(crate) fn call(run: &mut Run<'_>, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let environment = run.environment;
    match (name, arguments) {
        ("not", [value]) => Ok(Value::Bool(!value.is_true())),
        ("eq" | "ne" | "lt" | "le" | "gt" | "ge", _) => compare::call(name, arguments),
        ("len", [value]) => text::len(value),
        ("index", [value, keys @ ..]) => text::index(value, keys),
        ("slice", [value, bounds @ ..]) => text::slice(value, bounds),
        ("print", _) => Ok(Value::from(printf::print(arguments))),
        ("println", _) => Ok(Value::from(printf::println(arguments))),
        ("printf", [format, rest @ ..]) => Ok(Value::from(printf::printf(string(format)?, rest))),
        ("html", _) => Ok(Value::from(html::escape(&printf::print(arguments)))),
        ("js", _) => Ok(Value::from(html::escape_js(&printf::print(arguments)))),
        ("urlquery", _) => Ok(Value::from(text::url_query(&printf::print(arguments)))),
        ("urlQueryEscape", [value]) => Ok(Value::from(text::url_query(string(value)?))),

        ("query", [expr]) => query::query(environment, string(expr)?),
        ("first", [samples]) => query::first(samples),
        ("label", [name, sample]) => query::label(string(name)?, sample),
        ("value", [sample]) => query::value(sample),
        ("strvalue", [sample]) => query::label("__value__", sample),
        ("sortByLabel", [name, samples]) => query::sort_by_label(string(name)?, samples),
        ("args", _) => Ok(Value::map(arguments.iter().enumerate().map(|(index, value)| (format!("arg{index}"), value.clone())))),
        ("tmpl", [name, data]) => run.call_by_name(string(name)?, data).map(|text| Value::SafeHtml(text.into())),
        ("graphLink", [expr]) => Ok(Value::from(graph_link(string(expr)?))),
        ("tableLink", [expr]) => Ok(Value::from(table_link(string(expr)?))),
        ("externalURL", []) => Ok(Value::from(environment.external_url())),
        ("pathPrefix", []) => Ok(Value::from(query::path_of(environment.external_url()))),

        ("reReplaceAll", [pattern, replacement, value]) => text::replace_all(string(pattern)?, string(replacement)?, string(value)?),
        ("match", [pattern, value]) => text::matches(string(pattern)?, string(value)?),
        ("title", [value]) => Ok(Value::from(text::title(string(value)?))),
        ("toUpper", [value]) => Ok(Value::from(string(value)?.to_uppercase())),
        ("toLower", [value]) => Ok(Value::from(string(value)?.to_lowercase())),
        ("trimSpace", [value]) => Ok(Value::from(string(value)?.trim())),
        ("safeHtml" | "safeUrl", [value]) => Ok(Value::SafeHtml(string(value)?.into())),
        ("urlUnescape", [value]) => text::url_unescape(string(value)?),
        ("stripPort", [value]) => Ok(Value::from(text::strip_port(string(value)?))),
        ("stripDomain", [value]) => Ok(Value::from(text::strip_domain(string(value)?))),
        ("join", [separator, list]) => text::join(string(separator)?, list),
        ("stringSlice" | "list", _) => Ok(Value::list(arguments.iter().cloned())),
        ("append", [list, rest @ ..]) => {
            let items = list.items().ok_or("append wants a list")?;
            Ok(Value::list(items.into_iter().chain(rest.iter().cloned())))
        }
        ("dict", _) => text::dict(arguments),
        ("toJson", [value]) => Ok(Value::from(to_json(value))),

        ("humanize", [value]) => number::humanize(value),
        ("humanize1024", [value]) => number::humanize_1024(value),
        ("humanizeDuration", [value]) => number::humanize_duration(value),
        ("humanizePercentage", [value]) => number::humanize_percentage(value),
        ("parseDuration", [value]) => number::parse_duration(string(value)?),
        ("humanizeTimestamp", [value]) => clock::humanize_timestamp(value),
        ("toTime", [value]) => clock::to_time(value),
        ("now", []) => Ok(clock::now(environment)),
        ("date", [layout, time]) => clock::date(string(layout)?, time),
        ("tz", [zone, time]) => clock::in_zone(string(zone)?, time),
        ("since", [time]) => clock::since(environment, time),
        ("toDate", [layout, text]) => Ok(clock::parse(string(layout)?, string(text)?).unwrap_or_else(|_| Value::Time(crate::Time::zero()))),
        ("mustToDate", [layout, text]) => clock::parse(string(layout)?, string(text)?),
        _ => Err(format!("wrong number of arguments: got {}", arguments.len())),
    }
}

/// The methods of Alertmanager's `KV`; `None` if the name is not one of them.
pub(crate) fn labels_method(labels: &BTreeMap<String, String>, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
    match (name, arguments) {
        ("SortedPairs", []) => Some(Ok(Value::Object(Arc::new(Pairs::of(labels))))),
        ("Names", []) => Some(Ok(Value::list(sorted_names(labels).map(|(name, _)| Value::from(name.as_str()))))),
        ("Values", []) => Some(Ok(Value::list(sorted_names(labels).map(|(_, value)| Value::from(value.as_str()))))),
        ("Remove", [names]) => {
            let names: Vec<Value> = names.items().unwrap_or_default();
            let kept = labels.iter().filter(|(name, _)| !names.iter().any(|removed| removed.as_str() == Some(name)));
            Some(Ok(Value::labels(kept.map(|(name, value)| (name.as_str(), value.as_str())))))
        }
        ("Remove", _) => Some(Err("Remove wants one list of names".to_owned())),
        _ => None,
    }
}

/// `alertname` first, then by name.
fn sorted_names(labels: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    let first = labels.get_key_value("alertname");
    first.into_iter().chain(labels.iter().filter(|(name, _)| *name != "alertname"))
}

/// The text of an argument that must be one.
fn string(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("wrong type for value; expected string; got {}", value.kind()))
}
