//! An operator's way: plan, install, list, grant, revoke, remove.

use super::*;
use crate::testing::{EMPTY_BATCH, MANIFEST, READS_STAT, files, plugin};
use expect_test::expect;

fn package(folder: &Path, paths: &str, version: &str) -> Package {
    let manifest = format!("{MANIFEST}[capabilities.files]\npaths = [{paths}]\nreason = \"counts\"\n").replace("0.1.0", version);
    let path = folder.join("download.wasm");
    std::fs::write(&path, plugin(&manifest, READS_STAT)).unwrap();
    inspect(&path, 1 << 20).unwrap()
}

#[test]
fn a_plan_shows_what_is_asked_and_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    let first = package(folder.path(), "\"/proc/stat\"", "0.1.0");
    let text = plan(&plugins, first.clone()).unwrap().to_string();
    let text = text.replace(&first.digest.to_string(), "DIGEST").replace(&first.path.display().to_string(), "FILE");
    expect![[r#"
        plugin   test 0.1.0 (exporter)
                 for tests
        license  Apache-2.0
        file     FILE (4 KiB)
        digest   DIGEST
        it asks for
          files: counts
            /proc/stat
    "#]]
    .assert_eq(&text);
    install(&plugins, &first, files(&["/proc/stat"])).unwrap();
    let second = plan(&plugins, package(folder.path(), "\"/proc/stat\", \"/etc/hostname\"", "0.2.0")).unwrap();
    assert_eq!(second.replaces.as_deref(), Some("0.1.0"));
    assert_eq!(second.new, files(&["/etc/hostname"]));
    assert!(second.to_string().contains("/etc/hostname (new)\n"), "{second}");
}

#[test]
fn install_list_grant_revoke_remove() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    assert!(list(&plugins).unwrap().is_empty(), "a missing folder is an empty one");
    let package = package(folder.path(), "\"/proc/stat\"", "0.1.0");
    install(&plugins, &package, Grants::default()).unwrap();
    let shown = show(&plugins, "test").unwrap();
    assert_eq!((shown.granted.is_empty(), shown.missing()), (true, files(&["/proc/stat"])));
    assert_eq!(grant(&plugins, None, "test", &["files".to_owned()]).unwrap(), files(&["/proc/stat"]));
    assert_eq!(show(&plugins, "test").unwrap().granted, files(&["/proc/stat"]));
    assert!(revoke(&plugins, None, "test", &["files".to_owned()]).unwrap().is_empty());
    let message = show(&plugins, "tset").unwrap_err().to_string();
    assert_eq!(message, "cannot find plugin \"tset\"; did you mean \"test\"?; run: cepmon plugin list");
    remove(&plugins, "test").unwrap();
    assert!(list(&plugins).unwrap().is_empty());
    assert!(LockFile::read(&plugins.join(OPERATOR_LOCK)).unwrap().plugins.is_empty());
    assert!(remove(&plugins, "test").is_err());
}

#[test]
fn a_plugin_that_comes_with_cepmon_can_be_narrowed() {
    let folder = tempfile::tempdir().unwrap();
    let (plugins, bundled) = (folder.path().join("plugins"), folder.path().join("bundled"));
    std::fs::create_dir(&bundled).unwrap();
    let package = package(folder.path(), "\"/proc/stat\", \"/proc/meminfo\"", "0.1.0");
    std::fs::write(bundled.join("test.wasm"), &package.bytes).unwrap();
    crate::write_bundled_lock(&bundled).unwrap();
    let left = revoke(&plugins, Some(&bundled), "test", &["files:/proc/meminfo".to_owned()]).unwrap();
    assert_eq!(left, files(&["/proc/stat"]));
    let before = std::fs::read(bundled.join(BUNDLED_LOCK)).unwrap();
    assert_eq!(before, std::fs::read(bundled.join(BUNDLED_LOCK)).unwrap(), "the build's lock is not touched");
    assert_eq!(list_with(&bundled, &plugins).unwrap()[0].granted, files(&["/proc/stat"]));
}

#[test]
fn a_broken_file_is_listed_with_its_reason_and_can_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let good = plugin(MANIFEST, EMPTY_BATCH);
    std::fs::write(folder.path().join("torn.wasm"), &good[..good.len() / 2]).unwrap();
    let listed = list(folder.path()).unwrap();
    assert_eq!(listed[0].name(), "torn");
    assert!(listed[0].package.as_ref().unwrap_err().contains("it is damaged"));
    remove(folder.path(), "torn").unwrap();
}
