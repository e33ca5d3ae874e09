//! Inhibition: while a source alert fires, target alerts that share some labels with it are not told of (Alertmanager 0.26).

use std::collections::HashMap;

use cepmon_model::{LabelSet, Matcher};

use crate::Problem;
use crate::config::InhibitRuleEntry;
use crate::route::check_matchers;

/// One rule of `inhibit_rules`.
#[derive(Debug, Clone)]
pub struct Inhibition {
    source: Vec<Matcher>,
    target: Vec<Matcher>,
    equal: Vec<String>,
}

impl Inhibition {
    /// The rule behind an entry, if it has no mistakes.
    pub(crate) fn check(entry: &InhibitRuleEntry, path: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let source = check_matchers(
            entry.source_match.as_ref(),
            entry.source_match_re.as_ref(),
            entry.source_matchers.as_deref(),
            path,
            ["source_match", "source_match_re", "source_matchers"],
            problems,
        );
        let target = check_matchers(
            entry.target_match.as_ref(),
            entry.target_match_re.as_ref(),
            entry.target_matchers.as_deref(),
            path,
            ["target_match", "target_match_re", "target_matchers"],
            problems,
        );
        (problems.len() == before).then(|| Self { source, target, equal: entry.equal.clone() })
    }

    fn shared<'a>(&self, labels: &'a LabelSet) -> Vec<Option<&'a str>> {
        self.equal.iter().map(|name| labels.get(name)).collect()
    }
}

/// The firing alerts that can mute others, by the labels that source and target share: looking one alert up does not depend on how
/// many fire.
#[derive(Debug)]
pub struct Sources<'a> {
    rules: Vec<(&'a Inhibition, SharedLabels<'a>)>,
}

/// Values of the shared labels, and whether a source with them is no target itself.
type SharedLabels<'a> = HashMap<Vec<Option<&'a str>>, bool>;

impl<'a> Sources<'a> {
    /// Sorts the firing alerts by what they can mute.
    pub fn of(inhibitions: &'a [Inhibition], firing: impl Iterator<Item = &'a LabelSet> + Clone) -> Self {
        let index = |inhibition: &'a Inhibition| {
            let mut shared = SharedLabels::new();
            for labels in firing.clone().filter(|labels| matches_all(&inhibition.source, labels)) {
                *shared.entry(inhibition.shared(labels)).or_default() |= !matches_all(&inhibition.target, labels);
            }
            (inhibition, shared)
        };
        Self { rules: inhibitions.iter().map(index).collect() }
    }

    /// Whether an alert with these labels is muted. An alert that is source and target at once is not muted by another such alert,
    /// else two of them would mute each other.
    pub fn mute(&self, labels: &LabelSet) -> bool {
        self.rules.iter().any(|(inhibition, shared)| {
            matches_all(&inhibition.target, labels)
                && match shared.get(&inhibition.shared(labels)) {
                    Some(has_pure_source) => *has_pure_source || !matches_all(&inhibition.source, labels),
                    None => false,
                }
        })
    }
}

fn matches_all(matchers: &[Matcher], labels: &LabelSet) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(source: &str, target: &str) -> Inhibition {
        let entry = InhibitRuleEntry {
            source_matchers: Some(vec![source.to_owned()]),
            target_matchers: Some(vec![target.to_owned()]),
            equal: vec!["host".to_owned()],
            ..InhibitRuleEntry::default()
        };
        Inhibition::check(&entry, "inhibit_rules[0]", &mut Vec::new()).unwrap()
    }

    fn labels(text: &[(&str, &str)]) -> LabelSet {
        LabelSet::from_pairs(text.iter().copied())
    }

    #[test]
    fn a_source_mutes_targets_of_its_own_host_only() {
        let rules = [rule("alertname=HostDown", "severity=warning")];
        let firing = [labels(&[("alertname", "HostDown"), ("host", "a")])];
        let sources = Sources::of(&rules, firing.iter());
        assert!(sources.mute(&labels(&[("alertname", "Slow"), ("severity", "warning"), ("host", "a")])));
        assert!(!sources.mute(&labels(&[("alertname", "Slow"), ("severity", "warning"), ("host", "b")])));
        assert!(!sources.mute(&labels(&[("alertname", "Slow"), ("severity", "critical"), ("host", "a")])));
    }

    #[test]
    fn an_alert_does_not_mute_its_like() {
        let rules = [rule("severity=~\"warning|critical\"", "severity=warning")];
        let warning = labels(&[("severity", "warning"), ("host", "a")]);
        let critical = labels(&[("severity", "critical"), ("host", "a")]);
        assert!(!Sources::of(&rules, [&warning].into_iter()).mute(&warning));
        assert!(Sources::of(&rules, [&warning, &critical].into_iter()).mute(&warning));
    }
}
