//! From a rule file to rules: every cross-field rule of Prometheus's `rulefmt`, all mistakes at once.

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
            problems.push(Problem::new(&path, "a group needs a name"));
        } else if !names.insert(group.name.as_str()) {
            problems.push(Problem::new(
                format!("{path}.name"),
                format!("the group name \"{}\" is taken by an earlier group of this file", group.name),
            ));
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
    let query_offset = duration(group.query_offset.as_deref(), &format!("{path}.query_offset"), problems).unwrap_or_default();
    let limit = group.limit.unwrap_or(0);
    if limit < 0 {
        problems.push(Problem::new(format!("{path}.limit"), "a limit is 0 (none) or more"));
    }
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
        query_offset,
        limit: usize::try_from(limit).ok().filter(|limit| *limit > 0),
        rules,
    }
}

fn check_rule(rule: &RuleEntry, path: &str, evaluate: &dyn Evaluate, problems: &mut Vec<Problem>) -> Option<RuleConfig> {
    let before = problems.len();
    let record = rule.record.as_deref().filter(|name| !name.is_empty());
    let alert = rule.alert.as_deref().filter(|name| !name.is_empty());
    let expr = rule.expr.clone().unwrap_or_default();
    if expr.trim().is_empty() {
        problems.push(Problem::new(path, "a rule needs expr"));
    } else if let Err(error) = evaluate.check(&expr) {
        problems.push(Problem::new(format!("{path}.expr"), error));
    }
    let labels = rule.labels.clone().unwrap_or_default();
    for (name, value) in &labels {
        if !is_label_name(name) || name == METRIC_NAME {
            problems.push(Problem::new(format!("{path}.labels.{name}"), format!("\"{name}\" is not a label name that a rule may set")));
        }
        if alert.is_some() {
            check_template(value, &format!("{path}.labels.{name}"), problems);
        }
    }
    let hold_for = duration(rule.hold_for.as_deref(), &format!("{path}.for"), problems);
    let keep_firing_for = duration(rule.keep_firing_for.as_deref(), &format!("{path}.keep_firing_for"), problems);
    let checked = match (record, alert) {
        (Some(_), Some(_)) => {
            problems.push(Problem::new(path, "a rule has either record or alert, not both"));
            None
        }
        (None, None) => {
            problems.push(Problem::new(path, "a rule needs record or alert"));
            None
        }
        (Some(record), None) => {
            for (key, is_set) in [
                ("for", hold_for.is_some()),
                ("keep_firing_for", keep_firing_for.is_some()),
                ("annotations", rule.annotations.as_ref().is_some_and(|annotations| !annotations.is_empty())),
            ] {
                if is_set {
                    problems
                        .push(Problem::new(format!("{path}.{key}"), format!("{key} belongs to alerting rules; a recording rule has none")));
                }
            }
            if !is_metric_name(record) {
                problems.push(Problem::new(format!("{path}.record"), format!("\"{record}\" is not a metric name")));
            }
            Some(RuleConfig::Recording(RecordingRule { name: record.to_owned(), expr, labels: labels.into_iter().collect() }))
        }
        (None, Some(alert)) => {
            let annotations = rule.annotations.clone().unwrap_or_default();
            for (name, text) in &annotations {
                if !is_label_name(name) {
                    problems.push(Problem::new(format!("{path}.annotations.{name}"), format!("\"{name}\" is not an annotation name")));
                }
                check_template(text, &format!("{path}.annotations.{name}"), problems);
            }
            Some(RuleConfig::Alerting(AlertingRule {
                name: alert.to_owned(),
                expr,
                hold_for: hold_for.unwrap_or_default(),
                keep_firing_for: keep_firing_for.unwrap_or_default(),
                labels: labels.into_iter().collect(),
                annotations: annotations.into_iter().collect(),
            }))
        }
    };
    checked.filter(|_| problems.len() == before)
}

fn check_template(text: &str, path: &str, problems: &mut Vec<Problem>) {
    if let Err(error) = parse_rule_template(text) {
        problems.push(Problem::new(path, error));
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
