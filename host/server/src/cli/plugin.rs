//! `cepmon plugin …`: the author's and the operator's commands. They print and ask; building, checking, granting and keeping files is
//! the plugin host's. Installing has a file of its own.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use cepmon_plugin::{Capability, Grants, Limits, NoState, Options, PluginHost, PluginState, PluginStatus};
use clap::{Args, Subcommand};

use super::Failure;
use super::audit::{self, AuditArgs};
use super::author::{self, AuthorCommand};
use super::bundle::{self, BundleArgs, ImportArgs, VerifyArgs};
use super::compile::{self, CompileArgs, THIS_PROGRAM};
use super::folders::Folders;
use super::install::{self, InstallArgs};
use super::output::Output;
use super::printable::printable;
use super::serve::default_cache_dir;
use super::upgrade::{self, DiffArgs, RollbackArgs, UpgradeArgs};
use crate::web::grant_words;

/// What a running server needs to see a change.
pub(crate) const HOW_TO_RELOAD: &str = "a running server takes it within seconds";

/// The commands below `cepmon plugin`.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Compile plugins from source: DIR becomes DIR/NAME.wasm, with its manifest inside
    Build {
        /// Folders with a plugin.toml, and with Cargo.toml (Rust), app.py (Python) or app.js (JavaScript)
        #[arg(required = true, value_name = "DIR")]
        folders: Vec<PathBuf>,
    },
    #[command(flatten)]
    Author(AuthorCommand),
    /// Compile the component on standard input into the cache, within bounds
    #[command(hide = true)]
    Compile(CompileArgs),
    /// Write bundled.lock for a folder of plugins that come with cepmon: each is granted what it asks for
    Bundle {
        /// The folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Install a plugin, after showing what it asks for
    Install(InstallArgs),
    /// Show what another version of a plugin would change, and which rules would lose a metric; changes nothing
    Diff(DiffArgs),
    /// Install newer versions from where plugins came from, after showing what changes
    Upgrade(UpgradeArgs),
    /// Bring back the file and the grants from before the last install
    Rollback(RollbackArgs),
    /// Compare every file with the lock files, and its signature with the trusted keys
    Verify(VerifyArgs),
    /// Write installed plugins and their grants into a tar, for machines without a network
    Export(BundleArgs),
    /// Install the plugins of such a tar, after showing what they ask for
    Import(ImportArgs),
    /// List all plugins and what they may do
    List {
        #[command(flatten)]
        folders: Loaded,
    },
    /// Show one plugin: what it is, what it asks for and why, what it may do
    Show {
        /// The plugin
        name: String,
        #[command(flatten)]
        folders: Loaded,
    },
    /// Remove an installed plugin and its grants
    Remove {
        /// The plugin
        name: String,
        #[command(flatten)]
        folders: Folders,
    },
    /// Let a plugin do something: files, files:/proc/stat, http:target, tcp:HOST:PORT, "unix-http:SOCKET:GET /PATH", secrets:NAME
    Grant(GrantArgs),
    /// Take a grant back
    Revoke(GrantArgs),
    /// Name grants that a running server's plugins never used, and narrower ones that would have been enough
    Audit(AuditArgs),
}

/// Options of `grant` and `revoke`.
#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// The plugin
    name: String,
    /// What to grant or revoke, as `cepmon plugin show` spells it
    #[arg(required = true, value_name = "CAPABILITY")]
    capabilities: Vec<String>,
    #[command(flatten)]
    folders: Folders,
}

/// The folders of plugins, to load what lies there.
#[derive(Debug, Args)]
pub(crate) struct Loaded {
    #[command(flatten)]
    folders: Folders,
    /// Where compiled plugins are cached [default: $XDG_CACHE_HOME/cepmon, ~/.cache/cepmon or the system's temporary folder]
    #[arg(long, value_name = "DIR", env = "CEPMON_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
}

impl Loaded {
    /// The plugins as a server with these folders would have them.
    fn load(&self) -> Result<Vec<PluginStatus>, Failure> {
        let found = self.folders.find()?;
        let host = PluginHost::open(Options {
            plugins_dir: found.plugins_dir,
            bundled_dir: found.bundled_dir,
            cache_dir: self.cache_dir.clone().unwrap_or_else(default_cache_dir),
            compiler: Some(PathBuf::from(THIS_PROGRAM)),
            host_name: String::new(),
            external_labels: Vec::new(),
            limits: Limits::default(),
            overrides: Default::default(),
            state: Arc::new(NoState),
        })?;
        Ok(host.plugins())
    }
}

pub(crate) fn run(command: &PluginCommand, output: &mut Output) -> Result<(), Failure> {
    match command {
        PluginCommand::Build { folders } => {
            for built in cepmon_plugin::build(folders, |tool| eprintln!("building with {tool}"))? {
                let (path, kib) = (built.path.display(), built.package.bytes.len().div_ceil(1024));
                writeln!(output, "{path}  {} {}, {kib} KiB", built.package.manifest.kind, built.package.manifest.version)?;
            }
        }
        PluginCommand::Author(command) => author::run(command, output)?,
        PluginCommand::Compile(args) => compile::run(args)?,
        PluginCommand::Bundle { folder } => {
            let names = cepmon_plugin::write_bundled_lock(folder)?;
            writeln!(output, "{}: {}", folder.join("bundled.lock").display(), names.join(", "))?;
        }
        PluginCommand::Audit(args) => audit::run(args, output)?,
        PluginCommand::Install(args) => install::run(args, output)?,
        PluginCommand::Diff(args) => upgrade::diff(args, output)?,
        PluginCommand::Upgrade(args) => upgrade::run(args, output)?,
        PluginCommand::Rollback(args) => upgrade::rollback(args, output)?,
        PluginCommand::Verify(args) => bundle::verify(args, output)?,
        PluginCommand::Export(args) => bundle::export(args, output)?,
        PluginCommand::Import(args) => bundle::import(args, output)?,
        PluginCommand::List { folders } => list(&folders.load()?, output)?,
        PluginCommand::Show { name, folders } => show(folders.load()?, name, output)?,
        PluginCommand::Remove { name, folders } => {
            cepmon_plugin::remove(&folders.find()?.plugins_dir, name)?;
            writeln!(output, "removed {name} and its grants; {HOW_TO_RELOAD}")?;
        }
        PluginCommand::Grant(args) => {
            let found = args.folders.find()?;
            let grants = cepmon_plugin::grant(&found.plugins_dir, found.bundled_dir.as_deref(), &args.name, &args.capabilities)?;
            print_grants(&args.name, &grants, output)?;
        }
        PluginCommand::Revoke(args) => {
            let found = args.folders.find()?;
            let grants = cepmon_plugin::revoke(&found.plugins_dir, found.bundled_dir.as_deref(), &args.name, &args.capabilities)?;
            print_grants(&args.name, &grants, output)?;
        }
    }
    Ok(())
}

fn print_grants(name: &str, grants: &Grants, output: &mut impl Write) -> std::io::Result<()> {
    writeln!(output, "{name} now")?;
    for permission in grant_words::permissions(grants) {
        writeln!(output, "  may {permission}")?;
    }
    if let Some(text) = grant_words::cannot(grants) {
        writeln!(output, "  {text}")?;
    }
    writeln!(output, "{HOW_TO_RELOAD}")
}

fn list(plugins: &[PluginStatus], output: &mut impl Write) -> std::io::Result<()> {
    if plugins.is_empty() {
        return writeln!(output, "no plugins; install one with: cepmon plugin install FILE.wasm");
    }
    let mut lines = vec![["NAME", "VERSION", "KIND", "STATE", "FROM", "GRANTED"].map(str::to_owned)];
    for plugin in plugins {
        let granted = Capability::ALL.into_iter().filter(|&capability| plugin.granted.allows(capability));
        let granted: Vec<&str> = granted.map(Capability::as_str).collect();
        lines.push([
            printable(&plugin.name).into_owned(),
            plugin.version.clone(),
            plugin.kind.map_or("", |kind| kind.as_str()).to_owned(),
            plugin.state.as_str().to_owned(),
            if plugin.is_bundled { "cepmon" } else { "you" }.to_owned(),
            if granted.is_empty() { "nothing".to_owned() } else { granted.join(", ") },
        ]);
    }
    let widths: [usize; 6] = std::array::from_fn(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0));
    for line in &lines {
        let cells: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(output, "{}", cells.join("  ").trim_end())?;
    }
    for plugin in plugins {
        for problem in problems(plugin) {
            writeln!(output, "{}: {}", printable(&plugin.name), printable(problem))?;
        }
    }
    Ok(())
}

/// Why it does not run, or not from its newest file.
fn problems(plugin: &PluginStatus) -> impl Iterator<Item = &str> {
    let refusal = match &plugin.state {
        PluginState::Ready => None,
        PluginState::Refused(reason) => Some(reason.as_str()),
    };
    refusal.into_iter().chain(plugin.reload_problem.as_deref())
}

fn show(plugins: Vec<PluginStatus>, name: &str, output: &mut impl Write) -> Result<(), Failure> {
    let Some(plugin) = plugins.iter().find(|plugin| plugin.name == name) else {
        let near = cepmon_model::nearest_name(name, plugins.iter().map(|plugin| plugin.name.as_str()));
        let near = near.map(|near| format!("; did you mean \"{near}\"")).unwrap_or_default();
        return Err(anyhow::anyhow!("cannot find plugin \"{name}\"{near}; run: cepmon plugin list").into());
    };
    let mut field = |title: &str, text: &str| {
        if text.is_empty() { Ok(()) } else { writeln!(output, "{title:<12} {}", printable(text)) }
    };
    field("plugin", &format!("{} {}", plugin.name, plugin.version))?;
    field("kind", plugin.kind.map_or("", |kind| kind.as_str()))?;
    field("description", &plugin.description)?;
    field("license", &plugin.license)?;
    field("file", &plugin.path.display().to_string())?;
    field("digest", &plugin.digest.map(|digest| digest.to_string()).unwrap_or_default())?;
    field("comes from", if plugin.is_bundled { "cepmon" } else { "you" })?;
    field("state", plugin.state.as_str())?;
    for problem in problems(plugin) {
        field("problem", problem)?;
    }
    field("imports", &plugin.imports.join(", "))?;
    for permission in grant_words::permissions(&plugin.granted) {
        field("may", &permission.to_string())?;
    }
    if let Some(text) = grant_words::cannot(&plugin.granted) {
        field("", text)?;
    }
    for permission in grant_words::permissions(&plugin.missing) {
        field("not granted", &format!("{permission}; run: cepmon plugin grant {name} {}", permission.capability))?;
    }
    for (capability, reason) in &plugin.reasons {
        field("asks for", &format!("{capability}: \"{reason}\""))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
