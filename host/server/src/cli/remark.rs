//! What `cepmon check` remarks on the rules of a configuration: expressions that are valid and hardly meant. Nothing stored is asked, so
//! types are guessed by names.

use cepmon_alert::rule::{RuleEntry, RuleFile, RuleGroupEntry};
use cepmon_model::parse_duration;
use cepmon_query::lint::{NoMetrics, lint, lint_hold};

use crate::config::{Config, load_document};
use crate::glob::matching_files;

/// A line for each remark. Files and expressions that cannot be read are others' matter.
pub(super) fn remarks_on_rules(config: &Config) -> Vec<String> {
    let interval_ms = i64::try_from(config.evaluation_interval.as_millis()).unwrap_or(i64::MAX);
    let mut lines = Vec::new();
    for path in config.rule_files.iter().flat_map(|glob| matching_files(&glob.to_string_lossy())) {
        let Ok(document) = load_document::<RuleFile>(&path) else { continue };
        for (group, rule) in document.file.groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule))) {
            let name = rule.alert.as_deref().or(rule.record.as_deref()).unwrap_or_default();
            let place = format!("{}: warning: group \"{}\", rule \"{name}\"", path.display(), group.name);
            let remarks = remarks_on_rule(group, rule, interval_ms);
            lines.extend(remarks.into_iter().map(|remark| format!("{place}: {remark}")));
        }
    }
    lines
}

fn remarks_on_rule(group: &RuleGroupEntry, rule: &RuleEntry, default_interval_ms: i64) -> Vec<String> {
    let text = rule.expr.as_deref().unwrap_or_default();
    let of_expression = cepmon_query::parse(text).map(|expr| lint(&expr, &NoMetrics)).unwrap_or_default();
    let mut remarks: Vec<String> = of_expression.iter().map(|remark| format!("{} ({})", remark.message, remark.place(text))).collect();
    let milliseconds = |duration: &Option<String>| {
        let duration = parse_duration(duration.as_deref()?).ok()?;
        i64::try_from(duration.as_millis()).ok()
    };
    if let Some(hold_for) = milliseconds(&rule.hold_for) {
        remarks.extend(lint_hold(hold_for, milliseconds(&group.interval).unwrap_or(default_interval_ms)));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use cepmon_query::{Engine, MemorySource};

    use super::*;

    /// Rules that others wrote, which are not part of this repository.
    #[test]
    fn every_rule_of_others_has_an_answer() {
        let Some(folder) = std::env::var_os("CEPMON_CONFORMANCE").map(PathBuf::from) else {
            eprintln!("skipped: CEPMON_CONFORMANCE names no folder");
            return;
        };
        let mut expressions = 0;
        let files = ["rules_awesome/*.yml", "prometheus/rules/rules.yml", "prometheus/rules/*-*.yml", "prometheus/rules/test.yaml"];
        for path in files.iter().flat_map(|glob| matching_files(&folder.join(glob).to_string_lossy())) {
            // Files that are wrong on purpose.
            let is_bad = path.file_name().is_some_and(|name| name.to_string_lossy().contains("bad"));
            let Ok(document) = load_document::<RuleFile>(&path) else {
                assert!(is_bad, "{}", path.display());
                continue;
            };
            for rule in document.file.groups.iter().flat_map(|group| &group.rules).filter(|_| !is_bad) {
                let text = rule.expr.as_deref().unwrap_or_default();
                let expr = cepmon_query::parse(text).unwrap_or_else(|error| panic!("{}: {text}: {error}", path.display()));
                Engine::default().instant(&MemorySource::default(), &expr, 0).unwrap_or_else(|error| panic!("{text}: {error}"));
                lint(&expr, &NoMetrics);
                expressions += 1;
            }
        }
        assert!(expressions > 400, "only {expressions}");
    }
}
