//! Running a test group: values become visible as time passes, rules are evaluated at each interval, alerts are compared on the way
//! and expressions at the end, as promtool does it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cepmon_alert::Evaluate;
use cepmon_alert::rule::{AlertState, CheckOptions, Context, RuleGroup, RuleHealth, check_rule_file};
use cepmon_model::{LabelSet, SampleValue, TimestampMs};
use cepmon_query::notation::{expand_values, parse_histogram, parse_labels};

use super::file::{AlertTest, ExprTest, Span, TestGroup, UnitTestFile};
use super::report::{ShownAlert, ShownSample, alerts_differ, samples_differ};
use super::world::{StoppedClock, World};
use crate::cli::promtool::check_rules::check_text;
use crate::cli::promtool::go_text;

/// What all groups of a file share.
pub(super) struct Suite<'a> {
    pub(super) file: &'a UnitTestFile,
    pub(super) rule_files: &'a [PathBuf],
    pub(super) ignores_unknown: bool,
    pub(super) shows_diff: bool,
}

/// A value that will be visible from a time on.
type Pending = (TimestampMs, usize, SampleValue);

impl Suite<'_> {
    /// What is wrong, in order; nothing if the group passes.
    pub(super) fn test(&self, group: &TestGroup) -> Vec<String> {
        let step = self.file.evaluation_interval();
        let start = group.start_timestamp.0;
        let (series, pending) = match self.load(group) {
            Ok(loaded) => loaded,
            Err(problem) => return vec![problem],
        };
        let world = Arc::new(World::new(step.0));
        let context = Context {
            evaluate: Arc::<World>::clone(&world),
            record: Arc::<World>::clone(&world),
            clock: Arc::new(StoppedClock),
            external_labels: LabelSet::from_pairs(&group.external_labels),
            external_url: group.external_url.clone(),
            resend_delay: Duration::from_secs(60),
            outage_tolerance: Duration::from_secs(3600),
            grace_period: Duration::from_secs(600),
        };
        let mut rules = match self.load_rules(group, &world) {
            Ok(rules) => rules,
            Err(problems) => return problems,
        };
        if let Some(test) = group.alert_rule_test.iter().find(|test| test.alertname.is_empty()) {
            let name = if group.name.is_empty() { String::new() } else { format!(" (in TestGroup {})", group.name) };
            return vec![format!(
                "an item under alert_rule_test misses required attribute alertname at eval_time {}{name}",
                test.eval_time
            )];
        }
        let mut problems = Vec::new();
        let mut pending = pending.into_iter().peekable();
        let mut elapsed = 0;
        while elapsed <= group.last_time() {
            let at = start + elapsed;
            while let Some((time, index, value)) = pending.next_if(|(time, ..)| *time <= at) {
                world.push(&series[index], time, value);
            }
            let mut failures = Vec::new();
            for rule_group in &mut rules {
                rule_group.evaluate(at, &context);
                failures.extend(failed_rules(rule_group, Duration::from_millis(elapsed.unsigned_abs())));
            }
            if !failures.is_empty() {
                problems.append(&mut failures);
                return problems;
            }
            // What is asked for between two evaluations is compared with the earlier one.
            let due = |test: &&AlertTest| (elapsed..elapsed + step.ms()).contains(&test.eval_time.ms());
            let mut tests: Vec<&AlertTest> = group.alert_rule_test.iter().filter(due).collect();
            tests.sort_by_key(|test| test.eval_time);
            problems.extend(tests.iter().filter_map(|test| self.alert_problem(group, test, &rules)));
            elapsed += step.ms();
        }
        problems.extend(group.promql_expr_test.iter().filter_map(|test| self.expr_problem(test, start, &world)));
        problems
    }

    /// The input series, and all their values in the order of time.
    fn load(&self, group: &TestGroup) -> Result<(Vec<LabelSet>, Vec<Pending>), String> {
        let interval = group.interval(self.file).ms();
        let (mut series, mut pending) = (Vec::new(), Vec::new());
        for input in &group.input_series {
            let labels = parse_labels(input.series.trim())?;
            let values = expand_values(&input.values).map_err(|problem| format!("series {:?}: {problem}", input.series))?;
            let index = series.len();
            for (place, value) in (0i64..).zip(values) {
                if let Some(value) = value {
                    pending.push((group.start_timestamp.0 + place * interval, index, value));
                }
            }
            series.push(labels);
        }
        // Stable: of a series that is named twice, the later line counts.
        pending.sort_by_key(|(time, ..)| *time);
        Ok((series, pending))
    }

    fn load_rules(&self, group: &TestGroup, world: &World) -> Result<Vec<RuleGroup>, Vec<String>> {
        let mut groups = Vec::new();
        for path in self.rule_files {
            let text = std::fs::read_to_string(path).map_err(|error| vec![format!("{}: {error}", path.display())])?;
            let file = check_text(Some(path), text, self.ignores_unknown)?;
            let options = CheckOptions {
                file: path.display().to_string(),
                default_interval: group.interval(self.file).0,
                default_query_offset: Duration::ZERO,
            };
            let checked = check_rule_file(&file, &options, world);
            groups.extend(checked.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?);
        }
        groups.sort_by_key(|group| self.file.place(&group.name));
        Ok(groups.into_iter().map(RuleGroup::new).collect())
    }

    fn alert_problem(&self, group: &TestGroup, test: &AlertTest, rules: &[RuleGroup]) -> Option<String> {
        let mut expected: Vec<ShownAlert> = Vec::new();
        for alert in &test.exp_alerts {
            let mut labels = alert.exp_labels.clone();
            labels.insert("alertname".to_owned(), test.alertname.clone());
            expected.push(ShownAlert { labels: LabelSet::from_pairs(&labels), annotations: LabelSet::from_pairs(&alert.exp_annotations) });
        }
        let statuses = rules.iter().flat_map(|group| group.status().rules);
        let alerts = statuses.filter(|rule| rule.rule.name() == test.alertname).flat_map(|rule| rule.alerts);
        let firing = alerts.filter(|alert| alert.state == AlertState::Firing);
        let got: Vec<ShownAlert> = firing.map(|alert| ShownAlert { labels: alert.labels, annotations: alert.annotations }).collect();
        let difference = alerts_differ(expected, got, self.shows_diff)?;
        let name = if group.name.is_empty() { String::new() } else { format!("    name: {},\n", group.name) };
        Some(format!("{name}    alertname: {}, time: {}, \n{difference}", test.alertname, test.eval_time))
    }

    fn expr_problem(&self, test: &ExprTest, start: TimestampMs, world: &World) -> Option<String> {
        let ExprTest { expr, eval_time, .. } = test;
        let place = |problem: String| Some(format!("    expr: {}, time: {eval_time}, err: {problem}", go_text::quoted(expr)));
        let got = match world.instant(expr, start + Span::ms(*eval_time)) {
            Ok(samples) => samples.into_iter().map(|sample| ShownSample { labels: sample.labels, value: sample.value }).collect(),
            Err(error) => return place(error.to_string()),
        };
        let mut expected = Vec::new();
        for sample in &test.exp_samples {
            let value = match &sample.histogram {
                None => SampleValue::Float(sample.value.0),
                Some(text) => match parse_histogram(text) {
                    Ok(histogram) => SampleValue::of(histogram),
                    Err(problem) => return place(format!("histogram {}: {problem}", go_text::quoted(text))),
                },
            };
            let text = if sample.labels.trim().is_empty() { "{}" } else { sample.labels.trim() };
            match parse_labels(text) {
                Ok(labels) => expected.push(ShownSample { labels, value }),
                Err(problem) => return place(format!("labels {}: {problem}", go_text::quoted(&sample.labels))),
            }
        }
        let difference = samples_differ(expected, got, self.file.fuzzy_compare, self.shows_diff)?;
        Some(format!("    expr: {}, time: {eval_time},\n{difference}", go_text::quoted(expr)))
    }
}

/// Rules whose evaluation failed, as promtool says it.
fn failed_rules(group: &RuleGroup, elapsed: Duration) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let failed = group.status().rules.into_iter().filter(|rule| rule.health == RuleHealth::Err);
    failed
        .filter(|rule| seen.insert(rule.rule.name().to_owned()))
        .map(|rule| {
            let name = rule.rule.name();
            let cause = rule.last_error.strip_prefix(&format!("cannot evaluate rule \"{name}\": ")).unwrap_or(&rule.last_error);
            format!("    rule: {name}, time: {}, err: {cause}", go_text::duration(elapsed))
        })
        .collect()
}
