//! `promtool test rules`: unit tests of rules, in virtual time, over the same rule groups and the same engine that a server runs.

mod file;
mod junit;
mod report;
mod run;
mod world;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use regex::Regex;

use super::{FAILURE, SUCCESS, complain, missing_file};
use crate::cli::output::Output;
use crate::glob::matching_files;
use file::UnitTestFile;
use junit::Junit;
use run::Suite;

/// What `promtool test` takes.
#[derive(Debug, Subcommand)]
pub(super) enum TestCommand {
    /// Unit tests for rules
    Rules(TestArgs),
}

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// The unit test files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Only run test groups whose names match this regular expression; may be given more than once
    #[arg(long, value_name = "REGEX")]
    run: Vec<String>,
    /// Print what differs between expected and received output in colours
    #[arg(long)]
    diff: bool,
    /// Write the results as JUnit XML to this file, too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Ignore unknown fields in the rule files
    #[arg(long)]
    ignore_unknown_fields: bool,
}

pub(super) fn run(command: &TestCommand, output: &mut Output) -> anyhow::Result<u8> {
    let TestCommand::Rules(args) = command;
    if let Some(code) = missing_file(&args.files) {
        return Ok(code);
    }
    let names: Vec<Regex> = args
        .run
        .iter()
        .map(|pattern| Regex::new(pattern).with_context(|| format!("cannot use --run \"{pattern}\"")))
        .collect::<Result<_, _>>()?;
    let mut has_failed = false;
    let mut junit = Junit::default();
    for path in &args.files {
        writeln!(output, "Unit Testing:  {}", path.display())?;
        output.flush()?;
        let problems = test_file(path, args, &names, &mut junit);
        if problems.is_empty() {
            writeln!(output, "  SUCCESS")?;
        } else {
            has_failed = true;
            complain("  FAILED:");
            for problem in &problems {
                complain(problem);
                writeln!(output)?;
            }
        }
        writeln!(output)?;
    }
    if let Some(path) = &args.junit {
        junit.write(path).with_context(|| format!("cannot write \"{}\"", path.display()))?;
    }
    Ok(if has_failed { FAILURE } else { SUCCESS })
}

/// What is wrong with a file's tests, of all groups or of those that are named.
#[cfg(test)]
pub(super) fn test_one(path: &Path, names: &[Regex], ignores_unknown: bool) -> Vec<String> {
    let args = TestArgs { files: Vec::new(), run: Vec::new(), diff: false, junit: None, ignore_unknown_fields: ignores_unknown };
    test_file(path, &args, names, &mut Junit::default())
}

/// What is wrong with a file's tests, in order; nothing if they pass.
fn test_file(path: &Path, args: &TestArgs, names: &[Regex], junit: &mut Junit) -> Vec<String> {
    let file = match UnitTestFile::read(path) {
        Ok(file) => file,
        Err(problem) => {
            junit.abort(path, &problem);
            return vec![problem];
        }
    };
    let base_dir = path.parent().unwrap_or(Path::new(""));
    let mut rule_files = Vec::new();
    for pattern in &file.rule_files {
        let found = matching_files(&base_dir.join(pattern).to_string_lossy());
        if found.is_empty() {
            complain(&format!("  WARNING: no file match pattern {}", base_dir.join(pattern).display()));
        }
        rule_files.extend(found);
    }
    let suite = Suite { file: &file, rule_files: &rule_files, ignores_unknown: args.ignore_unknown_fields, shows_diff: args.diff };
    let mut problems = Vec::new();
    for (index, group) in file.tests.iter().enumerate() {
        if !names.is_empty() && !names.iter().any(|name| name.is_match(&group.name)) {
            continue;
        }
        let found = suite.test(group);
        junit.group(path, index, &group.name, &found);
        problems.extend(found);
    }
    problems
}
