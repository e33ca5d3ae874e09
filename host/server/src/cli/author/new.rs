//! `cepmon plugin new`: a folder with a plugin that builds. The SDK, the contract and the templates are in this program, so nothing is
//! fetched and no checkout is needed. The folder appears as a whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use cepmon_plugin::{Manifest, PluginKind};
use clap::{Args, ValueEnum};

use super::Failure;
use super::embedded::{LOCK, SDK, Template};
use crate::cli::output::Output;
use crate::cli::serve::default_bundled_plugins_dir;

/// Options of `cepmon plugin new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// What it is to be
    #[arg(long, value_name = "KIND")]
    kind: Kind,
    /// Its name: small letters, digits and -
    name: String,
    /// The folder to make [default: the name]
    folder: Option<PathBuf>,
    /// Plugins that came with cepmon, whose names are taken [default: the folder "plugins" beside the folder of this program]
    #[arg(long, value_name = "DIR", env = "CEPMON_BUNDLED_PLUGINS_DIR")]
    bundled_plugins_dir: Option<PathBuf>,
}

/// The kinds of plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Gives samples of a target or of this host
    Exporter,
    /// Says whether a target is up
    Probe,
    /// Makes rows of fields out of log lines
    LogParser,
}

impl From<Kind> for PluginKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Exporter => Self::Exporter,
            Kind::Probe => Self::Probe,
            Kind::LogParser => Self::LogParser,
        }
    }
}

pub(crate) fn run(args: &NewArgs, output: &mut Output) -> Result<(), Failure> {
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    let bundled = args.bundled_plugins_dir.clone().or_else(default_bundled_plugins_dir);
    check_name(&args.name, bundled.as_deref()).map_err(Failure::usage)?;
    make(args.kind.into(), &args.name, &folder)?;
    let shown = folder.display();
    writeln!(output, "{shown}: a new {}, with a test and a fixture; next:", PluginKind::from(args.kind))?;
    writeln!(output, "  cepmon plugin build {shown}")?;
    writeln!(output, "  cepmon plugin test {shown}")?;
    writeln!(output, "  cepmon plugin install {shown}/{}.wasm", args.name)?;
    Ok(())
}

fn check_name(name: &str, bundled: Option<&Path>) -> anyhow::Result<()> {
    let file = bundled.map(|folder| folder.join(format!("{name}.wasm")));
    if file.is_some_and(|file| file.is_file()) {
        return Err(anyhow!(
            "cannot name it \"{name}\": a plugin of that name comes with cepmon, and yours would take its place; take another"
        ));
    }
    Ok(())
}

/// Makes the folder beside its place and renames it.
fn make(kind: PluginKind, name: &str, folder: &Path) -> Result<(), Failure> {
    // Nothing else in a template depends on what the user says.
    let wrong = |_| Failure::usage(anyhow!("cannot name a plugin \"{name}\": expected [a-z][a-z0-9-]{{0,62}}, such as my-exporter"));
    let files = files(kind, name).map_err(wrong)?;
    let doing = || format!("cannot make plugin folder \"{}\"", folder.display());
    let is_taken = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    };
    if is_taken {
        return Err(Failure::usage(anyhow!("{}: it is there already; name another folder, or remove it first", doing())));
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).with_context(doing)?;
    let staging = parent.join(format!(".{name}.new-{}", std::process::id()));
    let made = write_all(&staging, &files).and_then(|()| std::fs::rename(&staging, folder));
    if made.is_err() {
        // What cannot be removed either is named in the error's own path.
        std::fs::remove_dir_all(&staging).ok();
    }
    Ok(made.with_context(doing)?)
}

/// All files of a new plugin, by their path in its folder.
fn files(kind: PluginKind, name: &str) -> Result<Vec<(String, String)>, cepmon_plugin::Error> {
    let template = Template::of(kind);
    let metric = name.replace('-', "_");
    let dependencies = if kind == PluginKind::LogParser { "" } else { "serde = { version = \"1\", features = [\"derive\"] }\n" };
    let fill = |text: &str| text.replace("{{name}}", name).replace("{{metric}}", &metric).replace("{{dependencies}}", dependencies);
    let mut files: Vec<(String, String)> = template.files.iter().map(|(path, text)| ((*path).to_owned(), fill(text))).collect();
    // The name goes into the manifest, which says what a name may be.
    let manifest = files.iter().find(|(path, _)| path == "plugin.toml").map(|(_, text)| text.as_str()).unwrap_or_default();
    Manifest::parse(manifest.as_bytes(), "plugin.toml")?;
    // The SDK's own versions of its dependencies: they were built and tested together.
    files.push(("Cargo.lock".to_owned(), LOCK.to_owned()));
    files.extend(SDK.iter().map(|(path, text)| (format!(".cepmon/{path}"), (*text).to_owned())));
    Ok(files)
}

fn write_all(folder: &Path, files: &[(String, String)]) -> std::io::Result<()> {
    std::fs::create_dir(folder)?;
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(failure: Failure) -> String {
        match failure {
            Failure::Usage(error) | Failure::Failed(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn every_kind_gives_a_folder_without_placeholders() {
        for kind in [PluginKind::Exporter, PluginKind::Probe, PluginKind::LogParser] {
            let parent = tempfile::tempdir().unwrap();
            let folder = parent.path().join("sub/my-one");
            make(kind, "my-one", &folder).unwrap();
            for name in ["Cargo.toml", "Cargo.lock", "plugin.toml", "src/lib.rs", "fixtures/first.json", "README.md", ".gitignore"] {
                let text = std::fs::read_to_string(folder.join(name)).unwrap();
                assert!(!text.contains("{{"), "{name}: {text}");
            }
            for name in [".cepmon/sdk/src/lib.rs", ".cepmon/sdk/macros/Cargo.toml", ".cepmon/wit/plugin.wit"] {
                assert!(folder.join(name).is_file(), "{name}");
            }
            assert_eq!(cepmon_plugin::Recording::read(&folder.join("fixtures/first.json")).unwrap().plugin, "my-one");
            let left: Vec<_> = std::fs::read_dir(folder.parent().unwrap()).unwrap().collect();
            assert_eq!(left.len(), 1, "nothing is left beside it");
        }
    }

    #[test]
    fn a_folder_that_is_there_and_a_bad_name_are_refused_with_a_way_out() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("taken");
        std::fs::create_dir(&folder).unwrap();
        make(PluginKind::Probe, "taken", &folder).unwrap();
        let again = message(make(PluginKind::Probe, "taken", &folder).unwrap_err());
        assert!(again.contains("it is there already; name another folder"), "{again}");
        for name in ["Upper", "9lives", "a_b", "", "../x"] {
            let bad = message(make(PluginKind::Probe, name, &parent.path().join("bad")).unwrap_err());
            assert!(bad.contains("expected [a-z][a-z0-9-]{0,62}"), "{name}: {bad}");
        }
        assert!(!parent.path().join("bad").try_exists().unwrap());
    }
}
