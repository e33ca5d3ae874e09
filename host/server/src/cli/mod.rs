//! The command line: what each command takes, what it prints and the code it ends with: 0 fine, 1 it failed, 2 bad usage or bad
//! configuration. The work is done by the parts that the commands call.

mod author;
mod at_risk;
mod remark;
mod audit;
mod backup;
mod bundle;
mod check;
mod compile;
mod delete;
mod folders;
mod http_client;
mod import;
mod install;
mod offline;
mod output;
mod plugin;
mod printable;
mod prometheus;
mod promql;
mod promtool;
mod serve;
mod set_aside;
mod sql;
mod supply;
mod time;
mod upgrade;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::overrides::Overrides;
pub(crate) use compile::THIS_PROGRAM;
use output::{Output, is_closed_output};
pub use serve::{DEFAULT_PLUGINS_DIR, LogFormat, ServeArgs};

/// One process that watches, stores, answers and alerts.
#[derive(Debug, Parser)]
#[command(
    name = "cepmon",
    version,
    max_term_width = 110,
    after_help = "Exit codes: 0 fine, 1 it failed, 2 bad usage or bad configuration."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: scrape, store, evaluate rules, deliver alerts, answer queries
    Serve(ServeArgs),
    /// Ask SQL of a running server, or of a data directory that no server uses
    Sql(sql::SqlArgs),
    /// Ask PromQL of a running server, or of a data directory that no server uses
    Promql(promql::PromqlArgs),
    /// Delete samples or log lines of a running server, by selector and time
    Delete(delete::DeleteArgs),
    /// Build, install, list and remove plugins, and say what they may do
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
    /// Save everything that a server has: metrics, logs, silences, plugins and grants
    Backup(backup::BackupArgs),
    /// Bring a backup back, list backups or check that one is whole
    Restore(backup::restore::RestoreArgs),
    /// Take over history of Prometheus: a data directory, an archive of one, OpenMetrics text
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Go on without a damaged block of data
    SetAside(set_aside::SetAsideArgs),
    /// Check configuration files without starting anything
    Check(check::CheckArgs),
    /// Prometheus's tool: check, query, test rules, tsdb, push
    #[command(disable_help_flag = true)]
    Promtool(PersonalityArgs),
    /// Run the server with the command line of Prometheus
    #[command(disable_help_flag = true)]
    Prometheus(PersonalityArgs),
}

/// The command line of another program, untouched.
#[derive(Debug, Args)]
struct PersonalityArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Why a command did not succeed, as far as the exit code tells.
#[derive(Debug)]
pub enum Failure {
    /// It was asked for well, but did not work: code 1.
    Failed(anyhow::Error),
    /// It was asked for wrongly, on the command line or in a configuration file: code 2.
    Usage(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Failure {
    /// Bad usage or bad configuration.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::Usage(error.into())
    }
}

/// Reads the command line, runs the command, prints what went wrong. `main` returns what this returns.
///
/// A link by the name of another program is that program: `ln -s cepmon promtool`.
pub fn run() -> ExitCode {
    let own_name = std::env::args_os().next().map(PathBuf::from);
    let arguments = || std::env::args_os().skip(1);
    match own_name.as_ref().and_then(|path| path.file_name()).and_then(OsStr::to_str) {
        Some("promtool") => return promtool::main(arguments()),
        Some("prometheus") => return prometheus::main(arguments()),
        _ => {}
    }
    let cli = Cli::parse();
    let mut output = Output::stdout();
    let done = match cli.command {
        Command::Serve(args) => crate::serve::run(args, Overrides::default()),
        Command::Sql(args) => sql::run(&args, &mut output),
        Command::Promql(args) => promql::run(&args, &mut output),
        Command::Delete(args) => delete::run(&args, &mut output),
        Command::Plugin(command) => plugin::run(&command, &mut output),
        Command::Backup(args) => backup::run(&args, &mut output),
        Command::Restore(args) => backup::restore::run(&args, &mut output),
        Command::Import(command) => import::run(&command, &mut output),
        Command::SetAside(args) => set_aside::run(&args, &mut output),
        Command::Check(args) => check::run(&args, &mut output),
        Command::Promtool(args) => return promtool::main(args.arguments),
        Command::Prometheus(args) => return prometheus::main(args.arguments),
    };
    let done = done.and_then(|()| output.flush().map_err(Failure::from));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) if is_closed_output(&error) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => report(&format!("cepmon: {error:#}"), 1),
        // Without a name in front: mistakes in files begin with their place, which editors jump to.
        Err(Failure::Usage(error)) => report(&format!("{error:#}"), 2),
    }
}

/// What `cepmon serve` takes from the environment alone.
fn serve_args_of_environment() -> anyhow::Result<ServeArgs> {
    match Cli::try_parse_from(["cepmon", "serve"])?.command {
        Command::Serve(args) => Ok(args),
        _ => Err(anyhow::anyhow!("BUG: \"serve\" is another command")),
    }
}

fn report(message: &str, code: u8) -> ExitCode {
    // Whoever closed standard error does not want to know either.
    writeln!(io::stderr(), "{message}").ok();
    ExitCode::from(code)
}
