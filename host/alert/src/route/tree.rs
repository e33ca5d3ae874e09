//! The route tree and the walk down it (Alertmanager 0.26, `dispatch.Route`).

use std::collections::BTreeSet;

use cepmon_model::{LabelSet, Matcher};

/// Which labels make a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// Every label: each alert is its own group.
    All,
    /// These.
    Labels(BTreeSet<String>),
}

/// A node with everything that it inherits filled in.
#[derive(Debug, Clone)]
pub struct Route {
    /// Where it stands: `{}` for the root, then `/{matchers}` for each level.
    pub key: String,
    /// Who is notified.
    pub receiver: String,
    /// Which labels make a group.
    pub group_by: GroupBy,
    /// How long a new group waits for more alerts, milliseconds.
    pub group_wait_ms: i64,
    /// How long a group waits before it tells of changes, milliseconds.
    pub group_interval_ms: i64,
    /// How long before an unchanged group is told again, milliseconds.
    pub repeat_interval_ms: i64,
    /// Names of times in which nothing is sent.
    pub mute_time_intervals: Vec<String>,
    /// Names of times outside which nothing is sent; empty = always.
    pub active_time_intervals: Vec<String>,
    /// Which alerts it takes.
    pub(crate) matchers: Vec<Matcher>,
    /// Whether later siblings are tried too.
    pub(crate) is_continue: bool,
    /// Indexes of its children.
    pub(crate) children: Vec<usize>,
}

/// All routes. The first is the root, which takes every alert that no child takes.
#[derive(Debug, Clone, Default)]
pub struct RouteTree {
    pub(crate) routes: Vec<Route>,
}

impl RouteTree {
    /// The routes that an alert reaches, in order. Only a tree that failed its check reaches none.
    pub fn matching(&self, labels: &LabelSet) -> Vec<&Route> {
        let mut found = Vec::new();
        if !self.routes.is_empty() {
            self.walk(0, labels, &mut found);
        }
        found.into_iter().map(|index| &self.routes[index]).collect()
    }

    /// All routes, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// Depth is bounded by the file's nesting, which the YAML reader limits.
    fn walk(&self, index: usize, labels: &LabelSet, found: &mut Vec<usize>) {
        let route = &self.routes[index];
        if !route.matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default())) {
            return;
        }
        let before = found.len();
        for child in &route.children {
            let found_before = found.len();
            self.walk(*child, labels, found);
            if found.len() > found_before && !self.routes[*child].is_continue {
                break;
            }
        }
        if found.len() == before {
            found.push(index);
        }
    }
}
