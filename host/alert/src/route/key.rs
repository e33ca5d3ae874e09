//! Names of routes and groups, spelled as Alertmanager spells them: they stand in notification logs, in SQL and in dedup keys.

use cepmon_model::{LabelSet, Matcher};

use crate::route::{GroupBy, Route};

/// `{a="b",c=~"d"}`
pub(crate) fn matchers_text(matchers: &[Matcher]) -> String {
    let parts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    format!("{{{}}}", parts.join(","))
}

/// The labels that make an alert's group under a route.
pub(crate) fn group_labels(route: &Route, labels: &LabelSet) -> LabelSet {
    match &route.group_by {
        GroupBy::All => labels.clone(),
        GroupBy::Labels(names) => LabelSet::from_pairs(names.iter().filter_map(|name| Some((name, labels.get(name)?)))),
    }
}
