//! Which rules of a configuration use a metric that a plugin would declare no more. It reads rule files and expressions; whether a
//! series is there, and whether another plugin gives it too, it does not ask.

use std::collections::BTreeSet;

use cepmon_alert::rule::RuleFile;
use cepmon_plugin::Changes;
use cepmon_query::Expr;
use cepmon_query::ast::ExprKind;

use crate::config::{Config, load_document};
use crate::glob::matching_files;

/// A line for each rule that would lose a metric, and for each rule file that cannot be read.
pub(crate) fn rules_at_risk(config: &Config, changes: &Changes) -> Vec<String> {
    let mut lines = Vec::new();
    for path in config.rule_files.iter().flat_map(|glob| matching_files(&glob.to_string_lossy())) {
        let file = match load_document::<RuleFile>(&path) {
            Ok(document) => document.file,
            Err(errors) => {
                lines.push(format!("cannot compare the rules of a file: {errors}"));
                continue;
            }
        };
        for (group, rule) in file.groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule))) {
            let Ok(expr) = cepmon_query::parse(rule.expr.as_deref().unwrap_or_default()) else { continue };
            let lost: Vec<String> = metric_names(&expr).into_iter().filter(|name| changes.loses(name)).collect();
            if !lost.is_empty() {
                let rule = rule.alert.as_deref().or(rule.record.as_deref()).unwrap_or_default();
                lines.push(format!("{}: group \"{}\", rule \"{rule}\" uses {}", path.display(), group.name, lost.join(", ")));
            }
        }
    }
    lines
}

/// The metrics that an expression names. One that is chosen by a regular expression has no name to compare.
fn metric_names(expr: &Expr) -> BTreeSet<String> {
    let selector = match &expr.kind {
        ExprKind::Selector(selector) => Some(selector),
        ExprKind::Range(range) => Some(&range.selector),
        _ => None,
    };
    let is_name =
        |matcher: &&cepmon_model::Matcher| matcher.name() == cepmon_model::METRIC_NAME && matcher.op() == cepmon_model::MatchOp::Equal;
    let names = selector.into_iter().flat_map(|selector| selector.matchers.iter().filter(is_name));
    let mut names: BTreeSet<String> = names.map(|matcher| matcher.value().to_owned()).collect();
    for child in expr.children() {
        names.extend(metric_names(child));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_of_an_expression_counts() {
        let names = |text: &str| metric_names(&cepmon_query::parse(text).unwrap()).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(names("sum by (a) (rate(b_total[5m])) / on (a) c{d='e'} > 1"), "b_total c");
        assert_eq!(names("max_over_time((f - f offset 1h)[1h:1m])"), "f");
        assert_eq!(names("{__name__='g', h='i'} or vector(1)"), "g");
        assert_eq!(names("{__name__=~'j.*'}"), "");
        assert_eq!(names("topk(scalar(k), l)"), "k l");
    }
}
