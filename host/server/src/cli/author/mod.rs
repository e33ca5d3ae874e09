//! The author's commands below `cepmon plugin`: a new plugin, a run against the world, fixtures replayed, what a call costs, what is
//! wrong, and the failure of a server reproduced. Building is `cepmon plugin build`; running guests is the plugin host's.

mod bench;
mod check;
mod difference;
mod embedded;
mod fixture;
mod new;
mod replay;
mod run;
mod source;
mod test;

use std::path::{Path, PathBuf};

use cepmon_plugin::{Grants, Package, Trial, TrialOptions};
use clap::{Args, Subcommand};

use super::Failure;
use super::output::Output;
use super::serve::default_cache_dir;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthorCommand {
    /// Make a folder with a plugin that builds, its tests and a fixture; nothing but this program and a Rust toolchain is needed
    New(new::NewArgs),
    /// Run a plugin once and print what it answers; what it may do is granted on the command line, for this run only
    Run(run::RunArgs),
    /// Replay a plugin's fixtures: the host's answers come from them, output and cost are compared with them
    Test(test::TestArgs),
    /// Say what a call costs: time in a fresh and in a reused guest, memory, fuel
    Bench(bench::BenchArgs),
    /// Say all that is wrong with a plugin, with the way out for each
    Check(check::CheckArgs),
    /// Reproduce a failed call of a running server: same file, same input, same answers of the host
    Replay(replay::ReplayArgs),
}

pub(crate) fn run(command: &AuthorCommand, output: &mut Output) -> Result<(), Failure> {
    match command {
        AuthorCommand::New(args) => new::run(args, output),
        AuthorCommand::Run(args) => run::run(args, output),
        AuthorCommand::Test(args) => test::run(args, output),
        AuthorCommand::Bench(args) => bench::run(args, output),
        AuthorCommand::Check(args) => check::run(args, output),
        AuthorCommand::Replay(args) => replay::run(args, output),
    }
}

/// Where compiled plugins are cached.
#[derive(Debug, Args)]
struct Cache {
    /// Where compiled plugins are cached [default: $XDG_CACHE_HOME/cepmon, ~/.cache/cepmon or the system's temporary folder]
    #[arg(long, value_name = "DIR", env = "CEPMON_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
}

impl Cache {
    fn folder(&self) -> PathBuf {
        self.cache_dir.clone().unwrap_or_else(default_cache_dir)
    }
}

/// A plugin that only replays. It is linked with all that it asks for and can reach none of it: the answers come from a recording.
fn open_replaying(package: &Package, cache: &Path, counts_fuel: bool) -> Result<Trial, cepmon_plugin::Error> {
    Trial::open(package, TrialOptions { counts_fuel, ..options(Grants::asked(&package.manifest.capabilities), cache) })
}

fn options(grants: Grants, cache: &Path) -> TrialOptions<'_> {
    TrialOptions { grants, secrets: Default::default(), cache_dir: cache, host_name: host_name(), counts_fuel: false, reuses_guests: false }
}

/// The host's name as `serve` gives it to plugins.
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Runs a call: one thread is enough for one guest.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work))
}
