//! Templates in the labels and annotations of alerting rules: `$labels`, `$externalLabels`, `$externalURL`, `$value`.

use std::fmt;

use cepmon_model::{LabelSet, TimestampMs};
use cepmon_template::{Dialect, Environment, Escape, QuerySample, Template, Value};

use crate::Evaluate;

/// What Prometheus puts before every text of a rule, so that the short names work. On the text's first line, so that lines count right.
const PREAMBLE: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// Parses a text of a rule. Messages name the template as Prometheus does: `__alert_` and the rule's name.
pub(crate) fn parse_rule_template(rule: &str, text: &str) -> Result<Template, cepmon_template::Error> {
    Template::parse_after(&format!("__alert_{rule}"), PREAMBLE, text, Dialect::Prometheus)
}

/// The world of templates while one rule is evaluated.
pub(crate) struct RuleEnvironment<'a> {
    /// The rule's name.
    pub(crate) rule: &'a str,
    pub(crate) evaluate: &'a dyn Evaluate,
    pub(crate) external_labels: &'a LabelSet,
    pub(crate) external_url: &'a str,
    pub(crate) at: TimestampMs,
}

impl RuleEnvironment<'_> {
    /// The text with everything in braces replaced; a text that fails becomes its error in angle brackets, as in Prometheus, so
    /// that a broken annotation never keeps an alert from being sent.
    pub(crate) fn expand(&self, text: &str, labels: &LabelSet, value: f64) -> String {
        if !text.contains("{{") {
            return text.to_owned();
        }
        let data = Value::map([
            ("Labels", Value::labels(labels.iter())),
            ("ExternalLabels", Value::labels(self.external_labels.iter())),
            ("ExternalURL", Value::from(self.external_url)),
            ("Value", Value::Float(value)),
        ]);
        let expanded = parse_rule_template(self.rule, text).and_then(|template| template.execute(&data, self, Escape::None));
        expanded.unwrap_or_else(|error| format!("<error expanding template: {error}>"))
    }
}

impl Environment for RuleEnvironment<'_> {
    fn query(&self, expr: &str) -> Result<Vec<QuerySample>, String> {
        let samples = self.evaluate.instant(expr, self.at).map_err(|error| error.to_string())?;
        Ok(samples
            .into_iter()
            .map(|sample| QuerySample {
                labels: sample.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
                value: sample.value.number(),
            })
            .collect())
    }

    fn external_url(&self) -> &str {
        self.external_url
    }

    fn now_ms(&self) -> i64 {
        self.at
    }
}

impl fmt::Debug for RuleEnvironment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleEnvironment").field("at", &self.at).finish_non_exhaustive()
    }
}
