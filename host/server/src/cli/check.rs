//! `cepmon check`: reads configuration files as `serve` would, rules, routes and plugin settings included, and starts nothing.

use std::io::Write;
use std::path::PathBuf;

use cepmon_alert::{BoxError, Evaluate, VectorSample};
use cepmon_model::TimestampMs;
use cepmon_plugin::{Limits, Options, PluginHost};
use clap::Args;

use super::Failure;
use super::output::Output;
use super::serve::{DEFAULT_PLUGINS_DIR, default_bundled_plugins_dir, default_cache_dir};
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
}

pub(crate) fn run(args: &CheckArgs, output: &mut Output) -> Result<(), Failure> {
    let mut errors = ConfigErrors(Vec::new());
    for file in &args.files {
        match check_file(args, file)? {
            Ok(summary) => writeln!(output, "{}: fine: {summary}", file.display())?,
            Err(ConfigErrors(mut found)) => errors.0.append(&mut found),
        }
    }
    output.flush()?;
    if errors.0.is_empty() { Ok(()) } else { Err(Failure::usage(errors)) }
}

fn check_file(args: &CheckArgs, file: &std::path::Path) -> Result<Result<String, ConfigErrors>, Failure> {
    let config = match config::load(Some(file)) {
        Ok(document) => document.file,
        Err(errors) => return Ok(Err(errors)),
    };
    let plugins_dir = args.plugins_dir.clone().or(config.plugins_dir).unwrap_or_else(|| PathBuf::from(DEFAULT_PLUGINS_DIR));
    let plugins = PluginHost::open(Options {
        plugins_dir,
        bundled_dir: args.bundled_plugins_dir.clone().or_else(default_bundled_plugins_dir),
        cache_dir: default_cache_dir(),
        host_name: String::new(),
        external_labels: Vec::new(),
        limits: Limits::default(),
    })?;
    Ok(prepare(Some(file), &plugins, &SyntaxOnly).map(|prepared| {
        let targets: usize = prepared.config.jobs.iter().map(|job| job.targets.len()).sum();
        let counts = [
            (prepared.config.jobs.len(), "job"),
            (targets, "target"),
            (prepared.config.rule_files.len(), "rule file"),
            (prepared.config.log_sources.len(), "log source"),
        ];
        let words = counts.map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }));
        words.join(", ")
    }))
}

/// Rules are read, but there is no data to evaluate them over.
#[derive(Debug)]
struct SyntaxOnly;

impl Evaluate for SyntaxOnly {
    fn check(&self, expr: &str) -> Result<(), BoxError> {
        cepmon_query::parse(expr)?;
        Ok(())
    }

    fn instant(&self, _: &str, _: TimestampMs) -> Result<Vec<VectorSample>, BoxError> {
        Err("a check evaluates nothing".into())
    }
}
