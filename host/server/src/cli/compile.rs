//! `cepmon plugin compile`: the process that compiles a plugin for another one that loads it. People have no use for it.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;

use super::Failure;

/// The program to start for this command: the one that runs, even if its file was replaced by an update.
pub(crate) const THIS_PROGRAM: &str = "/proc/self/exe";

/// Options of `compile`.
#[derive(Debug, Args)]
pub(crate) struct CompileArgs {
    /// Where compiled plugins are cached
    #[arg(long, value_name = "DIR")]
    cache_dir: PathBuf,
}

/// Compiles the component on standard input.
pub(super) fn run(args: &CompileArgs) -> Result<(), Failure> {
    let mut component = Vec::new();
    std::io::stdin().lock().read_to_end(&mut component)?;
    Ok(cepmon_plugin::compile_for_cache(&args.cache_dir, &component)?)
}
