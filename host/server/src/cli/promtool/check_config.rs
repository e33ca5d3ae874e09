//! `promtool check config`: a configuration as the server reads it, then the rule files that it names.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::check_rules::{Checked, check_files};
use super::{LintArgs, complain, missing_file};
use crate::cli::output::Output;
use crate::config;
use crate::glob::matching_files;

/// Options of `promtool check config`.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// The config files to check
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only check the config file syntax, ignoring file and content validation referenced in the config
    #[arg(long)]
    syntax_only: bool,
    /// Check config file for Prometheus in Agent mode: no rules, no alerting
    #[arg(long)]
    agent: bool,
    #[command(flatten)]
    lint: LintArgs,
}

pub(super) fn run(args: &ConfigArgs, output: &mut Output) -> anyhow::Result<u8> {
    if let Some(code) = missing_file(&args.files) {
        return Ok(code);
    }
    args.lint.warn(output)?;
    let mut checked = Checked::default();
    for file in &args.files {
        writeln!(output, "Checking {}", file.display())?;
        output.flush()?;
        let rule_files = match rule_files(file, args) {
            Ok(rule_files) => {
                if !rule_files.is_empty() {
                    writeln!(output, "  SUCCESS: {} rule files found", rule_files.len())?;
                }
                writeln!(output, " SUCCESS: {} is valid prometheus config file syntax", file.display())?;
                rule_files
            }
            Err(problem) => {
                checked.has_errors = true;
                complain(&format!("  FAILED: {problem}"));
                Vec::new()
            }
        };
        writeln!(output)?;
        let rules = check_files(&rule_files, &args.lint, output)?;
        checked = Checked { has_errors: checked.has_errors || rules.has_errors, has_lint: checked.has_lint || rules.has_lint };
    }
    Ok(checked.code(&args.lint))
}

/// The rule files of a configuration without mistakes.
fn rule_files(file: &Path, args: &ConfigArgs) -> Result<Vec<PathBuf>, String> {
    let config = config::load(Some(file)).map_err(|errors| format!("parsing YAML file {}: {errors}", file.display()))?.file;
    if args.agent && !config.rule_files.is_empty() {
        return Err("field rule_files is not allowed in agent mode".to_owned());
    }
    let mut found = Vec::new();
    if args.syntax_only {
        return Ok(found);
    }
    for pattern in &config.rule_files {
        let files = matching_files(&pattern.to_string_lossy());
        if files.is_empty() && !pattern.to_string_lossy().contains('*') {
            return Err(format!("{:?} does not point to an existing file", pattern.display().to_string()));
        }
        found.extend(files);
    }
    Ok(found)
}
