//! From a rule file to rules: every cross-field rule of Prometheus's `rulefmt` (3.x) in its order and with its words, which promtool
//! prints too; all mistakes at once.

use std::collections::HashSet;
use std::time::Duration;

use cepmon_model::{METRIC_NAME, is_label_name, is_metric_name, parse_duration};

use crate::rule::expand::parse_rule_template;
use crate::rule::{AlertingRule, RecordingRule, RuleEntry, RuleFile, RuleGroupEntry};
use crate::{Evaluate, Problem};

/// What a rule file takes from the configuration around it.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// The file's name, for identities and messages.
    pub file: String,
    /// `global.evaluation_interval`.
    pub default_interval: Duration,
    /// `global.rule_query_offset`.
    pub default_query_offset: Duration,
}

/// A group as the scheduler takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupConfig {
    /// The file that it came from.
    pub file: String,
    /// Its name.
    pub name: String,
    /// How often it is evaluated; more than zero.
    pub interval: Duration,
    /// How far back in time it is evaluated.
    pub query_offset: Duration,
    /// How many results one rule may have; `None` = any number.
    pub limit: Option<usize>,
    /// The rules, in order.
    pub rules: Vec<RuleConfig>,
}

impl GroupConfig {
    /// Its identity over reloads: `file;name`, as Prometheus names it.
    pub fn key(&self) -> String {
        format!("{};{}", self.file, self.name)
    }
}

/// One rule, checked.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleConfig {
    /// Stores its result as series.
    Recording(RecordingRule),
    /// Makes alerts of its result.
    Alerting(AlertingRule),
}

/// The groups of a file, or everything that is wrong with it.
pub fn check_rule_file(file: &RuleFile, options: &CheckOptions, evaluate: &dyn Evaluate) -> Result<Vec<GroupConfig>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut names = HashSet::new();
    let mut groups = Vec::new();
    for (index, group) in file.groups.iter().enumerate() {
        let path = format!("groups[{index}]");
        if group.name.is_empty() {
            problems.push(Problem::new(&path, "Groupname must not be empty"));
        }
        if !names.insert(group.name.as_str()) {
            problems.push(Problem::new(&path, format!("groupname: \"{}\" is repeated in the same file", group.name)));
        }
        groups.push(check_group(group, &path, options, evaluate, &mut problems));
    }
    if problems.is_empty() { Ok(groups) } else { Err(problems) }
}

fn check_group(
    group: &RuleGroupEntry,
    path: &str,
    options: &CheckOptions,
    evaluate: &dyn Evaluate,
    problems: &mut Vec<Problem>,
) -> GroupConfig {
    let interval = duration(group.interval.as_deref(), &format!("{path}.interval"), problems).filter(|interval| !interval.is_zero());
    let query_offset = duration(group.query_offset.as_deref(), &format!("{path}.query_offset"), problems);
    let mut rules = Vec::new();
    for (index, rule) in group.rules.iter().enumerate() {
        let path = format!("{path}.rules[{index}]");
        let mut rule = rule.clone();
        let mut labels = group.labels.clone().unwrap_or_default();
        labels.extend(rule.labels.take().unwrap_or_default());
        rule.labels = Some(labels);
        if let Some(rule) = check_rule(&rule, &path, evaluate, problems) {
            rules.push(rule);
        }
    }
    GroupConfig {
        file: options.file.clone(),
        name: group.name.clone(),
        interval: interval.unwrap_or(options.default_interval),
        query_offset: query_offset.unwrap_or(options.default_query_offset),
        // Prometheus takes a negative limit as none, too.
        limit: usize::try_from(group.limit.unwrap_or(0)).ok().filter(|limit| *limit > 0),
        rules,
    }
}

fn check_rule(rule: &RuleEntry, path: &str, evaluate: &dyn Evaluate, problems: &mut Vec<Problem>) -> Option<RuleConfig> {
    let before = problems.len();
    let mut problem = |path: String, message: String| problems.push(Problem::new(path, message));
    let record = rule.record.as_deref().filter(|name| !name.is_empty());
    let alert = rule.alert.as_deref().filter(|name| !name.is_empty());
    match (record, alert) {
        (Some(_), Some(_)) => problem(path.to_owned(), "only one of 'record' and 'alert' must be set".to_owned()),
        (None, None) => problem(path.to_owned(), "one of 'record' or 'alert' must be set".to_owned()),
        _ => {}
    }
    let expr = rule.expr.clone().unwrap_or_default();
    if expr.is_empty() {
        problem(path.to_owned(), "field 'expr' must be set in rule".to_owned());
    } else if let Err(error) = evaluate.check(&expr) {
        problem(format!("{path}.expr"), format!("could not parse expression: {error}"));
    }
    let hold_for = duration(rule.hold_for.as_deref(), &format!("{path}.for"), problems);
    let keep_firing_for = duration(rule.keep_firing_for.as_deref(), &format!("{path}.keep_firing_for"), problems);
    let labels = rule.labels.clone().unwrap_or_default();
    let annotations = rule.annotations.clone().unwrap_or_default();
    let mut problem = |path: String, message: String| problems.push(Problem::new(path, message));
    if let Some(record) = record {
        for (key, is_set) in [
            ("annotations", !annotations.is_empty()),
            ("for", hold_for.is_some_and(|span| !span.is_zero())),
            ("keep_firing_for", keep_firing_for.is_some_and(|span| !span.is_zero())),
        ] {
            if is_set {
                problem(format!("{path}.{key}"), format!("invalid field '{key}' in recording rule"));
            }
        }
        if !is_metric_name(record) {
            problem(format!("{path}.record"), format!("invalid recording rule name: {record}"));
        }
    }
    for name in labels.keys().filter(|name| !is_label_name(name) || *name == METRIC_NAME) {
        problem(format!("{path}.labels.{name}"), format!("invalid label name: {name}"));
    }
    for name in annotations.keys().filter(|name| !is_label_name(name)) {
        problem(format!("{path}.annotations.{name}"), format!("invalid annotation name: {name}"));
    }
    if let Some(alert) = alert {
        for (kind, section, texts) in [("label", "labels", &labels), ("annotation", "annotations", &annotations)] {
            for (name, text) in texts {
                if let Err(error) = parse_rule_template(alert, text) {
                    problem(format!("{path}.{section}.{name}"), format!("{kind} \"{name}\": {}", template_problem(&error)));
                }
            }
        }
    }
    if problems.len() > before {
        return None;
    }
    let labels = labels.into_iter().collect();
    match (record, alert) {
        (Some(record), None) => Some(RuleConfig::Recording(RecordingRule { name: record.to_owned(), expr, labels })),
        (None, Some(alert)) => Some(RuleConfig::Alerting(AlertingRule {
            name: alert.to_owned(),
            expr,
            hold_for: hold_for.unwrap_or_default(),
            keep_firing_for: keep_firing_for.unwrap_or_default(),
            labels,
            annotations: annotations.into_iter().collect(),
        })),
        _ => None,
    }
}

/// A template's error in Go's form: `template: __alert_NAME:1: …`.
fn template_problem(error: &cepmon_template::Error) -> String {
    match error {
        cepmon_template::Error::Parse { name, line, problem, .. } => format!("template: {name}:{line}: {problem}"),
        other => other.to_string(),
    }
}

fn duration(text: Option<&str>, path: &str, problems: &mut Vec<Problem>) -> Option<Duration> {
    match parse_duration(text?) {
        Ok(duration) => Some(duration),
        Err(error) => {
            problems.push(Problem::new(path, error));
            None
        }
    }
}
