//! What can go wrong outside a plugin's call: files, manifests, grants, locks, builds. A failed call is a [`CallError`], settings
//! that do not fit are a [`SettingsError`]. It maps nothing to exit codes or HTTP.

use std::path::{Path, PathBuf};

use cepmon_model::{FailureKind, nearest_name};

/// Why a plugin could not be read, checked, granted, installed or built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be used: check the path, its rights, the disk's room.
    #[error("cannot {action} \"{}\"", path.display())]
    File {
        /// What was tried, for example `read plugin file`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },

    /// The file is not a plugin that this host runs: take another file.
    #[error("cannot load plugin file \"{}\": {problem}", path.display())]
    NotAPlugin {
        /// The file.
        path: PathBuf,
        /// What it is instead, and the way out.
        problem: String,
    },

    /// The manifest is wrong: its author has to mend it.
    #[error("cannot read the manifest of \"{origin}\": {problem}")]
    Manifest {
        /// The file it stands in.
        origin: String,
        /// Line and reason.
        problem: String,
    },

    /// The plugin imports an interface that its manifest does not ask for: the manifest lies, its author has to mend it.
    #[error(
        "plugin \"{plugin}\" imports {interface}, which its manifest does not ask for; \
         add [capabilities.{capability}] with a reason to plugin.toml and build it again"
    )]
    Undeclared {
        /// Its name.
        plugin: String,
        /// The import, without a version.
        interface: String,
        /// The capability's name in the manifest.
        capability: String,
    },

    /// The plugin needs an interface that the operator has not granted to this very file.
    #[error(
        "plugin \"{plugin}\" imports {interface}, which is not granted (reason given: \"{reason}\"){note}; \
         run: cepmon plugin grant {plugin} {capability}"
    )]
    Ungranted {
        /// Its name.
        plugin: String,
        /// The import, without a version.
        interface: String,
        /// The capability's name, as `cepmon plugin grant` takes it.
        capability: String,
        /// The author's reason.
        reason: String,
        /// Empty, or why an earlier grant does not count.
        note: String,
    },

    /// The engine refuses to compile or link the component.
    #[error("cannot compile plugin \"{plugin}\": {problem}")]
    Compile {
        /// Its name.
        plugin: String,
        /// The engine's reasons, joined.
        problem: String,
    },

    /// The engine cannot be made on this machine.
    #[error("cannot start the WebAssembly engine: {problem}")]
    Engine {
        /// The engine's reasons, joined.
        problem: String,
    },

    /// No plugin has this name.
    #[error("cannot find plugin \"{name}\"{suggestion}; run: cepmon plugin list")]
    UnknownPlugin {
        /// The name asked for.
        name: String,
        /// Empty, or `; did you mean "…"?`.
        suggestion: String,
    },

    /// A lock file is broken: restore it from version control, or remove it and grant again.
    #[error("cannot read lock file \"{}\": {problem}; restore it, or remove it and grant again", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Line and reason.
        problem: String,
    },

    /// A grant cannot be given or taken back as asked.
    #[error("cannot {action} \"{capability}\" for plugin \"{plugin}\": {problem}")]
    Grant {
        /// `grant` or `revoke`.
        action: &'static str,
        /// What was asked for.
        capability: String,
        /// The plugin's name.
        plugin: String,
        /// Why not, and what would do.
        problem: String,
    },

    /// A recording cannot be used: record it again.
    #[error("cannot use recording \"{}\": {problem}", path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        problem: String,
    },

    /// A source cannot be reached or answers something else than the plugin: check the address, the network, the certificate.
    #[error("cannot fetch \"{origin}\": {problem}")]
    Fetch {
        /// The URL or path.
        origin: String,
        /// Why not, and the way out.
        problem: String,
    },

    /// An index of plugins is wrong or does not have what was asked for.
    #[error("cannot use the index \"{origin}\": {problem}")]
    Index {
        /// The URL or path.
        origin: String,
        /// What is wrong, or what there is instead.
        problem: String,
    },

    /// What came is not what was promised: a digest or a signature does not fit. Take it from somebody else.
    #[error("cannot trust \"{origin}\": {problem}")]
    Distrust {
        /// The URL or path.
        origin: String,
        /// What does not fit.
        problem: String,
    },

    /// A pinned key is no key.
    #[error("cannot use the key \"{key}\": {problem}")]
    Key {
        /// As it was given.
        key: String,
        /// What a key looks like.
        problem: String,
    },

    /// The operator has to decide first: which digest, which key, or that an older version is meant.
    #[error("cannot install \"{origin}\": {problem}")]
    Undecided {
        /// The source.
        origin: String,
        /// What has to be decided, and how.
        problem: String,
    },

    /// With `--locked`, the folders differ from their lock files.
    #[error("cannot run exactly what the lock files say:\n  {}", differences.join("\n  "))]
    NotLocked {
        /// One line each.
        differences: Vec<String>,
    },

    /// A bundle of plugins cannot be written or read.
    #[error("cannot {action} bundle \"{}\": {problem}", path.display())]
    Bundle {
        /// `write` or `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },

    /// There is nothing to go back to.
    #[error("cannot roll back plugin \"{name}\": {problem}")]
    Rollback {
        /// Its name.
        name: String,
        /// Why not, and the way out.
        problem: String,
    },

    /// A plugin cannot be built from source.
    #[error("cannot build plugin \"{}\": {problem}", folder.display())]
    Build {
        /// The plugin's folder.
        folder: PathBuf,
        /// Why, and the way out.
        problem: String,
    },
}

impl Error {
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }

    /// Whether the command line or the configuration is at fault, rather than a file or the network.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Undecided { .. } | Self::Key { .. } | Self::NotLocked { .. })
    }

    /// The message and its causes on one line.
    pub fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            line = format!("{line}: {error}");
            cause = error.source();
        }
        line
    }
}

/// Settings that do not fit a plugin's schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot use settings of plugin \"{plugin}\": {key}{problem}")]
pub struct SettingsError {
    /// The plugin's name.
    pub plugin: String,
    /// The key, as `"collectors": `, or empty when the settings as a whole are wrong. Use [`SettingsError::key`] for the bare name.
    key: String,
    /// What was expected and found, with a suggestion.
    pub problem: String,
}

impl SettingsError {
    pub(crate) fn at(plugin: &str, key: &str, problem: String) -> Self {
        Self { plugin: plugin.to_owned(), key: format!("\"{key}\": "), problem }
    }

    pub(crate) fn whole(plugin: &str, problem: String) -> Self {
        Self { plugin: plugin.to_owned(), key: String::new(), problem }
    }

    /// The offending key, if it is about one.
    pub fn key(&self) -> Option<&str> {
        self.key.strip_prefix('"')?.strip_suffix("\": ")
    }
}

/// Why a plugin's call failed: the scrape error, and the metric label `kind`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// The kind, a closed set.
    pub kind: FailureKind,
    /// One line for people.
    pub message: String,
}

impl CallError {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// The reasons of an error, outermost first, joined with `: `.
pub(crate) fn joined(error: &wasmtime::Error) -> String {
    error.chain().map(|cause| cause.to_string()).collect::<Vec<_>>().join(": ")
}

/// `; did you mean "…"?` when one of the candidates is near, else nothing.
pub(crate) fn suggestion<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    nearest_name(word, candidates).map(|name| format!("; did you mean \"{name}\"?")).unwrap_or_default()
}
