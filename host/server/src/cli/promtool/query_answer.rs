//! Answers of Prometheus's API, printed as its client library prints values and encodes JSON.

use std::io::Write;

use anyhow::{anyhow, bail};
use cepmon_model::LabelSet;
use serde_json::{Map, Value};

use super::{Format, go_text};
use crate::cli::http_client;
use crate::cli::output::Output;

/// A successful answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) data: Value,
    pub(super) warnings: Vec<String>,
}

impl Answer {
    /// Reads an answer; the error is `TYPE: MESSAGE`, as the client library prints it.
    pub(super) fn read(answer: http_client::Answer) -> anyhow::Result<Self> {
        let status = answer.status.as_u16();
        let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
            let detail = String::from_utf8_lossy(&answer.body).trim().to_owned();
            let side = if status >= 500 { "server" } else { "client" };
            bail!("{side}_error: {side} error: {status} (detail: {detail})");
        };
        if body["status"] != "success" {
            let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
            return Err(anyhow!("{}: {}", text("errorType"), text("error")));
        }
        let warnings = body["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(Self { data: body["data"].clone(), warnings })
    }
}

/// The value of a query.
pub(super) fn print_value(data: &Value, format: Format, output: &mut Output) -> anyhow::Result<()> {
    let result = &data["result"];
    if format == Format::Json {
        return print_json(result, output);
    }
    let list = || result.as_array().into_iter().flatten();
    let text = match data["resultType"].as_str() {
        Some("scalar") => format!("scalar: {} @[{}]", value(&result[1]), time(&result[0])),
        Some("string") => result[1].as_str().unwrap_or_default().to_owned(),
        Some("matrix") => {
            let series = list().map(|series| {
                let of = |key: &str| series[key].as_array().into_iter().flatten();
                let samples = of("values").map(sample).chain(of("histograms").map(histogram_sample));
                format!("{} =>\n{}", metric(series), samples.collect::<Vec<_>>().join("\n"))
            });
            series.collect::<Vec<_>>().join("\n")
        }
        _ => {
            let text = |element: &Value| match &element["histogram"] {
                Value::Null => sample(&element["value"]),
                histogram => histogram_sample(histogram),
            };
            list().map(|element| format!("{} => {}", metric(element), text(element))).collect::<Vec<_>>().join("\n")
        }
    };
    writeln!(output, "{text}")?;
    Ok(())
}

/// One line of JSON, as Go's encoder writes it: keys sorted, HTML escaped.
pub(super) fn print_json(value: &Value, output: &mut Output) -> anyhow::Result<()> {
    let text = serde_json::to_string(&sorted(value))?;
    let escaped = text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    writeln!(output, "{escaped}")?;
    Ok(())
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Object(object) => {
            let mut entries: Vec<(&String, &Value)> = object.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn metric(element: &Value) -> String {
    let pairs = element["metric"].as_object().into_iter().flatten();
    go_text::metric(&LabelSet::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))))
}

fn sample(pair: &Value) -> String {
    format!("{} @[{}]", value(&pair[1]), time(&pair[0]))
}

/// A native histogram as Prometheus's client library prints it (common 0.66).
fn histogram_sample(pair: &Value) -> String {
    let number = |value: &Value| value.as_str().unwrap_or_default().parse::<f64>().unwrap_or(f64::NAN);
    let buckets = pair[1]["buckets"].as_array().into_iter().flatten().map(|bucket| {
        let (open, close) = match bucket[0].as_i64() {
            Some(0) => ('(', ']'),
            Some(1) => ('[', ')'),
            Some(3) => ('[', ']'),
            _ => ('(', ')'),
        };
        format!("{open}{},{}{close}:{}", value(&bucket[1]), value(&bucket[2]), value(&bucket[3]))
    });
    let (count, sum, buckets) = (number(&pair[1]["count"]), number(&pair[1]["sum"]), buckets.collect::<Vec<_>>().join(" "));
    format!("Count: {count:.6}, Sum: {sum:.6}, Buckets: [{buckets}] @[{}]", time(&pair[0]))
}

fn value(text: &Value) -> String {
    let text = text.as_str().unwrap_or_default();
    text.parse().map_or_else(|_| text.to_owned(), cepmon_query::format_value)
}

fn time(seconds: &Value) -> String {
    cepmon_query::format_value(seconds.as_f64().unwrap_or_default())
}
