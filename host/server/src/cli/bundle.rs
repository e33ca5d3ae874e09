//! `cepmon plugin verify`, `export` and `import`: whether the folder is what its lock says, and taking it elsewhere.

use std::io::Write;
use std::path::PathBuf;

use anyhow::anyhow;
use cepmon_plugin::{differences, plan_import};
use clap::Args;

use super::Failure;
use super::install::{Consent, check_texts};
use super::output::Output;
use super::plugin::HOW_TO_RELOAD;
use super::printable::printable;
use super::supply::{Supply, failure};

/// Options of `cepmon plugin verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    supply: Supply,
}

/// Options of `cepmon plugin export`.
#[derive(Debug, Args)]
pub(crate) struct BundleArgs {
    /// The tar
    #[arg(value_name = "FILE.tar")]
    bundle: PathBuf,
    #[command(flatten)]
    supply: Supply,
}

/// Options of `cepmon plugin import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    consent: Consent,
}

pub(crate) fn verify(args: &VerifyArgs, output: &mut Output) -> Result<(), Failure> {
    let supplied = args.supply.read()?;
    let found = differences(&supplied.plugins_dir, supplied.bundled_dir.as_deref(), &supplied.options.trust.keys).map_err(failure)?;
    if found.is_empty() {
        writeln!(output, "every plugin is what the lock files say")?;
        return Ok(());
    }
    for line in &found {
        writeln!(output, "{}", printable(line))?;
    }
    let count = found.len();
    Err(anyhow!("{count} difference{} from the lock files", if count == 1 { "" } else { "s" }).into())
}

pub(crate) fn export(args: &BundleArgs, output: &mut Output) -> Result<(), Failure> {
    let supplied = args.supply.read()?;
    let names = cepmon_plugin::export(&supplied.plugins_dir, &args.bundle).map_err(failure)?;
    writeln!(output, "{}: {}", args.bundle.display(), names.join(", "))?;
    Ok(())
}

pub(crate) fn import(args: &ImportArgs, output: &mut Output) -> Result<(), Failure> {
    let supplied = args.bundle.supply.read()?;
    let (folder, bundled) = (&supplied.plugins_dir, supplied.bundled_dir.as_deref());
    let plans = plan_import(folder, bundled, &args.bundle.bundle, &supplied.options.trust.keys).map_err(failure)?;
    if plans.is_empty() {
        writeln!(output, "nothing to do: all of it is installed")?;
        return Ok(());
    }
    for plan in &plans {
        check_texts(&plan.candidate)?;
        writeln!(output, "{plan}")?;
    }
    output.flush()?;
    plans.iter().try_for_each(|plan| args.consent.check_version(plan))?;
    args.consent.ask("Install them", plans.iter().any(|plan| !plan.new.is_empty()))?;
    cepmon_plugin::import(folder, &plans).map_err(failure)?;
    let names: Vec<&str> = plans.iter().map(|plan| plan.candidate.package.manifest.name.as_str()).collect();
    writeln!(output, "installed {} into \"{}\"; {HOW_TO_RELOAD}", names.join(", "), folder.display())?;
    Ok(())
}
