//! `promtool`, as `cepmon promtool` or by that name: the commands of Prometheus's tool with its words and exit codes (2.48, and what 3.x
//! added), over cepmon's own parts. `tsdb` reads cepmon's data directories and Prometheus's.

mod check_config;
mod check_metrics;
mod check_rules;
mod check_server;
mod check_service_discovery;
mod check_web_config;
#[cfg(test)]
mod conformance;
mod duplicate_rule;
mod exposition;
mod go_text;
mod label_matchers;
mod promlint;
mod push;
mod query;
mod query_answer;
mod test_rules;
mod tsdb;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::output::{Output, is_closed_output};
use super::prometheus::version;

/// Fine.
const SUCCESS: u8 = 0;
/// Something failed, or the command line is wrong.
const FAILURE: u8 = 1;
/// `--lint-fatal`, or a problem that `check metrics` found.
const LINT: u8 = 3;

/// Tooling for the Prometheus monitoring system, by cepmon.
#[derive(Debug, Parser)]
#[command(name = "promtool", disable_help_subcommand = true, max_term_width = 110)]
struct Promtool {
    /// Enable experimental commands
    #[arg(long, global = true)]
    experimental: bool,
    /// Comma separated feature names; all of them are always on
    #[arg(long = "enable-feature", global = true, value_name = "FEATURES")]
    features: Vec<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the resources for validity
    #[command(subcommand)]
    Check(CheckCommand),
    /// Run a query against a Prometheus server
    Query(query::QueryArgs),
    /// Push to a Prometheus server
    #[command(subcommand)]
    Push(push::PushCommand),
    /// Unit testing
    #[command(subcommand)]
    Test(test_rules::TestCommand),
    /// Look at data directories, of cepmon or of Prometheus
    #[command(subcommand)]
    Tsdb(tsdb::TsdbCommand),
    /// PromQL formatting and editing
    #[command(subcommand)]
    Promql(label_matchers::PromqlCommand),
}

#[derive(Debug, Subcommand)]
enum CheckCommand {
    /// Check if the config files are valid or not
    Config(check_config::ConfigArgs),
    /// Check if the web config files are valid or not
    WebConfig(check_web_config::WebConfigArgs),
    /// Check if the rule files are valid or not
    Rules(check_rules::RulesArgs),
    /// Pass Prometheus metrics over stdin to lint them for consistency and correctness
    Metrics(check_metrics::MetricsArgs),
    /// Perform service discovery for the given job name and report the results, including relabeling
    ServiceDiscovery(check_service_discovery::DiscoveryArgs),
    /// Check if the server is healthy
    Healthy(check_server::ServerArgs),
    /// Check if the server is ready
    Ready(check_server::ServerArgs),
}

/// `--lint` and `--lint-fatal`.
#[derive(Debug, Clone, Args)]
struct LintArgs {
    /// Linting checks to apply: all, duplicate-rules, none
    #[arg(long, value_name = "CHECKS", default_value = "duplicate-rules")]
    lint: String,
    /// Make lint errors exit with exit code 3
    #[arg(long)]
    lint_fatal: bool,
    /// Ignore unknown fields in the rule groups
    #[arg(long)]
    ignore_unknown_fields: bool,
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Promql,
    Json,
}

/// Runs a command line without the program's name.
pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = std::iter::once(OsString::from("promtool")).chain(arguments).collect();
    if arguments.get(1).is_some_and(|argument| argument == "--version") {
        io::stdout().write_all(version("promtool").as_bytes()).ok();
        return ExitCode::from(SUCCESS);
    }
    let promtool = match Promtool::try_parse_from(arguments) {
        Ok(promtool) => promtool,
        Err(error) => {
            // Help and the version are no mistakes; kingpin ends with 1 where clap ends with 2.
            let is_mistake = error.use_stderr();
            error.print().ok();
            return ExitCode::from(if is_mistake { FAILURE } else { SUCCESS });
        }
    };
    let mut output = Output::stdout();
    let code = run(promtool, &mut output).and_then(|code| {
        output.flush()?;
        Ok(code)
    });
    match code {
        Ok(code) => ExitCode::from(code),
        Err(error) if is_closed_output(&error) => ExitCode::from(SUCCESS),
        Err(error) => {
            output.flush().ok();
            complain(&format!("{error:#}"));
            ExitCode::from(FAILURE)
        }
    }
}

fn run(promtool: Promtool, output: &mut Output) -> anyhow::Result<u8> {
    match promtool.command {
        Command::Check(CheckCommand::Config(args)) => check_config::run(&args, output),
        Command::Check(CheckCommand::WebConfig(args)) => Ok(check_web_config::run(&args)),
        Command::Check(CheckCommand::Rules(args)) => check_rules::run(&args, output),
        Command::Check(CheckCommand::Metrics(args)) => check_metrics::run(&args, output),
        Command::Check(CheckCommand::ServiceDiscovery(args)) => check_service_discovery::run(&args, output),
        Command::Check(CheckCommand::Healthy(args)) => check_server::run(&args, "/-/healthy"),
        Command::Check(CheckCommand::Ready(args)) => check_server::run(&args, "/-/ready"),
        Command::Query(args) => query::run(&args, output),
        Command::Push(command) => push::run(&command, output),
        Command::Test(command) => test_rules::run(&command, output),
        Command::Tsdb(command) => tsdb::run(&command, output),
        Command::Promql(_) if !promtool.experimental => {
            complain("This command is experimental and requires the --experimental flag to be set.");
            Ok(FAILURE)
        }
        Command::Promql(command) => label_matchers::run(&command, output),
    }
}

/// A line on standard error.
fn complain(line: &str) {
    // Whoever closed standard error does not want to know either.
    writeln!(io::stderr(), "{line}").ok();
}

/// The files of a command line; one that is not there is a mistake of it, in kingpin's words.
fn missing_file(files: &[PathBuf]) -> Option<u8> {
    let missing = files.iter().find(|file| !file.is_file())?;
    complain(&format!("promtool: error: path '{}' does not exist, try --help", missing.display()));
    Some(FAILURE)
}
