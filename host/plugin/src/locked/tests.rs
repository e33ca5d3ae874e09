//! Folders that are not what their lock files say, and a host that refuses to run them.

use super::*;
use crate::PluginHost;
use crate::grant::Grants;
use crate::lock::OPERATOR_HEADER;
use crate::testing::{EMPTY_BATCH, ONE_SAMPLE, Signer, TestHost, manifest, plugin, put};

#[test]
fn every_difference_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let (plugins, bundled) = (folder.path().join("plugins"), folder.path().join("bundled"));
    std::fs::create_dir(&plugins).unwrap();
    std::fs::create_dir(&bundled).unwrap();
    let bytes = |name: &str| plugin(&manifest(name, ""), EMPTY_BATCH);
    std::fs::write(bundled.join("b.wasm"), bytes("b")).unwrap();
    crate::write_bundled_lock(&bundled).unwrap();
    put(&plugins, &[("a", bytes("a"), Grants::default()), ("gone", bytes("gone"), Grants::default())]);
    std::fs::remove_file(plugins.join("gone.wasm")).unwrap();
    std::fs::write(plugins.join("new.wasm"), bytes("new")).unwrap();
    std::fs::write(plugins.join("a.wasm"), plugin(&manifest("a", ""), ONE_SAMPLE)).unwrap();
    std::fs::write(bundled.join("b.wasm"), "tampered").unwrap();
    let found = differences(&plugins, Some(&bundled), &[]).unwrap();
    let text = found.join("\n").replace(&folder.path().display().to_string(), "");
    let digest = |bytes: &[u8]| Digest::of(bytes).to_string();
    let want = [
        format!(
            "\"a\": \"/plugins/a.wasm\" has {}, the lock says {}",
            digest(&plugin(&manifest("a", ""), ONE_SAMPLE)),
            digest(&bytes("a"))
        ),
        "\"new\": \"/plugins/new.wasm\" is in no lock file; run: cepmon plugin grant new …, or remove it".to_owned(),
        format!("\"b\": \"/bundled/b.wasm\" has {}, the lock says {}", digest(b"tampered"), digest(&bytes("b"))),
        "\"gone\": plugins.lock has it, \"/plugins/gone.wasm\" is missing".to_owned(),
    ];
    assert_eq!(text, want.join("\n"));
}

#[test]
fn signatures_in_the_lock_are_verified_again() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Signer::new(), Signer::new());
    let bytes = plugin(&manifest("a", ""), EMPTY_BATCH);
    put(folder.path(), &[("a", bytes.clone(), Grants::default())]);
    let path = folder.path().join(OPERATOR_LOCK);
    let mut lock = LockFile::read(&path).unwrap();
    lock.plugins[0].signature = Some(ours.sign(&bytes));
    lock.write(&path, OPERATOR_HEADER).unwrap();
    let check = |signer: &Signer| differences(folder.path(), None, &[TrustedKey::parse(&signer.public_key()).unwrap()]).unwrap();
    assert!(check(&ours).is_empty());
    assert!(check(&theirs)[0].contains("which is not pinned"));
    assert!(differences(folder.path(), None, &[]).unwrap().is_empty());
    lock.plugins[0].signature = Some(ours.sign(b"another file"));
    lock.write(&path, OPERATOR_HEADER).unwrap();
    assert!(check(&ours)[0].starts_with("\"a\": it is not what the key"));
}

#[test]
fn a_locked_host_runs_exactly_what_the_lock_says_or_nothing() {
    let test = TestHost::new(&[("a", plugin(&manifest("a", ""), EMPTY_BATCH), Grants::default())]);
    let plugins = test.plugins_dir();
    let options = || TestHost::options_in(test.folder.path(), Limits::default());
    let host = PluginHost::open_locked(options()).unwrap();
    std::fs::write(plugins.join("dropped.wasm"), plugin(&manifest("dropped", ""), EMPTY_BATCH)).unwrap();
    let report = host.reload();
    assert!(report.added.is_empty() && report.failed[0].1.contains("dropped.wasm\" is in no lock file"), "{report:?}");
    assert_eq!(host.plugins().len(), 1);
    let error = PluginHost::open_locked(options()).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("cannot run exactly what the lock files say:\n  \"dropped\": "), "{error}");
    assert_eq!(PluginHost::open(options()).unwrap().plugins().len(), 2, "without --locked it runs, with no grant");
}
