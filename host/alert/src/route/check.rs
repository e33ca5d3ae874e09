//! From the `route` of a file to a tree: inheritance, defaults and the rules of Alertmanager's `config` package.

use std::collections::HashSet;

use cepmon_model::{is_label_name, parse_duration};

use crate::Problem;
use crate::config::RouteEntry;
use crate::route::{GroupBy, Route, RouteTree, check_matchers, matchers_text};

/// Alertmanager's defaults (`dispatch.DefaultRouteOpts`).
const DEFAULT_GROUP_WAIT_MS: i64 = 30_000;
const DEFAULT_GROUP_INTERVAL_MS: i64 = 5 * 60_000;
const DEFAULT_REPEAT_INTERVAL_MS: i64 = 4 * 3_600_000;

/// The tree behind a root entry.
pub(crate) fn check_route(
    root: &RouteEntry,
    receivers: &HashSet<&str>,
    time_intervals: &HashSet<&str>,
    problems: &mut Vec<Problem>,
) -> RouteTree {
    let names = Names { receivers, time_intervals };
    if root.receiver.as_deref().unwrap_or_default().is_empty() {
        problems.push(Problem::new("route", "the root route needs a receiver: it takes what no other route takes"));
    }
    let has_conditions = root.equal.as_ref().is_some_and(|map| !map.is_empty())
        || root.match_re.as_ref().is_some_and(|map| !map.is_empty())
        || root.matchers.as_ref().is_some_and(|list| !list.is_empty());
    if has_conditions {
        problems.push(Problem::new("route", "the root route takes every alert and cannot have matchers; put them on a child"));
    }
    if root.is_continue {
        problems.push(Problem::new("route.continue", "the root route has no siblings to continue with"));
    }
    for (key, list) in [("mute_time_intervals", &root.mute_time_intervals), ("active_time_intervals", &root.active_time_intervals)] {
        if list.as_ref().is_some_and(|list| !list.is_empty()) {
            problems.push(Problem::new(format!("route.{key}"), "the root route cannot have time intervals; put them on a child"));
        }
    }
    let defaults = Route {
        key: String::new(),
        receiver: String::new(),
        group_by: GroupBy::Labels(Default::default()),
        group_wait_ms: DEFAULT_GROUP_WAIT_MS,
        group_interval_ms: DEFAULT_GROUP_INTERVAL_MS,
        repeat_interval_ms: DEFAULT_REPEAT_INTERVAL_MS,
        mute_time_intervals: Vec::new(),
        active_time_intervals: Vec::new(),
        matchers: Vec::new(),
        is_continue: false,
        children: Vec::new(),
    };
    let mut tree = RouteTree::default();
    add_route(root, &defaults, "route", &names, &mut tree, problems);
    tree
}

struct Names<'a> {
    receivers: &'a HashSet<&'a str>,
    time_intervals: &'a HashSet<&'a str>,
}

fn add_route(
    entry: &RouteEntry,
    parent: &Route,
    path: &str,
    names: &Names<'_>,
    tree: &mut RouteTree,
    problems: &mut Vec<Problem>,
) -> usize {
    let matchers = check_matchers(
        entry.equal.as_ref(),
        entry.match_re.as_ref(),
        entry.matchers.as_deref(),
        path,
        ["match", "match_re", "matchers"],
        problems,
    );
    let receiver = entry.receiver.clone().filter(|receiver| !receiver.is_empty());
    if let Some(receiver) = &receiver
        && !names.receivers.contains(receiver.as_str())
    {
        problems.push(Problem::new(
            format!("{path}.receiver"),
            format!("there is no receiver named \"{receiver}\"; define it under receivers"),
        ));
    }
    let mut interval_names = |list: &Option<Vec<String>>, key: &str| {
        let list = list.clone().unwrap_or_default();
        for name in list.iter().filter(|name| !names.time_intervals.contains(name.as_str())) {
            let message = format!("there is no time interval named \"{name}\"; define it under time_intervals");
            problems.push(Problem::new(format!("{path}.{key}"), message));
        }
        list
    };
    let mute_time_intervals = interval_names(&entry.mute_time_intervals, "mute_time_intervals");
    let active_time_intervals = interval_names(&entry.active_time_intervals, "active_time_intervals");
    let group_by = match &entry.group_by {
        None => parent.group_by.clone(),
        Some(labels) => check_group_by(labels, &format!("{path}.group_by"), problems),
    };
    let group_wait_ms = wait(entry.group_wait.as_deref(), parent.group_wait_ms, 0, &format!("{path}.group_wait"), problems);
    let group_interval_ms = wait(entry.group_interval.as_deref(), parent.group_interval_ms, 1, &format!("{path}.group_interval"), problems);
    let repeat_interval_ms =
        wait(entry.repeat_interval.as_deref(), parent.repeat_interval_ms, 1, &format!("{path}.repeat_interval"), problems);
    let own_key = matchers_text(&matchers);
    let route = Route {
        key: if parent.key.is_empty() { own_key } else { format!("{}/{own_key}", parent.key) },
        receiver: receiver.unwrap_or_else(|| parent.receiver.clone()),
        group_by,
        group_wait_ms,
        group_interval_ms,
        repeat_interval_ms,
        mute_time_intervals,
        active_time_intervals,
        matchers,
        is_continue: entry.is_continue,
        children: Vec::new(),
    };
    let index = tree.routes.len();
    tree.routes.push(route.clone());
    for (position, child) in entry.routes.iter().enumerate() {
        let child = add_route(child, &route, &format!("{path}.routes[{position}]"), names, tree, problems);
        tree.routes[index].children.push(child);
    }
    index
}

fn check_group_by(labels: &[String], path: &str, problems: &mut Vec<Problem>) -> GroupBy {
    let all = labels.iter().any(|label| label == "...");
    if all && labels.len() > 1 {
        problems.push(Problem::new(path, "\"...\" means all labels and stands alone"));
    }
    let mut names = std::collections::BTreeSet::new();
    for label in labels.iter().filter(|label| *label != "...") {
        if !is_label_name(label) {
            problems.push(Problem::new(path, format!("\"{label}\" is not a label name")));
        }
        if !names.insert(label.clone()) {
            problems.push(Problem::new(path, format!("the label \"{label}\" stands there twice")));
        }
    }
    if all { GroupBy::All } else { GroupBy::Labels(names) }
}

fn wait(text: Option<&str>, inherited: i64, least_ms: i64, path: &str, problems: &mut Vec<Problem>) -> i64 {
    match text.map(parse_duration) {
        None => inherited,
        Some(Ok(duration)) => {
            let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
            if milliseconds < least_ms {
                problems.push(Problem::new(path, "it must be more than zero"));
            }
            milliseconds
        }
        Some(Err(error)) => {
            problems.push(Problem::new(path, error));
            inherited
        }
    }
}
