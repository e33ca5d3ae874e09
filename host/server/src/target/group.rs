//! Targets that share labels, as every kind of discovery gives them.

use std::collections::BTreeMap;

use cepmon_model::LabelSet;
use serde::Deserialize;

/// The label that holds a target's address until rules have run.
pub(crate) const ADDRESS: &str = "__address__";

/// Some targets with what they have in common.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TargetGroup {
    /// Where it comes from; a new group of the same source replaces the old one.
    pub(crate) source: String,
    /// Labels of all its targets.
    pub(crate) labels: LabelSet,
    /// Labels of each target, its address among them.
    pub(crate) targets: Vec<LabelSet>,
}

/// A group in a file or in the answer of a web service.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WrittenGroup {
    /// Addresses.
    pub(crate) targets: Vec<String>,
    /// Labels of all of them.
    pub(crate) labels: BTreeMap<String, String>,
}

impl TargetGroup {
    /// A group of addresses.
    pub(crate) fn new<'a>(source: String, addresses: impl Iterator<Item = &'a str>, labels: LabelSet) -> Self {
        let targets = addresses.map(|address| LabelSet::from_pairs([(ADDRESS, address)])).collect();
        Self { source, labels, targets }
    }
}

impl WrittenGroup {
    /// The group, with one more label that says where it was found.
    pub(crate) fn into_group(self, source: String, meta: (&str, &str)) -> TargetGroup {
        let labels = LabelSet::from_pairs(self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([meta]));
        TargetGroup::new(source, self.targets.iter().map(String::as_str), labels)
    }
}
