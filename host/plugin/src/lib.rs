//! cepmon's plugin host: the only crate that knows wasmtime.
//!
//! A plugin is one `.wasm` file, a component with its manifest inside. [`PluginHost`] loads a folder of them and answers three
//! questions: [`PluginHost::collect`], [`PluginHost::probe`] and [`PluginHost::parse`]. Everything a guest gives is verified and
//! converted to `cepmon_model` before it leaves this crate. It schedules nothing, stores nothing and knows no configuration file.
//!
//! The way of a call: `host` → `call` → `guest` (a store, fresh or reused) → `capability/*` (what the guest asks of the host) →
//! `verify` → `abi` (conversion). The way of a file: `package` (what is it) → `lock` (what may it do) → `load` (compile, link) →
//! `host`; `install` and `author` are the operator's and the author's side of it.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]
#![deny(missing_docs)]

mod error;
mod manifest;
mod settings;
mod grant;
mod access;
mod uses;
mod package;
mod lock;
mod limits;
mod engine;
mod abi;
mod capability;
mod verify;
mod cpu;
mod stats;
mod record;
mod backoff;
mod guest;
mod load;
mod call;
mod host;
mod reload;
mod status;
mod install;
mod author;
#[doc(hidden)]
pub mod fuzzing;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod hostile;

pub use author::{BuiltPlugin, Toolchain, build, wrap};
pub use capability::secrets::Secrets;
pub use capability::state::{NoState, StateStore};
pub use error::{CallError, Error, SettingsError};
pub use grant::{Capability, Grants};
pub use host::{LineBatch, LogStreamSpec, Options, PluginHost, TargetSpec, Verdict};
pub use install::{InstallPlan, Installed, grant, install, list, plan, remove, revoke, show};
pub use limits::Limits;
pub use lock::{LockEntry, LockFile, write_bundled_lock};
pub use manifest::{
    AskedHosts, AskedLimits, AskedPaths, AskedRequests, AskedSecrets, AskedState, Capabilities, MANIFEST_SECTION, Manifest, Metric,
    PluginKind, Setting, SettingKind,
};
pub use package::{Digest, Package, inspect};
pub use reload::ReloadReport;
pub use stats::{LastFailure, PluginStats};
pub use status::{PluginState, PluginStatus};

/// A mutex's content, also after a panic of another thread: everything behind mutexes here is valid at any time.
fn lock_mutex<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
