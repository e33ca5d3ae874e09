//! Whether the folders hold exactly what their lock files say: for `cepmon plugin verify`, and for a server that runs locked.

use std::collections::BTreeSet;
use std::path::Path;

use crate::Error;
use crate::folder::{self, PluginFile, plugin_files};
use crate::limits::Limits;
use crate::lock::{BUNDLED_LOCK, LockEntry, LockFile, OPERATOR_LOCK};
use crate::package::{Digest, read_plugin_file};
use crate::signature::{TrustedKey, verify};

/// Compares the operator's folder, and the one of plugins that come with cepmon, with their lock files; with keys, signatures that the
/// lock holds are verified again. Gives a sentence for each difference.
pub fn differences(plugins_dir: &Path, bundled_dir: Option<&Path>, keys: &[TrustedKey]) -> Result<Vec<String>, Error> {
    let _whole_changes_only = folder::hold_shared(plugins_dir)?;
    let operator = LockFile::read(&plugins_dir.join(OPERATOR_LOCK))?;
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for folder in [Some(plugins_dir), bundled_dir].into_iter().flatten() {
        let bundled = LockFile::read(&folder.join(BUNDLED_LOCK))?;
        let own = if folder == plugins_dir { operator.clone() } else { LockFile::default() };
        for file in plugin_files(folder, &own)? {
            let locks = [operator.find(&file.stem()), bundled.find(&file.stem())];
            found.extend(difference(&file, &locks, keys));
            names.insert(file.stem());
        }
        let missing = bundled.plugins.iter().filter(|entry| !names.contains(&entry.name));
        found.extend(missing.map(|entry| format!("\"{}\": {BUNDLED_LOCK} has it, {} is missing", entry.name, own_path(folder, entry))));
    }
    let missing = operator.plugins.iter().filter(|entry| !names.contains(&entry.name));
    found.extend(missing.map(|entry| format!("\"{}\": {OPERATOR_LOCK} has it, {} is missing", entry.name, own_path(plugins_dir, entry))));
    Ok(found)
}

fn own_path(folder: &Path, entry: &LockEntry) -> String {
    format!("\"{}\"", folder.join(format!("{}.wasm", entry.name)).display())
}

fn difference(file: &PluginFile, locks: &[Option<&LockEntry>; 2], keys: &[TrustedKey]) -> Option<String> {
    let name = file.stem();
    let bytes = match read_plugin_file(&file.content, Limits::default().wasm_bytes) {
        Ok(bytes) => bytes,
        Err(error) => return Some(error.line()),
    };
    let digest = Digest::of(&bytes).to_string();
    let known: Vec<&LockEntry> = locks.iter().flatten().copied().collect();
    let Some(entry) = known.iter().find(|entry| entry.digest == digest) else {
        return Some(match known.first() {
            None => format!("\"{name}\": \"{}\" is in no lock file; run: cepmon plugin grant {name} …, or remove it", file.path.display()),
            Some(entry) => format!("\"{name}\": \"{}\" has {digest}, the lock says {}", file.path.display(), entry.digest),
        });
    };
    let signature = entry.signature.as_ref().filter(|_| !keys.is_empty())?;
    verify(keys, &bytes, signature).err().map(|problem| format!("\"{name}\": {problem}"))
}

#[cfg(test)]
mod tests;
