//! cepmon's plugin host: the only crate that knows wasmtime.
//!
//! A plugin is one `.wasm` file, a component with its manifest inside. [`PluginHost`] loads a folder of them and answers three
//! questions: [`PluginHost::collect`], [`PluginHost::probe`] and [`PluginHost::parse`]. Everything a guest gives is verified and
//! converted to `cepmon_model` before it leaves this crate. It schedules nothing, stores nothing and knows no configuration file.
//!
//! The way of a call: `host` → `call` → `guest` (a store, fresh or reused) → `capability/*` (what the guest asks of the host) →
//! `verify` → `abi` (conversion). The way of a file: `package` (what is it) → `lock` (what may it do) → `load` (compile, link) →
//! `host`. The way of an installation: `source` (where from) → `trust` (may it come in) → `compare`, `install` (what would it do) →
//! `folder` (onto the disk). `author` is the author's side.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]
#![deny(missing_docs)]

mod error;
mod manifest;
mod settings;
mod grant;
mod access;
mod uses;
mod audit;
mod package;
mod lock;
mod folder;
mod limits;
mod engine;
mod compile;
mod abi;
mod capability;
mod verify;
mod tape;
mod cpu;
mod stats;
mod record;
mod recording;
mod failures;
mod backoff;
mod http_options;
mod credentials;
mod fetch;
mod look_up;
mod guest;
mod load;
mod call;
mod host;
mod reload;
mod status;
mod signature;
mod trust;
mod source;
mod compare;
mod install;
mod locked;
mod bundle;
mod watch;
mod author;
mod exposition;
mod trial;
#[doc(hidden)]
pub mod fuzzing;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod hostile;

pub use audit::{Finding, audit};
pub use author::{BuiltPlugin, build, wrap};
pub use bundle::{export, import, plan_import};
pub use capability::secrets::Secrets;
pub use capability::state::{NoState, StateStore};
pub use compare::Changes;
pub use compile::compile_for_cache;
pub use error::{CallError, Error, SettingsError};
pub use exposition::{exposition, failure_text, rows_text, verdict_text};
pub use fetch::{FetchError, HttpAnswer, HttpRequest};
pub use grant::{Capability, Grants};
pub use host::{LineBatch, LogStreamSpec, Options, PluginHost, TargetSpec, Verdict};
pub use http_options::{HttpAuthorization, HttpOptions, HttpProxy, HttpTls, OAuth2, SecretText};
pub use install::{InstallPlan, Installed, fetch_upgrade, grant, install, list, plan, remove, revoke, rollback, show, upgradable};
pub use limits::{LimitOverrides, Limits};
pub use lock::{LockEntry, LockFile, write_bundled_lock};
pub use locked::differences;
pub use look_up::{DnsAnswer, DnsQuestion, LookUpError, look_up};
pub use manifest::{
    AskedHosts, AskedLimits, AskedPaths, AskedRequests, AskedSecrets, AskedState, Capabilities, MANIFEST_SECTION, Manifest, Metric,
    PluginKind, Setting, SettingKind,
};
pub use package::{Digest, Package, inspect};
pub use recording::{Failure, Input, Recording};
pub use reload::ReloadReport;
pub use signature::TrustedKey;
pub use source::{Candidate, SourceOptions, fetch};
pub use stats::{LastFailure, PluginStats};
pub use status::{PluginState, PluginStatus};
pub use tape::HostCall;
pub use trial::{Trial, TrialOptions, Tried};
pub use trust::Trust;
pub use watch::FolderState;

/// A mutex's content, also after a panic of another thread: everything behind mutexes here is valid at any time.
fn lock_mutex<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
