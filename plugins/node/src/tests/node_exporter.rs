//! The same host seen by node_exporter: the same metric names, types, help texts and label names.
//!
//! Runs where `NODE_EXPORTER_SCRAPE` names a file with a scrape of it (`curl -s localhost:9100/metrics > scrape.txt`), and prints what
//! differs.

use std::collections::{BTreeMap, BTreeSet};

use cepmon_sdk::testing;

/// What node_exporter shows under these prefixes belongs to the collectors of this plugin.
const PREFIXES: [&str; 17] = [
    "node_cpu_core_",
    "node_cpu_guest_",
    "node_cpu_isolated",
    "node_cpu_package_",
    "node_cpu_seconds_",
    "node_disk_",
    "node_filesystem_",
    "node_load",
    "node_network_receive_",
    "node_network_transmit_",
    "node_boot_time_",
    "node_context_switches_",
    "node_forks_",
    "node_intr_",
    "node_procs_",
    "node_time_",
    "node_uname_",
];
/// Of other collectors, though their names begin alike.
const OTHERS: [&str; 2] = ["node_network_transmit_queue_length", "node_memory_numa_"];

#[derive(Debug, Default, PartialEq)]
struct Metric {
    kind: String,
    help: String,
    labels: BTreeSet<Vec<String>>,
}

#[test]
fn names_types_and_labels_are_those_of_node_exporter() {
    let Ok(path) = std::env::var("NODE_EXPORTER_SCRAPE") else {
        return;
    };
    let theirs = metrics(&std::fs::read_to_string(path).unwrap());
    let ours = metrics(&testing::collect(crate::collect, &testing::target("", "{}")).unwrap());
    let mut differences = Vec::new();
    for name in theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        match (theirs.get(name), ours.get(name)) {
            (Some(_), None) => differences.push(format!("{name}: only node_exporter has it")),
            (None, Some(_)) => differences.push(format!("{name}: only this plugin has it")),
            (theirs, ours) if theirs != ours => differences.push(format!("{name}:\n  {theirs:?}\n  {ours:?}")),
            _ => {}
        }
    }
    assert!(differences.is_empty(), "{} of {} metrics differ:\n{}", differences.len(), theirs.len(), differences.join("\n"));
}

fn metrics(exposition: &str) -> BTreeMap<String, Metric> {
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    for line in exposition.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            metrics.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            metrics.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            metrics.entry(name.to_owned()).or_default().labels.insert(label_names(line));
        }
    }
    let is_ours = |name: &str| {
        let is_memory = name.starts_with("node_memory_");
        (is_memory || PREFIXES.iter().any(|prefix| name.starts_with(prefix))) && !OTHERS.iter().any(|other| name.starts_with(other))
    };
    metrics.retain(|name, _| is_ours(name));
    metrics
}

/// The words before `="`, sorted.
fn label_names(line: &str) -> Vec<String> {
    let is_label = |byte: char| byte.is_ascii_alphanumeric() || byte == '_';
    let before = |at: usize| line[..at].rsplit(|byte| !is_label(byte)).next().unwrap_or_default().to_owned();
    let mut names: Vec<String> = line.match_indices("=\"").map(|(at, _)| before(at)).collect();
    names.sort();
    names
}
