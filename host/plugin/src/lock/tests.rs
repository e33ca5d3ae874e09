//! Lock files: which grant holds for which file, and what they look like.

use super::*;
use crate::package::inspect_bytes;
use crate::testing::{EMPTY_BATCH, MANIFEST, READS_STAT, files, plugin};

fn package(paths: &str, version: &str) -> Package {
    let manifest = format!("{MANIFEST}[capabilities.files]\npaths = [{paths}]\nreason = \"r\"\n").replace("0.1.0", version);
    let wat = if paths.contains("stat") { READS_STAT } else { EMPTY_BATCH };
    inspect_bytes(Path::new("test.wasm"), plugin(&manifest, wat).into()).unwrap()
}

fn lock(package: &Package, granted: Grants) -> LockFile {
    LockFile { plugins: vec![LockEntry::of(package, granted, None)] }
}

#[test]
fn a_grant_holds_for_the_very_file() {
    let (first, second) = (package("\"/proc/stat\"", "0.1.0"), package("\"/proc/stat\"", "0.2.0"));
    let grants = files(&["/proc/stat"]);
    let operator = lock(&first, grants.clone());
    assert_eq!(effective(&operator, &LockFile::default(), &first).grants, grants);
    let other = effective(&operator, &LockFile::default(), &second);
    assert_eq!((other.grants.is_empty(), other.note.as_str()), (true, "; the file is not the one that was granted"));
    assert!(effective(&LockFile::default(), &LockFile::default(), &first).grants.is_empty(), "nothing is granted by default");
}

#[test]
fn the_operators_lock_overrides_the_builds() {
    let (old, new) = (package("\"/proc/stat\"", "0.1.0"), package("\"/proc/stat\"", "0.2.0"));
    let more = package("\"/proc/stat\", \"/etc/**\"", "0.3.0");
    let all = |package: &Package| lock(package, Grants::asked(&package.manifest.capabilities));
    assert_eq!(effective(&LockFile::default(), &all(&new), &new).grants, files(&["/proc/stat"]));
    let narrowed = lock(&old, Grants::default());
    assert!(effective(&narrowed, &all(&old), &old).grants.is_empty());
    assert!(effective(&narrowed, &all(&new), &new).grants.is_empty(), "a new build inherits what the operator decided");
    let granted = lock(&old, files(&["/proc/stat"]));
    assert_eq!(effective(&granted, &all(&new), &new).grants, files(&["/proc/stat"]));
    let asking_more = effective(&granted, &all(&more), &more);
    assert_eq!(
        (asking_more.grants.is_empty(), asking_more.note.as_str()),
        (true, "; this version asks for more than the one that was granted")
    );
    let tampered = effective(&LockFile::default(), &all(&old), &new);
    assert_eq!(tampered.note, "; the file is not the one of bundled.lock");
}

#[test]
fn a_lock_file_is_sorted_text_that_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(OPERATOR_LOCK);
    assert_eq!(LockFile::read(&path).unwrap(), LockFile::default());
    let package = package("\"/proc/stat\"", "0.1.0");
    let mut lock = lock(&package, files(&["/proc/stat"]));
    lock.put(LockEntry { name: "alpha".to_owned(), ..lock.plugins[0].clone() });
    lock.write(&path, OPERATOR_HEADER).unwrap();
    assert_eq!(LockFile::read(&path).unwrap(), lock);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.find("alpha").unwrap() < text.find("name = \"test\"").unwrap());
    assert!(text.starts_with("# Which plugin file may do what"));
}

#[test]
fn a_broken_lock_file_is_an_error_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(OPERATOR_LOCK);
    std::fs::write(&path, "[[plugin]]\nname = \"a\"\ngrants = 1\n").unwrap();
    let message = LockFile::read(&path).unwrap_err().to_string();
    assert!(message.contains("line 3: unknown field `grants`") && message.ends_with("remove it and grant again"), "{message}");
    std::fs::write(&path, "[[plugin]]\nname = \"a\"\nversion = \"1.0.0\"\ndigest = \"sha256:00\"\n").unwrap();
    assert!(LockFile::read(&path).unwrap_err().to_string().contains("\"sha256:00\" is not a digest"));
}

#[test]
fn a_build_grants_its_plugins_all_that_they_ask_for() {
    let folder = tempfile::tempdir().unwrap();
    let package = package("\"/proc/stat\"", "0.1.0");
    std::fs::write(folder.path().join("test.wasm"), &package.bytes).unwrap();
    assert_eq!(write_bundled_lock(folder.path()).unwrap(), ["test"]);
    let lock = LockFile::read(&folder.path().join(BUNDLED_LOCK)).unwrap();
    assert_eq!(effective(&LockFile::default(), &lock, &package).grants, files(&["/proc/stat"]));
}
