//! The operator's side of a plugins folder: plan, install, roll back, list, show, remove, grant, revoke. How a change reaches the disk
//! is `folder.rs`, how a plugin is fetched `source.rs`. Asking the operator and printing are the command line's.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use semver::Version;

use crate::Error;
use crate::compare::Changes;
use crate::error::suggestion;
use crate::folder::{self, PluginFile, plugin_files};
use crate::grant::{Capability, Grants};
use crate::limits::Limits;
use crate::lock::{BUNDLED_LOCK, LockEntry, LockFile, OPERATOR_LOCK, effective};
use crate::package::{Package, inspect_bytes, read_plugin_file};
use crate::source::{Candidate, SourceOptions, fetch};

/// What installing a plugin would do; its `Display` is what the operator reads before he answers.
#[derive(Debug, Clone)]
pub struct InstallPlan {
    /// What would be installed.
    pub candidate: Candidate,
    /// The version that it would replace, if any.
    pub replaces: Option<String>,
    /// What it asks for.
    pub asked: Grants,
    /// What it asks for beyond what it asked for (or was granted) when the operator decided last.
    pub new: Grants,
    /// What it could do afterwards: what the operator granted before, as far as it is still asked for, and what is new. What he
    /// took back stays taken back.
    pub granted: Grants,
    /// What is different from the file that it would replace, if that can be read.
    pub changes: Option<Changes>,
    /// What was granted before, to the same author.
    inherited: Grants,
    /// The entry that the plan is made against.
    entry: Option<LockEntry>,
}

/// A plugin in a folder, as `list` and `show` give it.
#[derive(Debug, Clone)]
pub struct Installed {
    /// The file.
    pub path: PathBuf,
    /// Its package, or why it is none.
    pub package: Result<Package, String>,
    /// What it may do.
    pub granted: Grants,
    /// Why an earlier grant does not count, or empty.
    pub note: String,
}

impl Installed {
    /// Its name; for a file that is no plugin, the file's name without `.wasm`.
    pub fn name(&self) -> String {
        match &self.package {
            Ok(package) => package.manifest.name.clone(),
            Err(_) => self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// What it asks for and may not do.
    pub fn missing(&self) -> Grants {
        self.package.as_ref().map(|package| Grants::asked(&package.manifest.capabilities).without(&self.granted)).unwrap_or_default()
    }
}

/// Looks at what installing a plugin into a folder would change. Changes nothing. `bundled_dir` is where the plugin lies that would be
/// replaced, if it came with cepmon.
pub fn plan(plugins_dir: &Path, bundled_dir: Option<&Path>, candidate: Candidate) -> Result<InstallPlan, Error> {
    let lock = LockFile::read(&plugins_dir.join(OPERATOR_LOCK))?;
    let name = candidate.package.manifest.name.clone();
    let entry = lock.find(&name).cloned();
    let asked = Grants::asked(&candidate.package.manifest.capabilities);
    let inherited = entry.as_ref().filter(|entry| is_of_same_author(entry, &candidate));
    let (decided, granted) = inherited.map(|entry| (entry.asked.clone(), entry.granted.clone())).unwrap_or_default();
    let new = asked.without(&decided).without(&granted);
    let kept = granted.without(&decided.without(&asked));
    let old = installed_package(plugins_dir, bundled_dir, &name);
    let changes = old.as_ref().map(|old| {
        let signer = entry.as_ref().filter(|entry| entry.digest == old.digest.to_string()).and_then(|entry| entry.signer.clone());
        Changes::new(old, signer, &candidate)
    });
    Ok(InstallPlan {
        replaces: old.map(|old| old.manifest.version.to_string()).or_else(|| entry.as_ref().map(|entry| entry.version.clone())),
        granted: joined(&kept, &new),
        new,
        asked,
        changes,
        inherited: granted,
        entry,
        candidate,
    })
}

/// Whether what the operator granted under a name holds for what comes under it now. A plugin of another signer, or in the place of
/// one that was not installed (it came with cepmon, or was dropped in), has only its name in common: all that it asks for is new.
fn is_of_same_author(entry: &LockEntry, candidate: &Candidate) -> bool {
    let is_very_file = entry.digest == candidate.package.digest.to_string();
    is_very_file || entry.source.is_some() && (entry.signer.is_none() || entry.signer == candidate.signer)
}

impl InstallPlan {
    /// Whether the very file is installed already.
    pub fn is_installed(&self) -> bool {
        let is_locked = self.entry.as_ref().is_some_and(|entry| entry.digest == self.candidate.package.digest.to_string());
        is_locked && self.changes.as_ref().is_some_and(Changes::is_same_file)
    }

    /// The same plan with what was granted elsewhere: no more than that, and what is not granted here is new.
    pub(crate) fn granting(mut self, elsewhere: &Grants) -> Self {
        // To what it does not even ask for, a grant would mean nothing.
        let asked = |&capability: &Capability| self.asked.allows(capability);
        let useful = Capability::ALL.into_iter().filter(asked);
        let elsewhere: Grants = useful.map(|capability| (capability, elsewhere.of(capability).map(str::to_owned).collect())).collect();
        self.new = elsewhere.without(&self.inherited);
        self.granted = elsewhere;
        self
    }

    /// The plan was made, and shown, for the entry that was there then.
    pub(crate) fn check_still_fits(&self, lock: &LockFile) -> Result<(), Error> {
        if lock.find(&self.candidate.package.manifest.name) == self.entry.as_ref() {
            return Ok(());
        }
        let problem = "plugins.lock has changed meanwhile; run the command again".to_owned();
        Err(Error::Undecided { origin: self.candidate.source.clone(), problem })
    }

    /// Refuses to put an older version in the place of a newer one.
    pub fn check_not_older(&self) -> Result<(), Error> {
        let version = &self.candidate.package.manifest.version;
        let replaced = self.replaces.as_deref().and_then(|version| Version::parse(version).ok());
        match replaced.filter(|replaced| version < replaced) {
            None => Ok(()),
            Some(replaced) => Err(Error::Undecided {
                origin: self.candidate.source.clone(),
                problem: format!("it is version {version}, installed is {replaced}; pass --downgrade if you mean it"),
            }),
        }
    }
}

/// The plugin that runs under a name now.
fn installed_package(plugins_dir: &Path, bundled_dir: Option<&Path>, name: &str) -> Option<Package> {
    let find = |folder: &Path| {
        let lock = LockFile::read(&folder.join(OPERATOR_LOCK)).ok()?;
        let file = plugin_files(folder, &lock).ok()?.into_iter().find(|file| file.stem() == name)?;
        read_package(&file).ok()
    };
    find(plugins_dir).or_else(|| find(bundled_dir?))
}

pub(crate) fn read_package(file: &PluginFile) -> Result<Package, Error> {
    inspect_bytes(&file.path, read_plugin_file(&file.content, Limits::default().wasm_bytes)?)
}

/// What is in either.
fn joined(a: &Grants, b: &Grants) -> Grants {
    let mut all = a.clone();
    all.extend(Capability::ALL.map(|capability| (capability, b.of(capability).map(str::to_owned).collect())));
    all
}

impl fmt::Display for InstallPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let package = &self.candidate.package;
        let manifest = &package.manifest;
        writeln!(f, "plugin   {} {} ({})", manifest.name, manifest.version, manifest.kind)?;
        writeln!(f, "         {}", manifest.description)?;
        if let Some(version) = &self.replaces {
            writeln!(f, "replaces {version}")?;
        }
        writeln!(f, "license  {}", manifest.license)?;
        if let Some(source) = &manifest.source {
            writeln!(f, "source   {source}")?;
        }
        writeln!(f, "file     {} ({} KiB)", package.path.display(), package.bytes.len().div_ceil(1024))?;
        writeln!(f, "digest   {}", package.digest)?;
        if let Some(index) = &self.candidate.index {
            writeln!(f, "index    {index}")?;
        }
        if let Some(signer) = &self.candidate.signer {
            writeln!(f, "signed   by the key {signer}")?;
        }
        if package.is_foreign() {
            writeln!(f, "built for WASI: it gets clocks, random numbers and its output in the log; no files, no network")?;
        }
        if self.asked.is_empty() {
            return writeln!(f, "it asks for nothing: it can reach neither network nor files");
        }
        writeln!(f, "it asks for")?;
        for capability in Capability::ALL {
            let Some(reason) = manifest.capabilities.reason(capability) else { continue };
            writeln!(f, "  {capability}: {reason}")?;
            for word in joined(&self.asked, &self.new).of(capability) {
                let mark = match (self.new.has(capability, word), self.granted.has(capability, word)) {
                    (true, _) if self.entry.is_some() => " (new)",
                    (false, false) => " (you have not granted it)",
                    _ => "",
                };
                writeln!(f, "    {word}{mark}")?;
            }
        }
        Ok(())
    }
}

/// Carries a plan out, if the folder still is what it was made for. When this returns, file and grants are on disk; killed before,
/// both are there or none.
pub fn install(plugins_dir: &Path, plan: &InstallPlan) -> Result<(), Error> {
    folder::change(plugins_dir, |draft| {
        plan.check_still_fits(&draft.lock)?;
        put(draft, &plan.candidate, plan.granted.clone());
        Ok(())
    })
}

/// Adds a plugin to a change.
pub(crate) fn put(draft: &mut folder::Draft, candidate: &Candidate, granted: Grants) {
    let Candidate { package, source, index, signer, signature } = candidate;
    let entry = LockEntry {
        index: index.clone(),
        signer: signer.clone(),
        signature: signature.clone(),
        ..LockEntry::of(package, granted, Some(source.clone()))
    };
    draft.put(entry, package.digest, Arc::clone(&package.bytes));
}

/// Fetches a plugin again from where the lock says that it came from; by its name, if it came from an index.
pub fn fetch_upgrade(plugins_dir: &Path, name: &str, options: &SourceOptions) -> Result<Candidate, Error> {
    let lock = LockFile::read(&plugins_dir.join(OPERATOR_LOCK))?;
    let Some(entry) = lock.find(name) else { return Err(unknown(name, &list(plugins_dir)?)) };
    let candidate = match (&entry.index, &entry.source) {
        (Some(index), _) => {
            let index = options.index.as_ref().unwrap_or(index).clone();
            fetch(name, &SourceOptions { index: Some(index), ..options.clone() })?
        }
        (None, Some(source)) => fetch(source, options)?,
        (None, None) => {
            let problem = format!("{OPERATOR_LOCK} does not say where it came from; run: cepmon plugin install SOURCE");
            return Err(Error::Undecided { origin: name.to_owned(), problem });
        }
    };
    if candidate.package.manifest.name == name {
        return Ok(candidate);
    }
    let problem = format!("it is the plugin \"{}\", not \"{name}\" any more", candidate.package.manifest.name);
    Err(Error::Distrust { origin: candidate.source, problem })
}

/// The names in the operator's lock that say where they came from.
pub fn upgradable(plugins_dir: &Path) -> Result<Vec<String>, Error> {
    let lock = LockFile::read(&plugins_dir.join(OPERATOR_LOCK))?;
    Ok(lock.plugins.into_iter().filter(|entry| entry.source.is_some()).map(|entry| entry.name).collect())
}

/// Brings the file and the grants back that were there before the last install, and keeps the present ones for the next rollback.
/// Gives the version that is in force then.
pub fn rollback(plugins_dir: &Path, name: &str) -> Result<String, Error> {
    show(plugins_dir, name)?;
    folder::change(plugins_dir, |draft| {
        let Some(previous) = draft.lock.find(name).and_then(|entry| entry.previous.clone()) else {
            let problem = "nothing was kept from before; install the version that you want".to_owned();
            return Err(Error::Rollback { name: name.to_owned(), problem });
        };
        let bytes = folder::stored(plugins_dir, &previous.digest)
            .map_err(|error| Error::Rollback { name: name.to_owned(), problem: error.line() })?;
        let version = previous.version.clone();
        draft.put(*previous, crate::Digest::of(&bytes), bytes);
        Ok(version)
    })
}

/// Removes a plugin's file and its grants, also of a file that is no plugin.
pub fn remove(plugins_dir: &Path, name: &str) -> Result<(), Error> {
    let is_there = folder::change(plugins_dir, |draft| Ok(draft.remove(name)))?;
    if is_there { Ok(()) } else { Err(unknown(name, &list(plugins_dir)?)) }
}

/// Gives a plugin of the folder (or of `bundled_dir`) what the words name, in the spelling of [`Grants::grant`]. The grant
/// holds for the file as it is now.
pub fn grant(plugins_dir: &Path, bundled_dir: Option<&Path>, name: &str, words: &[String]) -> Result<Grants, Error> {
    change_grants(plugins_dir, bundled_dir, name, |grants, package| words.iter().try_for_each(|word| grants.grant(&package.manifest, word)))
}

/// Takes back what the words name.
pub fn revoke(plugins_dir: &Path, bundled_dir: Option<&Path>, name: &str, words: &[String]) -> Result<Grants, Error> {
    change_grants(plugins_dir, bundled_dir, name, |grants, _| words.iter().try_for_each(|word| grants.revoke(name, word)))
}

/// The plugins of a folder, sorted by name; a missing folder is an empty one.
pub fn list(plugins_dir: &Path) -> Result<Vec<Installed>, Error> {
    list_with(plugins_dir, plugins_dir)
}

/// One plugin of a folder.
pub fn show(plugins_dir: &Path, name: &str) -> Result<Installed, Error> {
    let mut installed = list(plugins_dir)?;
    match installed.iter().position(|plugin| plugin.name() == name) {
        Some(at) => Ok(installed.swap_remove(at)),
        None => Err(unknown(name, &installed)),
    }
}

fn list_with(folder: &Path, plugins_dir: &Path) -> Result<Vec<Installed>, Error> {
    let _whole_changes_only = folder::hold_shared(plugins_dir)?;
    let operator = LockFile::read(&plugins_dir.join(OPERATOR_LOCK))?;
    let bundled = LockFile::read(&folder.join(BUNDLED_LOCK))?;
    let installed =
        plugin_files(folder, &LockFile::read(&folder.join(OPERATOR_LOCK))?)?.into_iter().map(|file| match read_package(&file) {
            Ok(package) => {
                let effective = effective(&operator, &bundled, &package);
                Installed { path: file.path, package: Ok(package), granted: effective.grants, note: effective.note }
            }
            Err(error) => Installed { path: file.path, package: Err(error.line()), granted: Grants::default(), note: String::new() },
        });
    Ok(installed.collect())
}

fn change_grants(
    plugins_dir: &Path,
    bundled_dir: Option<&Path>,
    name: &str,
    change: impl Fn(&mut Grants, &Package) -> Result<(), Error>,
) -> Result<Grants, Error> {
    let mut installed = list(plugins_dir)?;
    if let Some(folder) = bundled_dir {
        installed.extend(list_with(folder, plugins_dir)?);
    }
    let Some(at) = installed.iter().position(|plugin| plugin.name() == name) else { return Err(unknown(name, &installed)) };
    let Installed { package, mut granted, path, .. } = installed.swap_remove(at);
    let package = package.map_err(|problem| Error::NotAPlugin { path, problem })?;
    change(&mut granted, &package)?;
    folder::change(plugins_dir, |draft| {
        let fresh = LockEntry::of(&package, granted.clone(), None);
        // Where the very file came from and what was before it stays known.
        let entry = match draft.lock.find(name).filter(|entry| entry.digest == fresh.digest) {
            Some(entry) => LockEntry { asked: fresh.asked, granted: fresh.granted, ..entry.clone() },
            None => fresh,
        };
        draft.lock.put(entry);
        Ok(())
    })?;
    Ok(granted)
}

fn unknown(name: &str, installed: &[Installed]) -> Error {
    let names: Vec<String> = installed.iter().map(Installed::name).collect();
    Error::UnknownPlugin { name: name.to_owned(), suggestion: suggestion(name, names.iter().map(String::as_str)) }
}

#[cfg(test)]
mod tests;
