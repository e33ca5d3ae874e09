//! Rules of one file that have the same name and labels: they write the same series, and one result is lost.

use std::collections::BTreeMap;

use cepmon_alert::rule::RuleFile;

/// A rule that is there more than once: its name and labels.
type Duplicate = (String, BTreeMap<String, String>);

/// The duplicates, sorted, each once.
fn duplicates(file: &RuleFile) -> Vec<Duplicate> {
    let rules = file.groups.iter().flat_map(|group| &group.rules);
    let name = |alert: Option<String>, record: Option<String>| alert.filter(|name| !name.is_empty()).or(record).unwrap_or_default();
    let mut names: Vec<Duplicate> =
        rules.map(|rule| (name(rule.alert.clone(), rule.record.clone()), rule.labels.clone().unwrap_or_default())).collect();
    names.sort();
    let mut duplicates: Vec<Duplicate> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
    duplicates.dedup();
    duplicates
}

/// promtool's text about them, if there are any.
pub(super) fn duplicate_rules(file: &RuleFile) -> Option<String> {
    let duplicates = duplicates(file);
    if duplicates.is_empty() {
        return None;
    }
    let mut text = format!("lint error {} duplicate rule(s) found.\n", duplicates.len());
    for (name, labels) in &duplicates {
        text.push_str(&format!("Metric: {name}\nLabel(s):\n"));
        labels.iter().for_each(|(name, value)| text.push_str(&format!("\t{name}: {value}\n")));
    }
    text.push_str("Might cause inconsistency while recording expressions");
    Some(text)
}
