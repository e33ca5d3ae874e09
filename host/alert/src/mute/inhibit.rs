//! Inhibition: while a source alert fires, target alerts that share some labels with it are not told of (Alertmanager 0.26).

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

    /// Whether an alert with these labels is muted by one of the firing alerts. An alert that is source and target at once is not
    /// muted by another such alert, else two of them would mute each other.
    pub fn mutes<'a>(&self, labels: &LabelSet, firing: impl IntoIterator<Item = &'a LabelSet>) -> bool {
        if !matches_all(&self.target, labels) {
            return false;
        }
        let is_two_sided = matches_all(&self.source, labels);
        firing.into_iter().any(|source| {
            matches_all(&self.source, source)
                && self.equal.iter().all(|name| source.get(name) == labels.get(name))
                && !(is_two_sided && matches_all(&self.target, source))
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
        let rule = rule("alertname=HostDown", "severity=warning");
        let firing = [labels(&[("alertname", "HostDown"), ("host", "a")])];
        assert!(rule.mutes(&labels(&[("alertname", "Slow"), ("severity", "warning"), ("host", "a")]), &firing));
        assert!(!rule.mutes(&labels(&[("alertname", "Slow"), ("severity", "warning"), ("host", "b")]), &firing));
        assert!(!rule.mutes(&labels(&[("alertname", "Slow"), ("severity", "critical"), ("host", "a")]), &firing));
    }

    #[test]
    fn an_alert_does_not_mute_its_like() {
        let rule = rule("severity=~\"warning|critical\"", "severity=warning");
        let warning = labels(&[("severity", "warning"), ("host", "a")]);
        assert!(!rule.mutes(&warning, [&warning]));
        assert!(rule.mutes(&warning, [&labels(&[("severity", "critical"), ("host", "a")])]));
    }
}
