//! Lock files: which file may do what. `plugins.lock` is the operator's, `bundled.lock` is written by a build for first-party
//! plugins. Both are TOML, sorted by name, meant for version control, keyed by name and digest; they are rewritten by rename. The
//! operator's overrides the build's and is never touched by a build.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::folder::fault;
use crate::grant::Grants;
use crate::limits::Limits;
use crate::manifest::is_plugin_name;
use crate::package::{Digest, Package, inspect};

/// The operator's lock file, beside the plugins.
pub(crate) const OPERATOR_LOCK: &str = "plugins.lock";
/// The build's lock file, beside the plugins.
pub(crate) const BUNDLED_LOCK: &str = "bundled.lock";

/// A lock file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockFile {
    /// One entry a plugin, sorted by name.
    #[serde(default, rename = "plugin", skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<LockEntry>,
}

/// What one plugin's file may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockEntry {
    /// The plugin's name.
    pub name: String,
    /// Its version, for people.
    pub version: String,
    /// The file's digest, `sha256:…`: the grants hold for this file only.
    pub digest: String,
    /// Where it was installed from: a path or a URL, where an upgrade looks again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The index in which its name was found, if it was; an upgrade asks it for the newest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// The id of the pinned key that vouched for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The file's own signature by that key (minisign), so that it can be checked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// What its manifest asked for when the grants were given.
    #[serde(default, skip_serializing_if = "Grants::is_empty")]
    pub asked: Grants,
    /// What it may do.
    #[serde(default, skip_serializing_if = "Grants::is_empty")]
    pub granted: Grants,
    /// What a rollback would bring back; it has none of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Box<LockEntry>>,
}

impl LockEntry {
    pub(crate) fn of(package: &Package, granted: Grants, source: Option<String>) -> Self {
        Self {
            name: package.manifest.name.clone(),
            version: package.manifest.version.to_string(),
            digest: package.digest.to_string(),
            source,
            index: None,
            signer: None,
            signature: None,
            asked: Grants::asked(&package.manifest.capabilities),
            granted,
            previous: None,
        }
    }
}

impl LockFile {
    /// Reads a lock file; a missing one is empty.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Error::file("read lock file", path)(error)),
        };
        Self::parse(text.as_bytes(), path)
    }

    /// Reads a lock file's text; `path` is for messages.
    pub(crate) fn parse(text: &[u8], path: &Path) -> Result<Self, Error> {
        let fail = |problem: String| Error::Lock { path: path.to_owned(), problem };
        let text = std::str::from_utf8(text).map_err(|error| fail(format!("byte {}: not UTF-8", error.valid_up_to())))?;
        let lock: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            fail(format!("line {line}: {}", error.message().replace('\n', " ")))
        })?;
        for entry in &lock.plugins {
            // Both become parts of paths.
            if !is_plugin_name(&entry.name) {
                return Err(fail(format!("\"{}\" is not a plugin's name", entry.name)));
            }
            for digest in std::iter::once(&entry.digest).chain(entry.previous.as_ref().map(|previous| &previous.digest)) {
                if Digest::parse(digest).is_none() {
                    return Err(fail(format!("plugin \"{}\": \"{digest}\" is not a digest", entry.name)));
                }
            }
        }
        Ok(lock)
    }

    /// The entry of a plugin.
    pub fn find(&self, name: &str) -> Option<&LockEntry> {
        self.plugins.iter().find(|entry| entry.name == name)
    }

    /// Whether a package is the very file of the entry of its name.
    pub(crate) fn has(&self, package: &Package) -> bool {
        self.find(&package.manifest.name).is_some_and(|entry| entry.digest == package.digest.to_string())
    }

    /// Puts an entry in the place of the one of the same name.
    pub(crate) fn put(&mut self, entry: LockEntry) {
        self.plugins.retain(|old| old.name != entry.name);
        self.plugins.push(entry);
        self.plugins.sort_by(|a, b| a.name.cmp(&b.name));
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<LockEntry> {
        let at = self.plugins.iter().position(|entry| entry.name == name)?;
        Some(self.plugins.remove(at))
    }

    /// Rewrites the file: when this returns, it is on disk.
    pub(crate) fn write(&self, path: &Path, header: &str) -> Result<(), Error> {
        let body = toml::to_string(self).map_err(|error| Error::Lock { path: path.to_owned(), problem: error.to_string() })?;
        write_aside_past(path, format!("{header}\n\n{body}").as_bytes(), "lock-aside")
    }
}

/// The first lines of the operator's lock file.
pub(crate) const OPERATOR_HEADER: &str =
    "# Which plugin file may do what; the recorded grant is the effective grant. Written by `cepmon plugin`, fit for version control.";
const BUNDLED_HEADER: &str =
    "# Grants of the plugins that come with cepmon. Written by the build; grants of your own belong into plugins.lock.";

/// What a file may do, and why an earlier grant does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Effective {
    pub(crate) grants: Grants,
    /// Starts with `; `, or empty.
    pub(crate) note: String,
}

/// Reads the effective grant of a file: the one function that does. `bundled` is the build's lock of the file's own folder.
pub(crate) fn effective(operator: &LockFile, bundled: &LockFile, package: &Package) -> Effective {
    let (name, digest) = (package.manifest.name.as_str(), package.digest.to_string());
    let asked = Grants::asked(&package.manifest.capabilities);
    let is_bundled = bundled.find(name).is_some_and(|entry| entry.digest == digest);
    let nothing = |note: &str| Effective { grants: Grants::default(), note: note.to_owned() };
    match operator.find(name) {
        Some(entry) if entry.digest == digest => Effective { grants: entry.granted.clone(), note: String::new() },
        Some(entry) if is_bundled && asked.without(&entry.asked).is_empty() => {
            Effective { grants: entry.granted.clone(), note: String::new() }
        }
        Some(_) if is_bundled => nothing("; this version asks for more than the one that was granted"),
        Some(_) => nothing("; the file is not the one that was granted"),
        None => match bundled.find(name) {
            Some(entry) if is_bundled => Effective { grants: entry.granted.clone(), note: String::new() },
            Some(_) => nothing("; the file is not the one of bundled.lock"),
            None => nothing(""),
        },
    }
}

/// Writes `bundled.lock` for all plugins in a folder: everything that each asks for is granted. Gives the names of the plugins.
pub fn write_bundled_lock(folder: &Path) -> Result<Vec<String>, Error> {
    let mut lock = LockFile::default();
    for path in wasm_files(folder)? {
        let package = inspect(&path, Limits::default().wasm_bytes)?;
        let asked = Grants::asked(&package.manifest.capabilities);
        lock.put(LockEntry::of(&package, asked, None));
    }
    lock.write(&folder.join(BUNDLED_LOCK), BUNDLED_HEADER)?;
    Ok(lock.plugins.into_iter().map(|entry| entry.name).collect())
}

/// The `*.wasm` files of a folder, sorted; a missing folder is an empty one.
pub(crate) fn wasm_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let read = Error::file("read plugins folder", folder);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(read(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => files.push(entry.path()),
            Err(error) => return Err(read(error)),
        }
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    files.sort();
    Ok(files)
}

/// Writes a file beside its place and renames it: readers see the old or the new one, and when this returns it is on disk.
pub(crate) fn write_aside(path: &Path, content: &[u8]) -> Result<(), Error> {
    write_aside_past(path, content, "file-aside")
}

/// The same with a fault point of its own before the renaming.
pub(crate) fn write_aside_past(path: &Path, content: &[u8], fault_point: &'static str) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::file("create folder", folder))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder.join(format!(".{name}.{}.new", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&aside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fault::pass(fault_point);
        std::fs::rename(&aside, path)?;
        std::fs::File::open(folder)?.sync_all()
    };
    write().map_err(|error| {
        // The half-written file is of no use to anybody; that it cannot be removed either is not the news.
        std::fs::remove_file(&aside).ok();
        Error::file("write", path)(error)
    })
}

#[cfg(test)]
mod tests;
