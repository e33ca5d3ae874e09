//! An operator's way: plan, install, list, grant, revoke, remove.

use super::*;
use crate::testing::{EMPTY_BATCH, MANIFEST, READS_STAT, files, plugin};
use expect_test::expect;

fn candidate(folder: &Path, paths: &str, version: &str) -> Candidate {
    let package = package(folder, paths, version);
    Candidate { source: package.path.display().to_string(), index: None, signer: None, signature: None, package }
}

/// Plans and installs.
fn put_in(plugins: &Path, candidate: Candidate) -> InstallPlan {
    let plan = plan(plugins, None, candidate).unwrap();
    install(plugins, &plan).unwrap();
    plan
}

fn package(folder: &Path, paths: &str, version: &str) -> Package {
    let manifest = format!("{MANIFEST}[capabilities.files]\npaths = [{paths}]\nreason = \"counts\"\n").replace("0.1.0", version);
    let path = folder.join("download.wasm");
    std::fs::write(&path, plugin(&manifest, READS_STAT)).unwrap();
    crate::inspect(&path, 1 << 20).unwrap()
}

#[test]
fn a_plan_shows_what_is_asked_and_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    let first = candidate(folder.path(), "\"/proc/stat\"", "0.1.0");
    let text = plan(&plugins, None, first.clone()).unwrap().to_string();
    let text = text.replace(&first.package.digest.to_string(), "DIGEST").replace(&first.source, "FILE");
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
    put_in(&plugins, first);
    let second = plan(&plugins, None, candidate(folder.path(), "\"/proc/stat\", \"/etc/hostname\"", "0.2.0")).unwrap();
    assert_eq!(second.replaces.as_deref(), Some("0.1.0"));
    assert_eq!(second.new, files(&["/etc/hostname"]));
    assert!(second.to_string().contains("/etc/hostname (new)\n"), "{second}");
}

#[test]
fn install_list_grant_revoke_remove() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    assert!(list(&plugins).unwrap().is_empty(), "a missing folder is an empty one");
    put_in(&plugins, candidate(folder.path(), "\"/proc/stat\"", "0.1.0"));
    let shown = show(&plugins, "test").unwrap();
    assert_eq!((shown.granted, shown.note.as_str()), (files(&["/proc/stat"]), ""));
    assert!(revoke(&plugins, None, "test", &["files".to_owned()]).unwrap().is_empty());
    assert_eq!(show(&plugins, "test").unwrap().missing(), files(&["/proc/stat"]));
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

#[test]
fn what_was_taken_back_stays_taken_back_and_what_was_added_stays() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    put_in(&plugins, candidate(folder.path(), "\"/proc/stat\", \"/proc/meminfo\", \"/etc/old\"", "0.1.0"));
    revoke(&plugins, None, "test", &["files:/proc/meminfo".to_owned()]).unwrap();
    grant(&plugins, None, "test", &["files:/srv/own".to_owned()]).unwrap();
    let plan = plan(&plugins, None, candidate(folder.path(), "\"/proc/stat\", \"/proc/meminfo\", \"/etc/new\"", "0.2.0")).unwrap();
    assert_eq!(plan.new, files(&["/etc/new"]));
    assert_eq!(plan.granted, files(&["/proc/stat", "/srv/own", "/etc/new"]), "what is asked for no more is dropped");
    assert!(plan.to_string().contains("/proc/meminfo (you have not granted it)\n"), "{plan}");
    install(&plugins, &plan).unwrap();
    assert_eq!(show(&plugins, "test").unwrap().granted, plan.granted);
}

#[test]
fn a_rollback_brings_file_and_grants_back_and_can_be_rolled_back() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    let message = rollback(&plugins, "test").unwrap_err().to_string();
    assert!(message.contains("cannot find plugin \"test\""), "{message}");
    put_in(&plugins, candidate(folder.path(), "\"/proc/stat\"", "0.1.0"));
    let message = rollback(&plugins, "test").unwrap_err().to_string();
    assert_eq!(message, "cannot roll back plugin \"test\": nothing was kept from before; install the version that you want");
    put_in(&plugins, candidate(folder.path(), "\"/etc/hostname\"", "0.2.0"));
    for (version, path) in [("0.1.0", "/proc/stat"), ("0.2.0", "/etc/hostname")] {
        assert_eq!(rollback(&plugins, "test").unwrap(), version);
        let now = show(&plugins, "test").unwrap();
        assert_eq!((now.package.unwrap().manifest.version.to_string().as_str(), now.granted), (version, files(&[path])));
        assert!(crate::differences(&plugins, None, &[]).unwrap().is_empty());
    }
    // Only what one rollback needs is kept.
    put_in(&plugins, candidate(folder.path(), "\"/proc/stat\"", "0.3.0"));
    assert_eq!(std::fs::read_dir(plugins.join(".store")).unwrap().count(), 1);
    let kept = std::fs::read_dir(plugins.join(".store")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(kept, "damaged").unwrap();
    let message = rollback(&plugins, "test").unwrap_err().to_string();
    assert!(message.contains("it is damaged") && message.contains("cannot roll back"), "{message}");
}

#[test]
fn an_older_version_needs_a_decision_and_a_stale_plan_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    put_in(&plugins, candidate(folder.path(), "\"/proc/stat\"", "0.2.0"));
    let older = plan(&plugins, None, candidate(folder.path(), "\"/proc/stat\"", "0.1.0")).unwrap();
    let error = older.check_not_older().unwrap_err();
    assert!(
        error.is_usage() && error.to_string().ends_with("it is version 0.1.0, installed is 0.2.0; pass --downgrade if you mean it"),
        "{error}"
    );
    let newer = plan(&plugins, None, candidate(folder.path(), "\"/proc/stat\"", "0.3.0")).unwrap();
    newer.check_not_older().unwrap();
    revoke(&plugins, None, "test", &["files".to_owned()]).unwrap();
    let message = install(&plugins, &newer).unwrap_err().to_string();
    assert!(message.ends_with("plugins.lock has changed meanwhile; run the command again"), "{message}");
}

#[test]
fn an_upgrade_looks_where_the_plugin_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    let options = crate::SourceOptions::default();
    put_in(&plugins, candidate(folder.path(), "\"/proc/stat\"", "0.1.0"));
    candidate(folder.path(), "\"/proc/stat\"", "0.2.0");
    assert_eq!(fetch_upgrade(&plugins, "test", &options).unwrap().package.manifest.version.to_string(), "0.2.0");
    std::fs::copy(plugins.join("test.wasm"), folder.path().join("copy.wasm")).unwrap();
    remove(&plugins, "test").unwrap();
    std::fs::copy(folder.path().join("copy.wasm"), plugins.join("test.wasm")).unwrap();
    grant(&plugins, None, "test", &["files".to_owned()]).unwrap();
    let message = fetch_upgrade(&plugins, "test", &options).unwrap_err().to_string();
    assert!(message.contains("does not say where it came from"), "{message}");
}

#[test]
fn grants_are_not_inherited_by_another_author() {
    let folder = tempfile::tempdir().unwrap();
    let plugins = folder.path().join("plugins");
    let signed = |version: &str, signer: Option<&str>| Candidate {
        signer: signer.map(str::to_owned),
        ..candidate(folder.path(), "\"/proc/stat\"", version)
    };
    put_in(&plugins, signed("0.1.0", Some("A")));
    let new = |version: &str, signer: Option<&str>| plan(&plugins, None, signed(version, signer)).unwrap().new;
    assert!(new("0.2.0", Some("A")).is_empty());
    assert_eq!(new("0.2.0", Some("B")), files(&["/proc/stat"]));
    assert_eq!(new("0.2.0", None), files(&["/proc/stat"]));
    assert!(new("0.1.0", None).is_empty(), "the very file keeps what it has");

    // A grant to a file that was dropped in is one to that file.
    remove(&plugins, "test").unwrap();
    let dropped = candidate(folder.path(), "\"/proc/stat\"", "0.1.0");
    std::fs::write(plugins.join("test.wasm"), &dropped.package.bytes).unwrap();
    grant(&plugins, None, "test", &["files".to_owned()]).unwrap();
    assert_eq!(new("0.2.0", None), files(&["/proc/stat"]));
}
