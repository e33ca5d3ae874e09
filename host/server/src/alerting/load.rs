//! Rule files and the Alertmanager file, read and checked: what the rule scheduler and the notifier are given.

use std::path::Path;

use cepmon_alert::config::{AlertmanagerConfig, AlertmanagerFile, TemplateSource};
use cepmon_alert::rule::{CheckOptions, GroupConfig, RuleFile, check_rule_file};
use cepmon_alert::{Evaluate, Problem};

use super::forward::Told;
use crate::config::{Config, ConfigErrors, FileProblems, load_document};
use crate::glob::matching_files;

/// Rules, routes and receivers that can run.
#[derive(Debug)]
pub(crate) struct AlertingConfig {
    /// Rule groups of all files.
    pub groups: Vec<GroupConfig>,
    /// Routes and receivers; none = alerts are kept and shown, and nobody is told.
    pub alertmanager: Option<AlertmanagerConfig>,
    /// What becomes of alerts before they are told, and who else is told.
    pub told: Told,
}

/// Reads all files that a configuration names; every mistake of every file is reported.
pub(crate) fn load_alerting(config: &Config, evaluate: &dyn Evaluate) -> Result<AlertingConfig, ConfigErrors> {
    let mut errors = Vec::new();
    let mut groups = Vec::new();
    for path in config.rule_files.iter().flat_map(|glob| matching_files(&glob.to_string_lossy())) {
        match load_rules(&path, config, evaluate) {
            Ok(more) => groups.extend(more),
            Err(problems) => errors.extend(problems.0),
        }
    }
    let alertmanager = config.alertmanager_file.as_deref().map(load_alertmanager).transpose();
    match alertmanager {
        Ok(alertmanager) if errors.is_empty() => {
            let told = Told { rules: config.alert_rules.clone(), others: config.other_alertmanagers.clone() };
            Ok(AlertingConfig { groups, alertmanager, told })
        }
        Ok(_) => Err(ConfigErrors(errors)),
        Err(problems) => Err(ConfigErrors(errors.into_iter().chain(problems.0).collect())),
    }
}

fn load_rules(path: &Path, config: &Config, evaluate: &dyn Evaluate) -> Result<Vec<GroupConfig>, ConfigErrors> {
    let document = load_document::<RuleFile>(path)?;
    let options = CheckOptions {
        file: path.display().to_string(),
        default_interval: config.evaluation_interval,
        default_query_offset: config.rule_query_offset,
    };
    check_rule_file(&document.file, &options, evaluate).map_err(|problems| ConfigErrors(vec![document.problems(pairs(problems))]))
}

fn load_alertmanager(path: &Path) -> Result<AlertmanagerConfig, ConfigErrors> {
    let document = load_document::<AlertmanagerFile>(path)?;
    let base_dir = path.parent().unwrap_or(Path::new(""));
    let mut templates = Vec::new();
    for path in document.file.templates.iter().flat_map(|glob| matching_files(&base_dir.join(glob).to_string_lossy())) {
        templates.push(read_template(&path)?);
    }
    document.file.check(&templates).map_err(|problems| ConfigErrors(vec![document.problems(pairs(problems))]))
}

fn read_template(path: &Path) -> Result<TemplateSource, ConfigErrors> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(TemplateSource { name: path.display().to_string(), text }),
        Err(error) => Err(ConfigErrors(vec![FileProblems::unreadable(path, &error)])),
    }
}

fn pairs(problems: Vec<Problem>) -> impl Iterator<Item = (String, String)> {
    problems.into_iter().map(|problem| (problem.path, problem.message))
}
