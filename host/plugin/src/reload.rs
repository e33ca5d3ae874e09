//! Reads the plugin folders and makes the table of plugins that the host runs: at start and at each reload. Identity is the
//! content's digest, never a time stamp. A file that cannot be loaded never replaces a plugin that runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::backoff::BackOff;
use crate::compile::Aside;
use crate::error::Error;
use crate::folder::{self, PluginFile, plugin_files};
use crate::grant::{Capability, Grants};
use crate::host::Inner;
use crate::install::read_package;
use crate::limits::CallLimits;
use crate::load::LoadedPlugin;
use crate::lock::{BUNDLED_LOCK, Effective, LockFile, OPERATOR_LOCK, effective};
use crate::package::{Digest, Package};
use crate::record::Record;
use crate::status::{PluginState, PluginStatus};

/// What a reload changed, by plugin name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReloadReport {
    /// Now there for the first time.
    pub added: Vec<String>,
    /// Running from another file or with other grants.
    pub replaced: Vec<String>,
    /// No longer there.
    pub removed: Vec<String>,
    /// Could not be loaded, and why; what ran before runs on. An empty name: the folder or a lock file cannot be read, nothing was
    /// changed.
    pub failed: Vec<(String, String)>,
}

/// A plugin of the table.
#[derive(Debug)]
pub(crate) struct Entry {
    name: String,
    path: PathBuf,
    is_bundled: bool,
    /// Without its bytes; none if the file could not be read.
    pub(crate) package: Option<Package>,
    effective: Effective,
    pub(crate) loaded: Result<Arc<LoadedPlugin>, String>,
    reload_problem: Option<String>,
    record: Record,
    pub(crate) back_off: Arc<Mutex<BackOff>>,
}

/// One reading of the folders.
pub(crate) struct Loading<'a> {
    inner: &'a Arc<Inner>,
    operator: LockFile,
    /// By folder: the bundled lock of each.
    bundled: Vec<(PathBuf, bool, LockFile)>,
    files: Vec<(PluginFile, usize)>,
    /// Nobody commits a change while lock files and plugins are read.
    _whole_changes_only: Option<std::fs::File>,
}

impl<'a> Loading<'a> {
    /// Reads lock files and lists files; nothing is changed yet.
    pub(crate) fn new(inner: &'a Arc<Inner>) -> Result<Self, Error> {
        let options = &inner.options;
        let held = folder::hold_shared(&options.plugins_dir)?;
        let operator = LockFile::read(&options.plugins_dir.join(OPERATOR_LOCK))?;
        if inner.is_locked {
            let differences = crate::locked::differences(&options.plugins_dir, options.bundled_dir.as_deref(), &[])?;
            if !differences.is_empty() {
                return Err(Error::NotLocked { differences });
            }
        }
        let mut loading = Self { inner, operator, bundled: Vec::new(), files: Vec::new(), _whole_changes_only: held };
        let folders = options.bundled_dir.iter().map(|folder| (folder, true)).chain([(&options.plugins_dir, false)]);
        for (folder, is_bundled) in folders {
            let lock = LockFile::read(&folder.join(BUNDLED_LOCK))?;
            let staged = if is_bundled { &LockFile::default() } else { &loading.operator };
            loading.files.extend(plugin_files(folder, staged)?.into_iter().map(|file| (file, loading.bundled.len())));
            loading.bundled.push((folder.clone(), is_bundled, lock));
        }
        Ok(loading)
    }

    /// Loads what is new or changed and swaps the table.
    pub(crate) fn run(self) -> ReloadReport {
        let _one_at_a_time = crate::lock_mutex(&self.inner.reloading);
        let old = self.inner.plugins.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut report = ReloadReport::default();
        let mut table: BTreeMap<String, Arc<Entry>> = BTreeMap::new();
        // The operator's folder comes last, so its plugins win; a broken file there does not unseat a bundled one that runs.
        for (file, folder) in &self.files {
            let entry = self.entry(file, *folder, &old);
            if let Some(problem) = entry.reload_problem.as_ref().or(entry.loaded.as_ref().err()) {
                tracing::warn!(plugin = entry.name, path = %file.path.display(), "{problem}");
                report.failed.push((entry.name.clone(), problem.clone()));
            }
            match table.get(&entry.name) {
                Some(first) if first.loaded.is_ok() && entry.loaded.is_err() => {}
                _ => drop(table.insert(entry.name.clone(), Arc::new(entry))),
            }
        }
        for (name, entry) in &table {
            match old.get(name) {
                None => report.added.push(name.clone()),
                Some(before) if !before.is_same(entry) => report.replaced.push(name.clone()),
                Some(_) => {}
            }
        }
        let gone: BTreeSet<&String> = old.keys().filter(|name| !table.contains_key(*name)).collect();
        report.removed = gone.into_iter().cloned().collect();
        *self.inner.plugins.write().unwrap_or_else(PoisonError::into_inner) = table;
        report
    }

    fn entry(&self, file: &PluginFile, folder: usize, old: &BTreeMap<String, Arc<Entry>>) -> Entry {
        let (_, is_bundled, bundled) = &self.bundled[folder];
        let (path, stem) = (file.path.as_path(), file.stem());
        let package = read_package(file).and_then(|package| check_file_name(package, &stem));
        let package = package.and_then(|package| if self.inner.is_locked { self.check_locked(package, bundled) } else { Ok(package) });
        let name = package.as_ref().map_or(stem, |package| package.manifest.name.clone());
        let before = old.get(&name);
        let record = before.map(|entry| entry.record.clone()).unwrap_or_default();
        let back_off = before.map(|entry| Arc::clone(&entry.back_off)).unwrap_or_default();
        let fresh = |package: Option<Package>, effective: Effective, loaded: Result<Arc<LoadedPlugin>, String>| Entry {
            name: name.clone(),
            path: path.to_owned(),
            is_bundled: *is_bundled,
            package: package.map(|package| Package { bytes: Arc::from([]), ..package }),
            effective,
            loaded,
            reload_problem: None,
            record: record.clone(),
            back_off: Arc::clone(&back_off),
        };
        let (package, effective, error) = match package {
            Err(error) => (None, Effective::default(), error),
            Ok(package) => {
                let effective = effective(&self.operator, bundled, &package);
                let overrides = self.inner.overrides.read().unwrap_or_else(PoisonError::into_inner);
                let overrides = overrides.get(&name).cloned().unwrap_or_default();
                let limits = self.inner.options.limits.of(&package.manifest, &overrides);
                if let Some(before) = before.filter(|before| before.runs(package.digest, &effective, &limits)) {
                    return fresh(Some(package), effective, before.loaded.clone());
                }
                let inner = self.inner;
                let aside = inner.options.compiler.as_deref().filter(|_| !bundled.has(&package)).map(|program| Aside {
                    program,
                    cache_dir: &inner.options.cache_dir,
                    engine: &inner.engine,
                });
                match LoadedPlugin::load(&inner.engine, &package, &effective, limits, &inner.shared, &record, aside.as_ref()) {
                    Ok(loaded) => {
                        // A new file or grant begins with a clean slate.
                        *crate::lock_mutex(&back_off) = BackOff::default();
                        return fresh(Some(package), effective, Ok(Arc::new(loaded)));
                    }
                    Err(error) => (Some(package), effective, error),
                }
            }
        };
        match before {
            // A revoked grant must take effect; a broken file must not.
            Some(before) if before.loaded.is_ok() && before.path == path && !matches!(error, Error::Ungranted { .. }) => Entry {
                reload_problem: Some(error.line()),
                effective: before.effective.clone(),
                ..fresh(before.package.clone(), Effective::default(), before.loaded.clone())
            },
            _ => fresh(package, effective, Err(error.line())),
        }
    }
}

impl Loading<'_> {
    /// The file could have changed since the folders were compared with the lock files.
    fn check_locked(&self, package: Package, bundled: &LockFile) -> Result<Package, Error> {
        match self.operator.has(&package) || bundled.has(&package) {
            true => Ok(package),
            false => Err(Error::NotAPlugin { problem: format!("no lock file has {}", package.digest), path: package.path }),
        }
    }
}

impl Entry {
    fn runs(&self, digest: Digest, effective: &Effective, limits: &CallLimits) -> bool {
        let is_file = self.package.as_ref().is_some_and(|package| package.digest == digest);
        is_file && self.effective == *effective && self.loaded.as_ref().is_ok_and(|loaded| loaded.context.limits == *limits)
    }

    fn is_same(&self, other: &Self) -> bool {
        match (&self.loaded, &other.loaded) {
            (Ok(own), Ok(others)) => Arc::ptr_eq(own, others),
            (Err(own), Err(others)) => own == others,
            _ => false,
        }
    }

    pub(crate) fn failures(&self, plugin: &str) -> Vec<crate::Recording> {
        self.record.failures.read(plugin)
    }

    pub(crate) fn status(&self, now: Instant) -> PluginStatus {
        let manifest = self.package.as_ref().map(|package| &package.manifest);
        let asked = manifest.map(|manifest| Grants::asked(&manifest.capabilities)).unwrap_or_default();
        let reason = |capability| Some((capability, manifest?.capabilities.reason(capability)?.to_owned()));
        PluginStatus {
            name: self.name.clone(),
            version: manifest.map(|manifest| manifest.version.to_string()).unwrap_or_default(),
            kind: manifest.map(|manifest| manifest.kind),
            digest: self.package.as_ref().map(|package| package.digest),
            description: manifest.map(|manifest| manifest.description.clone()).unwrap_or_default(),
            license: manifest.map(|manifest| manifest.license.clone()).unwrap_or_default(),
            path: self.path.clone(),
            is_bundled: self.is_bundled,
            missing: asked.without(&self.effective.grants),
            asked,
            reasons: Capability::ALL.into_iter().filter_map(reason).collect(),
            granted: self.effective.grants.clone(),
            imports: self.package.as_ref().map(|package| package.imports.clone()).unwrap_or_default(),
            state: self.loaded.as_ref().map_or_else(|problem| PluginState::Refused(problem.clone()), |_| PluginState::Ready),
            reload_problem: self.reload_problem.clone(),
            is_backing_off: crate::lock_mutex(&self.back_off).is_active(now),
            compile_time: self.loaded.as_ref().map_or(Duration::ZERO, |loaded| loaded.compile_time),
            stats: self.record.counters.read(),
            uses: self.record.uses.read(),
        }
    }
}

/// Two files could else claim the same name, and which one runs would be chance.
fn check_file_name(package: Package, stem: &str) -> Result<Package, Error> {
    if package.manifest.name == stem {
        return Ok(package);
    }
    let problem = format!("its manifest says it is \"{0}\"; rename the file to {0}.wasm", package.manifest.name);
    Err(Error::NotAPlugin { path: package.path, problem })
}

#[cfg(test)]
mod tests;
