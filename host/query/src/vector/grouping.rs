//! Which labels count: for groups, for matching, for results.

use std::sync::Arc;

use cepmon_model::{LabelSet, METRIC_NAME};

/// A choice of labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// These only: `by (…)`, `on (…)`.
    By(Vec<String>),
    /// All but these and the metric's name: `without (…)`, `ignoring (…)`.
    Without(Vec<String>),
}

impl Default for Grouping {
    fn default() -> Self {
        Self::By(Vec::new())
    }
}

impl Grouping {
    /// The labels that count.
    pub(crate) fn project(&self, labels: &LabelSet) -> LabelSet {
        let is_listed = |names: &[String], name: &str| names.iter().any(|listed| listed == name);
        match self {
            Self::By(names) => LabelSet::from_sorted(labels.iter().filter(|(name, _)| is_listed(names, name))),
            Self::Without(names) => {
                LabelSet::from_sorted(labels.iter().filter(|(name, _)| *name != METRIC_NAME && !is_listed(names, name)))
            }
        }
    }
}

/// Labels that say what a series' values are, and not where they come from.
pub(crate) const DESCRIBING: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

/// The labels without the metric's name, type and unit.
pub(crate) fn without_name(labels: &Arc<LabelSet>) -> Arc<LabelSet> {
    if DESCRIBING.iter().all(|name| labels.get(name).is_none()) {
        return Arc::clone(labels);
    }
    Arc::new(LabelSet::from_sorted(labels.iter().filter(|(name, _)| !DESCRIBING.contains(name))))
}
