//! A unit test file as it is written (Prometheus 3), read and checked.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::time::Duration;

use cepmon_model::{TimestampMs, parse_duration};
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::cli::time::parse_time;
use crate::config::{Document, Variables, read_text};

/// The document.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub(super) struct UnitTestFile {
    /// Globs, relative to the file.
    pub(super) rule_files: Vec<String>,
    evaluation_interval: Option<Span>,
    group_eval_order: Vec<String>,
    pub(super) tests: Vec<TestGroup>,
    /// Values may differ in their last bit.
    pub(super) fuzzy_compare: bool,
}

/// Series and what is to come of them.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TestGroup {
    pub(super) name: String,
    interval: Option<Span>,
    /// The time of the first value, 1970 if not given.
    pub(super) start_timestamp: StartTime,
    pub(super) input_series: Vec<InputSeries>,
    pub(super) alert_rule_test: Vec<AlertTest>,
    pub(super) promql_expr_test: Vec<ExprTest>,
    pub(super) external_labels: BTreeMap<String, String>,
    pub(super) external_url: String,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputSeries {
    pub(super) series: String,
    #[serde(default)]
    pub(super) values: String,
}

/// Alerts that fire at a time.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertTest {
    pub(super) eval_time: Span,
    #[serde(default)]
    pub(super) alertname: String,
    #[serde(default)]
    pub(super) exp_alerts: Vec<ExpectedAlert>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedAlert {
    pub(super) exp_labels: BTreeMap<String, String>,
    pub(super) exp_annotations: BTreeMap<String, String>,
}

/// What an expression gives at a time.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExprTest {
    pub(super) expr: String,
    pub(super) eval_time: Span,
    #[serde(default)]
    pub(super) exp_samples: Vec<ExpectedSample>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedSample {
    pub(super) labels: String,
    pub(super) value: Number,
    pub(super) histogram: Option<String>,
}

/// A duration in Prometheus's notation, printed as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Span(pub(super) Duration);

impl Span {
    pub(super) fn ms(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        cepmon_model::format_duration(self.0).fmt(f)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse_duration(&String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

/// A float as YAML or Go spells it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Number(pub(super) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let plain = text.replace('_', "").to_ascii_lowercase();
        let (sign, rest) = plain.strip_prefix('-').map_or((1.0, plain.trim_start_matches('+')), |rest| (-1.0, rest));
        let value = rest.strip_prefix('.').filter(|word| matches!(*word, "inf" | "nan")).unwrap_or(rest).parse::<f64>();
        value.map(|value| Self(sign * value)).map_err(|_| D::Error::custom(format!("wanted a number, got \"{text}\"")))
    }
}

/// Unix seconds or RFC 3339.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StartTime(pub(super) TimestampMs);

impl<'de> Deserialize<'de> for StartTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse_time(&String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

impl UnitTestFile {
    /// Reads a file; the error is for people.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let document: Document<Self> = read_text(path, text, Variables::Keep, |_| {}).map_err(|errors| errors.to_string())?;
        let file = document.file;
        let mut seen = HashMap::new();
        match file.group_eval_order.iter().find(|name| seen.insert(name.as_str(), ()).is_some()) {
            Some(twice) => Err(format!("group name repeated in evaluation order: {twice}")),
            None => Ok(file),
        }
    }

    /// How often rules are evaluated: `evaluation_interval`, or a minute.
    pub(super) fn evaluation_interval(&self) -> Span {
        self.evaluation_interval.filter(|interval| !interval.0.is_zero()).unwrap_or(Span(Duration::from_secs(60)))
    }

    /// The place of a rule group in the order of evaluation; groups that are not named come with the first.
    pub(super) fn place(&self, group: &str) -> usize {
        self.group_eval_order.iter().position(|name| name == group).unwrap_or(0)
    }
}

impl TestGroup {
    /// The time between two values of the input series.
    pub(super) fn interval(&self, file: &UnitTestFile) -> Span {
        self.interval.filter(|interval| !interval.0.is_zero()).unwrap_or_else(|| file.evaluation_interval())
    }

    /// The last time that is asked for.
    pub(super) fn last_time(&self) -> i64 {
        let alerts = self.alert_rule_test.iter().map(|test| test.eval_time.ms());
        alerts.chain(self.promql_expr_test.iter().map(|test| test.eval_time.ms())).max().unwrap_or(0)
    }
}
