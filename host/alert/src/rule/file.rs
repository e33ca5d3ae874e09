//! A rule file as it is written (Prometheus 3: `groups`, their rules, group labels and `query_offset`). What it means is `check`'s matter.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The document.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// The groups, in order.
    #[serde(default)]
    pub groups: Vec<RuleGroupEntry>,
}

/// Rules that are evaluated together, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleGroupEntry {
    /// Its name, once a file.
    #[serde(default)]
    pub name: String,
    /// How often it is evaluated; `global.evaluation_interval` if not given.
    pub interval: Option<String>,
    /// How far back in time it is evaluated, for data that arrives late.
    pub query_offset: Option<String>,
    /// How many alerts or series one rule may give; 0 = any number.
    pub limit: Option<i64>,
    /// Labels for all its rules; a rule's own label wins.
    pub labels: Option<BTreeMap<String, String>>,
    /// The rules, in order.
    #[serde(default)]
    pub rules: Vec<RuleEntry>,
}

/// A recording rule (`record`) or an alerting rule (`alert`).
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleEntry {
    /// Name of the series that it records.
    pub record: Option<String>,
    /// Name of the alert.
    pub alert: Option<String>,
    /// The PromQL expression.
    pub expr: Option<String>,
    /// How long the expression must hold before the alert fires.
    #[serde(rename = "for")]
    pub hold_for: Option<String>,
    /// How long an alert goes on firing after the expression holds no more.
    pub keep_firing_for: Option<String>,
    /// Labels to add or overwrite; templates in alerting rules.
    pub labels: Option<BTreeMap<String, String>>,
    /// Texts for people, as templates.
    pub annotations: Option<BTreeMap<String, String>>,
}
