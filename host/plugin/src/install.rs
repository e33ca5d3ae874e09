//! The operator's side of a plugins folder: install, list, show, remove, grant, revoke. Each step leaves a folder that is safe to
//! start from: the file is put in its place first and without a grant can do nothing; the lock, rewritten last, is the commit point.
//! Asking the operator and printing are the command line's.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};

use crate::Error;
use crate::error::suggestion;
use crate::grant::{Capability, Grants};
use crate::limits::Limits;
use crate::lock::{BUNDLED_LOCK, LockEntry, LockFile, OPERATOR_HEADER, OPERATOR_LOCK, effective, wasm_files, write_aside};
use crate::package::{Package, inspect, inspect_bytes};

/// What installing a package would do; its `Display` is what the operator reads before he answers.
#[derive(Debug, Clone)]
pub struct InstallPlan {
    /// The package.
    pub package: Package,
    /// The version that it would replace, if any.
    pub replaces: Option<String>,
    /// What it asks for.
    pub asked: Grants,
    /// What it asks for beyond what the operator has granted to the file that it replaces.
    pub new: Grants,
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

/// Looks at what installing a package into a folder would change. Changes nothing.
pub fn plan(plugins_dir: &Path, package: Package) -> Result<InstallPlan, Error> {
    let lock = LockFile::read(&plugins_dir.join(OPERATOR_LOCK))?;
    let asked = Grants::asked(&package.manifest.capabilities);
    let entry = lock.find(&package.manifest.name);
    let granted = entry.map(|entry| entry.granted.clone()).unwrap_or_default();
    Ok(InstallPlan { replaces: entry.map(|entry| entry.version.clone()), new: asked.without(&granted), asked, package })
}

impl fmt::Display for InstallPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let manifest = &self.package.manifest;
        writeln!(f, "plugin   {} {} ({})", manifest.name, manifest.version, manifest.kind)?;
        writeln!(f, "         {}", manifest.description)?;
        if let Some(version) = &self.replaces {
            writeln!(f, "replaces {version}")?;
        }
        writeln!(f, "license  {}", manifest.license)?;
        if let Some(source) = &manifest.source {
            writeln!(f, "source   {source}")?;
        }
        writeln!(f, "file     {} ({} KiB)", self.package.path.display(), self.package.bytes.len().div_ceil(1024))?;
        writeln!(f, "digest   {}", self.package.digest)?;
        if self.package.is_foreign() {
            writeln!(f, "built for WASI: it gets clocks, random numbers and its output in the log; no files, no network")?;
        }
        if self.asked.is_empty() {
            return writeln!(f, "it asks for nothing: it can reach neither network nor files");
        }
        writeln!(f, "it asks for")?;
        for capability in Capability::ALL {
            let Some(reason) = manifest.capabilities.reason(capability) else { continue };
            writeln!(f, "  {capability}: {reason}")?;
            for word in self.asked.of(capability) {
                let mark = if self.replaces.is_some() && self.new.has(capability, word) { " (new)" } else { "" };
                writeln!(f, "    {word}{mark}")?;
            }
        }
        Ok(())
    }
}

/// Puts a package into a folder and records its grants. When this returns, both are on disk.
pub fn install(plugins_dir: &Path, package: &Package, granted: Grants) -> Result<(), Error> {
    let name = &package.manifest.name;
    // The bytes at hand are the bytes that were looked at; whatever lies at the source path by now does not matter.
    inspect_bytes(&package.path, Arc::clone(&package.bytes))?;
    let source = std::fs::canonicalize(&package.path).unwrap_or_else(|_| package.path.clone());
    change_lock(plugins_dir, |lock| {
        write_aside(&plugins_dir.join(format!("{name}.wasm")), &package.bytes)?;
        lock.put(LockEntry::of(package, granted, Some(source.display().to_string())));
        Ok(())
    })
}

/// Removes a plugin's file and its grants.
pub fn remove(plugins_dir: &Path, name: &str) -> Result<(), Error> {
    let path = installed_path(plugins_dir, name)?;
    change_lock(plugins_dir, |lock| {
        std::fs::remove_file(&path).map_err(Error::file("remove plugin file", &path))?;
        lock.take(name);
        Ok(())
    })
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
    let operator = LockFile::read(&plugins_dir.join(OPERATOR_LOCK))?;
    let bundled = LockFile::read(&folder.join(BUNDLED_LOCK))?;
    let installed = wasm_files(folder)?.into_iter().map(|path| match inspect(&path, Limits::default().wasm_bytes) {
        Ok(package) => {
            let effective = effective(&operator, &bundled, &package);
            Installed { path, package: Ok(package), granted: effective.grants, note: effective.note }
        }
        Err(error) => Installed { path, package: Err(error.line()), granted: Grants::default(), note: String::new() },
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
    change_lock(plugins_dir, |lock| {
        let source = lock.find(name).and_then(|entry| entry.source.clone());
        lock.put(LockEntry::of(&package, granted.clone(), source));
        Ok(())
    })?;
    Ok(granted)
}

fn installed_path(plugins_dir: &Path, name: &str) -> Result<PathBuf, Error> {
    // Also a broken file can be removed, so its name is what counts, not what it says of itself.
    let files = wasm_files(plugins_dir)?;
    let names: Vec<String> = files.iter().map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned()).collect();
    match names.iter().position(|own| own == name) {
        Some(at) => Ok(files[at].clone()),
        None => Err(Error::UnknownPlugin { name: name.to_owned(), suggestion: suggestion(name, names.iter().map(String::as_str)) }),
    }
}

fn unknown(name: &str, installed: &[Installed]) -> Error {
    let names: Vec<String> = installed.iter().map(Installed::name).collect();
    Error::UnknownPlugin { name: name.to_owned(), suggestion: suggestion(name, names.iter().map(String::as_str)) }
}

/// Reads, changes and rewrites the operator's lock while nobody else does.
fn change_lock(plugins_dir: &Path, change: impl FnOnce(&mut LockFile) -> Result<(), Error>) -> Result<(), Error> {
    std::fs::create_dir_all(plugins_dir).map_err(Error::file("create plugins folder", plugins_dir))?;
    let folder = std::fs::File::open(plugins_dir).map_err(Error::file("open plugins folder", plugins_dir))?;
    flock(&folder, FlockOperation::LockExclusive).map_err(|errno| Error::file("lock plugins folder", plugins_dir)(errno.into()))?;
    let path = plugins_dir.join(OPERATOR_LOCK);
    let mut lock = LockFile::read(&path)?;
    change(&mut lock)?;
    lock.write(&path, OPERATOR_HEADER)
}

#[cfg(test)]
mod tests;
