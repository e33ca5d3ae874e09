//! Bundles: the operator's plugins and their lock in one tar, for machines without a network. What comes out is checked like any file
//! from elsewhere: names, digests, sizes, and what it asks for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Error;
use crate::folder::{self, plugin_files};
use crate::install::{InstallPlan, plan, put};
use crate::limits::Limits;
use crate::lock::{LockEntry, LockFile, OPERATOR_LOCK};
use crate::manifest::is_plugin_name;
use crate::package::{Digest, inspect_bytes, read_plugin_file};
use crate::signature::{TrustedKey, verify};
use crate::source::Candidate;

/// A lock of a thousand plugins has about a megabyte.
const MAX_LOCK_BYTES: u64 = 8 << 20;
/// All files of a bundle.
const MAX_BYTES: u64 = 1 << 30;

/// Writes the plugins of a folder and their lock. Refuses to pass on a file that is not the one of the lock. Gives the names.
pub fn export(plugins_dir: &Path, bundle: &Path) -> Result<Vec<String>, Error> {
    let _whole_changes_only = folder::hold_shared(plugins_dir)?;
    let fail = |problem: String| Error::Bundle { action: "write", path: bundle.to_owned(), problem };
    let lock = LockFile::read(&plugins_dir.join(OPERATOR_LOCK))?;
    let files = plugin_files(plugins_dir, &lock)?;
    let mut exported = LockFile::default();
    let mut archive = tar::Builder::new(Vec::new());
    for file in &files {
        let name = file.stem();
        let bytes = read_plugin_file(&file.content, Limits::default().wasm_bytes)?;
        let digest = Digest::of(&bytes).to_string();
        let Some(entry) = lock.find(&name).filter(|entry| entry.digest == digest) else {
            return Err(fail(format!("\"{}\" is not the file of {OPERATOR_LOCK}; run: cepmon plugin verify", file.path.display())));
        };
        add(&mut archive, &format!("{name}.wasm"), &bytes).map_err(|error| fail(error.to_string()))?;
        exported.put(LockEntry { previous: None, ..entry.clone() });
    }
    if exported.plugins.is_empty() {
        return Err(fail(format!("\"{}\" has no plugins", plugins_dir.display())));
    }
    let text = toml::to_string(&exported).map_err(|error| fail(error.to_string()))?;
    add(&mut archive, OPERATOR_LOCK, text.as_bytes()).map_err(|error| fail(error.to_string()))?;
    let bytes = archive.into_inner().map_err(|error| fail(error.to_string()))?;
    crate::lock::write_aside(bundle, &bytes)?;
    Ok(exported.plugins.into_iter().map(|entry| entry.name).collect())
}

fn add(archive: &mut tar::Builder<impl Write>, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    // No time and no owner: the same plugins give the same bundle.
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    archive.append_data(&mut header, name, bytes)
}

/// What importing a bundle would do: a plan for each plugin that is not there already. Changes nothing. A signature counts if one of
/// the keys made it; one that does not fit is an error.
pub fn plan_import(plugins_dir: &Path, bundled_dir: Option<&Path>, bundle: &Path, keys: &[TrustedKey]) -> Result<Vec<InstallPlan>, Error> {
    let fail = |problem: String| Error::Bundle { action: "read", path: bundle.to_owned(), problem };
    let mut files = read_files(bundle).map_err(fail)?;
    let lock = files.remove(OPERATOR_LOCK).ok_or_else(|| fail(format!("it has no {OPERATOR_LOCK}; make it with: cepmon plugin export")))?;
    let lock = LockFile::parse(&lock, bundle)?;
    let mut plans = Vec::new();
    for entry in lock.plugins {
        let name = &entry.name;
        let bytes = files.remove(&format!("{name}.wasm")).ok_or_else(|| fail(format!("{name}.wasm is missing")))?;
        let digest = Digest::of(&bytes).to_string();
        if digest != entry.digest {
            return Err(fail(format!("{name}.wasm has {digest}, its lock says {}", entry.digest)));
        }
        let package = inspect_bytes(&bundle.join(format!("{name}.wasm")), Arc::from(bytes))?;
        if package.manifest.name != *name {
            return Err(fail(format!("{name}.wasm says it is \"{}\"", package.manifest.name)));
        }
        let signer = match entry.signature.as_ref().filter(|_| !keys.is_empty()) {
            Some(signature) => Some(verify(keys, &package.bytes, signature).map_err(|problem| fail(format!("{name}.wasm: {problem}")))?),
            None => None,
        };
        // Who vouched for it elsewhere is not known here unless a key of ours says so.
        let candidate = Candidate {
            source: entry.source.unwrap_or_else(|| bundle.display().to_string()),
            index: entry.index,
            signer: signer.map(str::to_owned),
            signature: entry.signature.filter(|_| signer.is_some()),
            package,
        };
        let plan = plan(plugins_dir, bundled_dir, candidate)?.granting(&entry.granted);
        if !plan.is_installed() || !plan.new.is_empty() {
            plans.push(plan);
        }
    }
    match files.into_keys().next() {
        Some(name) => Err(fail(format!("{name} is not in its lock"))),
        None => Ok(plans),
    }
}

/// Carries all plans of a bundle out in one step: killed at any point, all of it is there or nothing.
pub fn import(plugins_dir: &Path, plans: &[InstallPlan]) -> Result<(), Error> {
    folder::change(plugins_dir, |draft| {
        for plan in plans {
            plan.check_still_fits(&draft.lock)?;
            put(draft, &plan.candidate, plan.granted.clone());
        }
        Ok(())
    })
}

fn read_files(bundle: &Path) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let file = File::open(bundle).map_err(|error| error.to_string())?;
    let mut archive = tar::Archive::new(BufReader::new(file).take(MAX_BYTES));
    let mut files = BTreeMap::new();
    for entry in archive.entries().map_err(|error| error.to_string())? {
        let mut entry = entry.map_err(|error| format!("it is no tar, or damaged: {error}"))?;
        let path: PathBuf = entry.path().map_err(|error| error.to_string())?.into_owned();
        let name = path.to_str().filter(|_| entry.header().entry_type().is_file()).unwrap_or_default();
        let limit = match name.strip_suffix(".wasm") {
            Some(stem) if is_plugin_name(stem) => Limits::default().wasm_bytes as u64,
            None if name == OPERATOR_LOCK => MAX_LOCK_BYTES,
            _ => return Err(format!("\"{}\" does not belong into it", path.display())),
        };
        if entry.size() > limit {
            return Err(format!("{name} has {} bytes, the limit is {limit}", entry.size()));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
        if bytes.len() as u64 != entry.size() {
            return Err(format!("{name} was cut off"));
        }
        if files.insert(name.to_owned(), bytes).is_some() {
            return Err(format!("{name} is in it twice"));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
