//! `cepmon plugin diff`, `upgrade` and `rollback`: another version of what is installed. Consent works as in `install.rs`: only what is
//! new has to be agreed to.

use std::io::Write;

use anyhow::anyhow;
use cepmon_plugin::{fetch, fetch_upgrade, upgradable};
use clap::Args;

use super::Failure;
use super::install::{Consent, install_planned, plan_checked, show_plan};
use super::output::Output;
use super::plugin::HOW_TO_RELOAD;
use super::supply::{Supplied, Supply, failure};

/// Options of `cepmon plugin diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The plugin
    name: String,
    /// The other version: as `install` takes it [default: where the plugin came from]
    source: Option<String>,
    #[command(flatten)]
    supply: Supply,
}

/// Options of `cepmon plugin upgrade`.
#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    /// The plugins
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "NAME")]
    names: Vec<String>,
    /// Every plugin whose origin is known
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    supply: Supply,
}

/// Options of `cepmon plugin rollback`.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The plugin
    name: String,
    #[command(flatten)]
    supply: Supply,
}

pub(crate) fn diff(args: &DiffArgs, output: &mut Output) -> Result<(), Failure> {
    let supplied = args.supply.read()?;
    let candidate = match &args.source {
        Some(source) => fetch(source, &supplied.options),
        None => fetch_upgrade(&supplied.plugins_dir, &args.name, &supplied.options),
    };
    let candidate = candidate.map_err(failure)?;
    let other = candidate.package.manifest.name.clone();
    if other != args.name {
        return Err(Failure::usage(anyhow!(
            "cannot compare \"{}\" with \"{}\": it is the plugin \"{other}\"",
            args.name,
            candidate.source
        )));
    }
    let plan = plan_checked(&supplied, candidate)?;
    show_plan(&supplied, &plan, output)?;
    if plan.changes.is_none() {
        writeln!(output, "no plugin \"{other}\" is installed")?;
    }
    Ok(())
}

pub(crate) fn run(args: &UpgradeArgs, output: &mut Output) -> Result<(), Failure> {
    let supplied = args.supply.read()?;
    if !args.all {
        return args.names.iter().try_for_each(|name| upgrade(&supplied, name, &args.consent, output));
    }
    let names = upgradable(&supplied.plugins_dir).map_err(failure)?;
    let (mut failed, mut is_usage) = (Vec::new(), false);
    for name in names {
        // One that cannot be upgraded keeps none of the others back.
        match upgrade(&supplied, &name, &args.consent, output) {
            Ok(()) => {}
            Err(Failure::Usage(error)) => {
                is_usage = true;
                failed.push(format!("{name}: {error:#}"));
            }
            Err(Failure::Failed(error)) => failed.push(format!("{name}: {error:#}")),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let error = anyhow!("not upgraded:\n  {}", failed.join("\n  "));
    Err(if is_usage { Failure::Usage(error) } else { Failure::Failed(error) })
}

fn upgrade(supplied: &Supplied, name: &str, consent: &Consent, output: &mut Output) -> Result<(), Failure> {
    let candidate = fetch_upgrade(&supplied.plugins_dir, name, &supplied.options).map_err(failure)?;
    let version = candidate.package.manifest.version.clone();
    let plan = plan_checked(supplied, candidate)?;
    if plan.is_installed() {
        writeln!(output, "{name} {version} is the newest")?;
        return Ok(());
    }
    show_plan(supplied, &plan, output)?;
    consent.check_version(&plan)?;
    consent.ask("Upgrade it", !plan.new.is_empty())?;
    install_planned(supplied, &plan, output)
}

pub(crate) fn rollback(args: &RollbackArgs, output: &mut Output) -> Result<(), Failure> {
    let supplied = args.supply.read()?;
    let version = cepmon_plugin::rollback(&supplied.plugins_dir, &args.name).map_err(failure)?;
    writeln!(output, "{} is {version} again, with the grants from then; {HOW_TO_RELOAD}", args.name)?;
    Ok(())
}
