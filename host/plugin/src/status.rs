//! What an operator sees of a plugin: the table `plugins`, `cepmon plugin show` and the metrics are made of this.

use std::path::PathBuf;
use std::time::Duration;

use crate::grant::{Capability, Grants};
use crate::manifest::PluginKind;
use crate::package::Digest;
use crate::stats::PluginStats;

/// One plugin of the host.
#[derive(Debug, Clone)]
pub struct PluginStatus {
    /// Its name; for a file that cannot be read, the file's name without `.wasm`.
    pub name: String,
    /// Its version, empty if unknown.
    pub version: String,
    /// Its kind, if known.
    pub kind: Option<PluginKind>,
    /// The file's digest, if it could be read.
    pub digest: Option<Digest>,
    /// Its description, empty if unknown.
    pub description: String,
    /// Its licence, empty if unknown.
    pub license: String,
    /// The file.
    pub path: PathBuf,
    /// Whether it lies in the folder of plugins that come with cepmon.
    pub is_bundled: bool,
    /// What it asks for.
    pub asked: Grants,
    /// The authors' reasons, by capability.
    pub reasons: Vec<(Capability, String)>,
    /// What it may do.
    pub granted: Grants,
    /// What it asks for and may not do.
    pub missing: Grants,
    /// The interfaces that the component imports: what is not here it cannot do, whatever it is granted.
    pub imports: Vec<String>,
    /// Whether it runs.
    pub state: PluginState,
    /// Why a newer file was not taken, while the old one runs on.
    pub reload_problem: Option<String>,
    /// Whether any target of it backs off now.
    pub is_backing_off: bool,
    /// How long it took to compile, or to fetch from the cache.
    pub compile_time: Duration,
    /// What it did so far.
    pub stats: PluginStats,
    /// What it used of its grants so far: capability, file, host and port or the like, times.
    pub uses: Vec<(Capability, String, u64)>,
}

/// Whether a plugin runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginState {
    /// It can be called.
    Ready,
    /// It cannot be called, for this reason.
    Refused(String),
}

impl PluginState {
    /// `ready` or `refused`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Refused(_) => "refused",
        }
    }
}
