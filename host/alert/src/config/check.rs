//! From `alertmanager.yml` to what the notifier runs on: names resolved, defaults filled in, all mistakes at once.

use std::collections::{HashMap, HashSet};

use cepmon_model::parse_duration;
use cepmon_template::{Dialect, Template};

use crate::Problem;
use crate::config::AlertmanagerFile;
use crate::config::receiver::{ReceiverConfig, check_receiver};
use crate::mute::{Inhibition, TimeInterval};
use crate::route::{RouteTree, check_route};

/// A template file, read by the host from a glob of `templates`.
#[derive(Debug, Clone)]
pub struct TemplateSource {
    /// Its path, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A checked `alertmanager.yml`.
#[derive(Debug)]
pub struct AlertmanagerConfig {
    /// When an alert that was pushed without an end is taken as resolved, milliseconds.
    pub resolve_timeout_ms: i64,
    /// The route tree.
    pub routes: RouteTree,
    /// Receivers by name.
    pub receivers: HashMap<String, ReceiverConfig>,
    /// Alerts that mute others.
    pub inhibitions: Vec<Inhibition>,
    /// Named times.
    pub time_intervals: HashMap<String, TimeInterval>,
}

/// Alertmanager's default of `resolve_timeout`.
const DEFAULT_RESOLVE_TIMEOUT_MS: i64 = 5 * 60 * 1000;

impl AlertmanagerFile {
    /// The configuration that the file means, or everything that is wrong with it. `templates` are the files behind the globs.
    pub fn check(&self, templates: &[TemplateSource]) -> Result<AlertmanagerConfig, Vec<Problem>> {
        let mut problems = Vec::new();
        let definitions = check_templates(templates, &mut problems);
        let time_intervals = self.check_time_intervals(&mut problems);
        let mut receivers = HashMap::new();
        for (index, entry) in self.receivers.iter().enumerate() {
            let path = format!("receivers[{index}]");
            if entry.name.is_empty() {
                problems.push(Problem::new(&path, "a receiver needs a name"));
            } else if receivers.contains_key(&entry.name) {
                problems.push(Problem::new(format!("{path}.name"), format!("the receiver name \"{}\" is taken", entry.name)));
            }
            receivers.insert(entry.name.clone(), check_receiver(entry, &self.global, &definitions, &path, &mut problems));
        }
        let names: HashSet<&str> = receivers.keys().map(String::as_str).collect();
        let interval_names: HashSet<&str> = time_intervals.keys().map(String::as_str).collect();
        let routes = match &self.route {
            Some(root) => check_route(root, &names, &interval_names, &mut problems),
            None => {
                problems.push(Problem::new("", "there is no route; add at least: route: {receiver: NAME}"));
                RouteTree::default()
            }
        };
        let mut inhibitions = Vec::new();
        for (index, entry) in self.inhibit_rules.iter().enumerate() {
            inhibitions.extend(Inhibition::check(entry, &format!("inhibit_rules[{index}]"), &mut problems));
        }
        let resolve_timeout_ms = match self.global.resolve_timeout.as_deref().map(parse_duration) {
            None => DEFAULT_RESOLVE_TIMEOUT_MS,
            Some(Ok(duration)) => i64::try_from(duration.as_millis()).unwrap_or(i64::MAX),
            Some(Err(error)) => {
                problems.push(Problem::new("global.resolve_timeout", error));
                DEFAULT_RESOLVE_TIMEOUT_MS
            }
        };
        if problems.is_empty() {
            Ok(AlertmanagerConfig { resolve_timeout_ms, routes, receivers, inhibitions, time_intervals })
        } else {
            Err(problems)
        }
    }

    fn check_time_intervals(&self, problems: &mut Vec<Problem>) -> HashMap<String, TimeInterval> {
        let mut checked = HashMap::new();
        for (key, entries) in [("time_intervals", &self.time_intervals), ("mute_time_intervals", &self.mute_time_intervals)] {
            for (index, entry) in entries.iter().enumerate() {
                let path = format!("{key}[{index}]");
                if entry.name.is_empty() {
                    problems.push(Problem::new(&path, "a time interval needs a name"));
                } else if checked.contains_key(&entry.name) {
                    problems.push(Problem::new(format!("{path}.name"), format!("the time interval \"{}\" is defined twice", entry.name)));
                }
                checked.insert(entry.name.clone(), TimeInterval::check(entry, &path, problems));
            }
        }
        checked
    }
}

/// The built-in definitions and those of the files; later ones win, as in Alertmanager.
fn check_templates(sources: &[TemplateSource], problems: &mut Vec<Problem>) -> Template {
    let mut definitions = crate::notify::default_templates();
    for source in sources {
        match Template::parse(&source.name, &source.text, Dialect::Alertmanager) {
            Ok(template) => definitions.define_all(&template),
            Err(error) => problems.push(Problem::new("templates", error)),
        }
    }
    definitions
}
