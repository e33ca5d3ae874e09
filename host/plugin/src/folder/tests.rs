//! What readers see of a change that was killed: made by hand here, one state after the other; the program itself is killed at each
//! fault point in the integration tests.

use super::*;
use crate::grant::Grants;
use crate::install::read_package;
use crate::package::{Package, inspect_bytes};
use crate::testing::{EMPTY_BATCH, MANIFEST, ONE_SAMPLE, plugin};

fn package(version: &str) -> Package {
    let manifest = MANIFEST.replace("0.1.0", version);
    let wat = if version == "0.1.0" { EMPTY_BATCH } else { ONE_SAMPLE };
    inspect_bytes(Path::new("test.wasm"), plugin(&manifest, wat).into()).unwrap()
}

fn put(folder: &Path, package: &Package) {
    change(folder, |draft| {
        draft.put(LockEntry::of(package, Grants::default(), None), package.digest, Arc::clone(&package.bytes));
        Ok(())
    })
    .unwrap();
}

/// The version that a reader finds, or none.
fn seen(folder: &Path) -> Option<String> {
    let lock = LockFile::read(&folder.join(OPERATOR_LOCK)).unwrap();
    let file = plugin_files(folder, &lock).unwrap().pop()?;
    assert_eq!(file.path, folder.join("test.wasm"));
    let package = read_package(&file).unwrap();
    assert_eq!(lock.find("test").unwrap().digest, package.digest.to_string(), "file and lock belong together");
    Some(package.manifest.version.to_string())
}

#[test]
fn a_change_counts_from_the_moment_the_lock_is_renamed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (old, new) = (package("0.1.0"), package("0.2.0"));
    put(folder, &old);
    assert_eq!(seen(folder).unwrap(), "0.1.0");
    let old_lock = std::fs::read(folder.join(OPERATOR_LOCK)).unwrap();
    // Killed before the lock: the staged file is nobody's.
    let staged = folder.join(STAGING).join(content_name(&new.digest.to_string()));
    std::fs::create_dir(folder.join(STAGING)).unwrap();
    std::fs::write(&staged, &new.bytes).unwrap();
    std::fs::write(folder.join(".plugins.lock.1.new"), "half").unwrap();
    std::fs::write(folder.join(".mine.new"), "somebody's own").unwrap();
    assert_eq!(seen(folder).unwrap(), "0.1.0");
    change(folder, |_| Ok(())).unwrap();
    assert!(!staged.is_file() && !folder.join(".plugins.lock.1.new").is_file(), "the next change clears what was left");
    assert!(folder.join(".mine.new").is_file());
    assert_eq!(std::fs::read(folder.join(OPERATOR_LOCK)).unwrap(), old_lock, "a change of nothing writes nothing");
    // Killed after the lock: the staged file is the plugin.
    put(folder, &new);
    std::fs::create_dir(folder.join(STAGING)).unwrap();
    std::fs::rename(folder.join("test.wasm"), &staged).unwrap();
    std::fs::write(folder.join("test.wasm"), &old.bytes).unwrap();
    assert_eq!(seen(folder).unwrap(), "0.2.0");
    change(folder, |_| Ok(())).unwrap();
    assert!(!folder.join(STAGING).is_dir(), "the next change finishes it");
    assert_eq!(seen(folder).unwrap(), "0.2.0");
}

#[test]
fn a_removal_counts_from_the_moment_the_lock_is_renamed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let package = package("0.1.0");
    put(folder, &package);
    let staged = folder.join(STAGING).join(content_name(&package.digest.to_string()));
    std::fs::create_dir(folder.join(STAGING)).unwrap();
    std::fs::rename(folder.join("test.wasm"), &staged).unwrap();
    assert_eq!(seen(folder).unwrap(), "0.1.0");
    change(folder, |_| Ok(())).unwrap();
    assert!(folder.join("test.wasm").is_file(), "what was set aside comes back");
    assert!(change(folder, |draft| Ok(draft.remove("test"))).unwrap());
    assert_eq!(seen(folder), None);
    assert!(!change(folder, |draft| Ok(draft.remove("test"))).unwrap());
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1, "only the lock is left");
}

#[test]
fn a_reader_waits_for_a_change_that_is_being_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let held = hold_shared(&path).unwrap().unwrap();
    let (begun, has_begun) = std::sync::mpsc::sync_channel(1);
    let writer = std::thread::spawn(move || {
        begun.send(()).unwrap();
        put(&path, &package("0.1.0"));
    });
    has_begun.recv().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(seen(folder.path()), None);
    drop(held);
    writer.join().unwrap();
    assert_eq!(seen(folder.path()).unwrap(), "0.1.0");
    assert!(hold_shared(&folder.path().join("none")).unwrap().is_none());
}

#[test]
fn a_change_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let refused = change(folder.path(), |draft| {
        draft.remove("test");
        Err::<(), _>(Error::Rollback { name: "test".to_owned(), problem: "no".to_owned() })
    });
    assert!(refused.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_fault_points_have_different_names() {
    let mut points = fault::POINTS.to_vec();
    points.sort_unstable();
    points.dedup();
    assert_eq!(points.len(), fault::POINTS.len());
}
