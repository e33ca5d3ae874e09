//! `cepmon check`: reads configuration files as `serve` would, rules, routes and plugin settings included, and starts nothing.

use std::io::Write;
use std::path::{Path, PathBuf};

use cepmon_alert::{BoxError, Evaluate, VectorSample};
use cepmon_model::TimestampMs;
use cepmon_plugin::{Limits, Options, PluginHost};
use clap::Args;

use super::Failure;
use super::compile::THIS_PROGRAM;
use super::remark::remarks_on_rules;
use super::serve::{DEFAULT_PLUGINS_DIR, default_bundled_plugins_dir, default_cache_dir};
use crate::alerting::check_rule_expression;
use crate::config::{self, ConfigErrors};
use crate::prepare::prepare;

/// Options of `cepmon check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Configuration files as `serve --config` takes them; the rule, Alertmanager and log files that they name are checked too
    #[arg(value_name = "FILE", default_value = "cepmon.yml")]
    files: Vec<PathBuf>,
    /// Plugins that you installed [default: plugins.dir of the configuration, else "plugins"]
    #[arg(long, value_name = "DIR", env = "CEPMON_PLUGINS_DIR")]
    plugins_dir: Option<PathBuf>,
    /// Plugins that came with cepmon [default: the folder "plugins" beside the folder of this program]
    #[arg(long, value_name = "DIR", env = "CEPMON_BUNDLED_PLUGINS_DIR")]
    bundled_plugins_dir: Option<PathBuf>,
    /// Where compiled plugins are cached [default: $XDG_CACHE_HOME/cepmon, ~/.cache/cepmon or the system's temporary folder]
    #[arg(long, value_name = "DIR", env = "CEPMON_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
}

pub(crate) fn run(args: &CheckArgs, output: &mut impl Write) -> Result<(), Failure> {
    let mut errors = ConfigErrors(Vec::new());
    for file in &args.files {
        match check_file(args, file)? {
            Ok((summary, remarks)) => {
                writeln!(output, "{}: fine: {summary}", file.display())?;
                remarks.iter().try_for_each(|remark| writeln!(output, "{remark}"))?;
            }
            Err(ConfigErrors(mut found)) => errors.0.append(&mut found),
        }
    }
    output.flush()?;
    if errors.0.is_empty() { Ok(()) } else { Err(Failure::usage(errors)) }
}

/// What stands in a file, and remarks on it.
fn check_file(args: &CheckArgs, file: &Path) -> Result<Result<(String, Vec<String>), ConfigErrors>, Failure> {
    let config = match config::load(Some(file)) {
        Ok(document) => document.file,
        Err(errors) => return Ok(Err(errors)),
    };
    let plugins_dir = args.plugins_dir.clone().or(config.plugins_dir).unwrap_or_else(|| PathBuf::from(DEFAULT_PLUGINS_DIR));
    let plugins = PluginHost::open(Options {
        plugins_dir,
        bundled_dir: args.bundled_plugins_dir.clone().or_else(default_bundled_plugins_dir),
        cache_dir: args.cache_dir.clone().unwrap_or_else(default_cache_dir),
        compiler: Some(PathBuf::from(THIS_PROGRAM)),
        host_name: String::new(),
        external_labels: Vec::new(),
        limits: Limits::default(),
        overrides: Default::default(),
        state: std::sync::Arc::new(cepmon_plugin::NoState),
    })?;
    Ok(prepare(Some(file), &plugins, &SyntaxOnly).map(|prepared| {
        let in_groups = |job: &config::Job| job.groups.iter().map(|group| group.targets.len()).sum::<usize>();
        let targets: usize = prepared.config.jobs.iter().map(|job| in_groups(job) + usize::from(job.is_of_this_host)).sum();
        let counts = [
            (prepared.config.jobs.len(), "job"),
            (targets, "target"),
            (prepared.config.rule_files.len(), "rule file"),
            (prepared.config.log_sources.len(), "log source"),
        ];
        let words = counts.map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }));
        let warnings = prepared.warnings.iter().map(|warning| format!("warning: {warning}"));
        (words.join(", "), warnings.chain(remarks_on_rules(&prepared.config)).collect())
    }))
}

/// Rules are read, but there is no data to evaluate them over.
#[derive(Debug)]
pub(super) struct SyntaxOnly;

impl Evaluate for SyntaxOnly {
    fn check(&self, expr: &str) -> Result<(), BoxError> {
        check_rule_expression(expr)
    }

    fn instant(&self, _: &str, _: TimestampMs) -> Result<Vec<VectorSample>, BoxError> {
        Err("a check evaluates nothing".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dir: &Path, text: &str) -> (String, Result<(), String>) {
        let file = dir.join("cepmon.yml");
        std::fs::write(&file, text).unwrap();
        let plugins_dir = Some(dir.join("plugins"));
        let args =
            CheckArgs { files: vec![file], bundled_plugins_dir: plugins_dir.clone(), plugins_dir, cache_dir: Some(dir.join("cache")) };
        let mut output = Vec::new();
        let outcome = run(&args, &mut output).map_err(|failure| match failure {
            Failure::Usage(error) => format!("{error:#}"),
            Failure::Failed(error) => panic!("a bad file is bad configuration: {error:#}"),
        });
        (String::from_utf8(output).unwrap(), outcome)
    }

    #[test]
    fn a_good_file_is_summed_up() {
        let dir = tempfile::tempdir().unwrap();
        let (output, outcome) = check(dir.path(), "global: {scrape_interval: 15s}\n");
        assert_eq!(outcome, Ok(()));
        assert!(output.ends_with("cepmon.yml: fine: 0 jobs, 0 targets, 0 rule files, 0 log sources\n"), "{output}");
    }

    #[test]
    fn rules_that_are_hardly_meant_are_remarked_on() {
        let dir = tempfile::tempdir().unwrap();
        let rules = r#"groups: [{name: web, interval: 1m, rules: [
            {alert: Errors, for: 10s, expr: 'rate(a_total{code="500"}[5m]) / rate(a_total[5m]) > 0.1'},
            {alert: Fine, for: 5m, expr: 'sum(rate(a_total[5m])) > 1'}]}]"#;
        std::fs::write(dir.path().join("rules.yml"), rules).unwrap();
        let (output, outcome) = check(dir.path(), "rule_files: [rules.yml]\n");
        assert_eq!(outcome, Ok(()));
        let lines: Vec<&str> = output.lines().skip(1).collect();
        assert_eq!(lines.len(), 2, "{output}");
        assert!(lines[0].contains(r#"rules.yml: warning: group "web", rule "Errors": each series is divided by itself"#), "{output}");
        assert!(lines[0].ends_with("sum(rate(a_total{code=\"500\"}[5m])) / sum(rate(a_total[5m])) (1:1)"), "{output}");
        assert!(lines[1].contains("\"for: 10s\" is shorter than the interval of 1m"), "{output}");
    }

    #[test]
    fn a_mistake_is_bad_configuration_and_has_a_place() {
        let dir = tempfile::tempdir().unwrap();
        let (output, outcome) = check(dir.path(), "global:\n  scrape_intervall: 15s\n");
        assert_eq!(output, "");
        let message = outcome.unwrap_err();
        assert!(message.contains("cepmon.yml:2:") && message.contains("scrape_interval"), "{message}");
        let (_, outcome) = check(dir.path(), "scrape_configs: [{job_name: a, plugin: no-such}]\n");
        assert!(outcome.unwrap_err().contains("no-such"));
    }
}
