//! Queries and links: `query`, `first`, `label`, `value`, `sortByLabel`, `graphLink`, `tableLink`, `pathPrefix`.

use crate::function::text::url_query;
use crate::{Environment, Value};

/// The path and query of the page that draws an expression.
pub fn graph_link(expr: &str) -> String {
    format!("/graph?g0.expr={}&g0.tab=0", url_query(expr))
}

/// The path and query of the page that shows an expression's result as a table.
pub fn table_link(expr: &str) -> String {
    format!("/graph?g0.expr={}&g0.tab=1", url_query(expr))
}

/// A list of records with `Labels` and `Value`.
pub(super) fn query(environment: &dyn Environment, expr: &str) -> Result<Value, String> {
    let samples = environment.query(expr)?;
    Ok(Value::list(samples.into_iter().map(|sample| {
        let labels = Value::labels(sample.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        Value::map([("Labels", labels), ("Value", Value::Float(sample.value))])
    })))
}

pub(super) fn first(samples: &Value) -> Result<Value, String> {
    let items = samples.items().ok_or("first wants the result of a query")?;
    items.into_iter().next().ok_or_else(|| "first() called on vector with no elements".to_owned())
}

pub(super) fn label(name: &str, sample: &Value) -> Result<Value, String> {
    match field(sample, "Labels")? {
        Value::Labels(labels) => Ok(Value::from(labels.get(name).map(String::as_str).unwrap_or_default())),
        _ => Err("label wants an element of a query's result".to_owned()),
    }
}

pub(super) fn value(sample: &Value) -> Result<Value, String> {
    field(sample, "Value")
}

pub(super) fn sort_by_label(name: &str, samples: &Value) -> Result<Value, String> {
    let items = samples.items().ok_or("sortByLabel wants the result of a query")?;
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        keyed.push((label(name, &item)?.to_string(), item));
    }
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(Value::list(keyed.into_iter().map(|(_, item)| item)))
}

/// The path of a URL, without a slash at the end.
pub(super) fn path_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.find('/').map_or("", |at| after_scheme[at..].trim_end_matches('/'))
}

fn field(sample: &Value, name: &str) -> Result<Value, String> {
    match sample {
        Value::Map(fields) => fields.get(name).cloned().ok_or_else(|| format!("there is no {name}")),
        other => Err(format!("wanted an element of a query's result, got {}", other.kind())),
    }
}
