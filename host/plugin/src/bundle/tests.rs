//! Bundles: out of one folder, into another, and what is wrong with some.

use super::*;
use crate::install::{install, show};
use crate::testing::{EMPTY_BATCH, READS_STAT, Signer, files, manifest, plugin};

const ASKS: &str = "[capabilities.files]\npaths = [\"/proc/stat\", \"/proc/meminfo\"]\nreason = \"counts\"\n";

/// Two plugins, one with a signature and a part of what it asks for.
fn folder_with_two(root: &Path, signer: &Signer) -> PathBuf {
    let plugins = root.join("plugins");
    for (name, more) in [("quiet", ""), ("reader", ASKS)] {
        let bytes = plugin(&manifest(name, more), if more.is_empty() { EMPTY_BATCH } else { READS_STAT });
        let package = inspect_bytes(Path::new(name), bytes.clone().into()).unwrap();
        let key = TrustedKey::parse(&signer.public_key()).unwrap();
        let candidate = Candidate {
            package,
            source: format!("https://a.example/{name}.wasm"),
            index: None,
            signer: Some(key.id().to_owned()),
            signature: Some(signer.sign(&bytes)),
        };
        install(&plugins, &plan(&plugins, None, candidate).unwrap()).unwrap();
    }
    crate::revoke(&plugins, None, "reader", &["files:/proc/meminfo".to_owned()]).unwrap();
    plugins
}

#[test]
fn a_bundle_brings_files_grants_and_origins_to_another_folder() {
    let root = tempfile::tempdir().unwrap();
    let signer = Signer::new();
    let plugins = folder_with_two(root.path(), &signer);
    let bundle = root.path().join("bundle.tar");
    assert_eq!(export(&plugins, &bundle).unwrap(), ["quiet", "reader"]);
    let first = std::fs::read(&bundle).unwrap();
    export(&plugins, &bundle).unwrap();
    assert_eq!(std::fs::read(&bundle).unwrap(), first, "the same plugins give the same bundle");

    let other = root.path().join("other");
    let key = TrustedKey::parse(&signer.public_key()).unwrap();
    let plans = plan_import(&other, None, &bundle, std::slice::from_ref(&key)).unwrap();
    let new: Vec<_> = plans.iter().map(|plan| plan.new.clone()).collect();
    assert_eq!(new, [Default::default(), files(&["/proc/stat"])], "what was granted there, and no more");
    assert!(plans[1].to_string().contains("/proc/meminfo (you have not granted it)"), "{}", plans[1]);
    assert!(!other.is_dir(), "a plan changes nothing");
    import(&other, &plans).unwrap();
    assert_eq!(show(&other, "reader").unwrap().granted, files(&["/proc/stat"]));
    let lock = LockFile::read(&other.join(OPERATOR_LOCK)).unwrap();
    let entry = lock.find("reader").unwrap();
    assert_eq!(entry.source.as_deref(), Some("https://a.example/reader.wasm"));
    assert_eq!(entry.signer.as_deref(), Some(key.id()));
    assert!(plan_import(&other, None, &bundle, &[key]).unwrap().is_empty(), "all of it is there");
    // Without the key nobody here knows that the signature is good.
    assert!(plan_import(&root.path().join("third"), None, &bundle, &[]).unwrap().iter().all(|plan| plan.candidate.signer.is_none()));
}

#[test]
fn a_bundle_that_lies_is_refused_as_a_whole() {
    let root = tempfile::tempdir().unwrap();
    let plugins = folder_with_two(root.path(), &Signer::new());
    let (quiet, lock) = (std::fs::read(plugins.join("quiet.wasm")).unwrap(), std::fs::read(plugins.join(OPERATOR_LOCK)).unwrap());
    let reader = std::fs::read(plugins.join("reader.wasm")).unwrap();
    let bundle = root.path().join("bundle.tar");
    let check = |entries: &[(&str, &[u8])], want: &str| {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, bytes) in entries {
            add(&mut archive, name, bytes).unwrap();
        }
        std::fs::write(&bundle, archive.into_inner().unwrap()).unwrap();
        let message = plan_import(&root.path().join("other"), None, &bundle, &[]).unwrap_err().to_string();
        assert!(message.contains(want) && message.contains("bundle.tar"), "{message}");
    };
    check(&[("quiet.wasm", &quiet)], "it has no plugins.lock");
    check(&[(OPERATOR_LOCK, &lock), ("quiet.wasm", &quiet)], "reader.wasm is missing");
    check(&[(OPERATOR_LOCK, &lock), ("quiet.wasm", &reader), ("reader.wasm", &reader)], "quiet.wasm has sha256:");
    check(
        &[(OPERATOR_LOCK, &lock), ("quiet.wasm", &quiet), ("reader.wasm", &reader), ("more.wasm", &quiet)],
        "more.wasm is not in its lock",
    );
    check(&[(OPERATOR_LOCK, &lock), (OPERATOR_LOCK, &lock)], "is in it twice");
    check(&[("evil/quiet.wasm", &quiet)], "\"evil/quiet.wasm\" does not belong into it");
    check(&[(OPERATOR_LOCK, b"[[plugin]]\nname = \"../a\"\nversion = \"1.0.0\"\ndigest = \"x\"\n")], "\"../a\" is not a plugin's name");
    std::fs::write(&bundle, "no tar").unwrap();
    let message = plan_import(&root.path().join("other"), None, &bundle, &[]).unwrap_err().to_string();
    assert!(message.starts_with("cannot read bundle"), "{message}");

    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_link(&mut link, "quiet.wasm", "/etc/passwd").unwrap();
    std::fs::write(&bundle, archive.into_inner().unwrap()).unwrap();
    let message = plan_import(&root.path().join("other"), None, &bundle, &[]).unwrap_err().to_string();
    assert!(message.contains("does not belong into it"), "{message}");
}

#[test]
fn what_is_not_the_locked_file_is_not_passed_on() {
    let root = tempfile::tempdir().unwrap();
    let plugins = folder_with_two(root.path(), &Signer::new());
    std::fs::write(plugins.join("quiet.wasm"), "changed").unwrap();
    let bundle = root.path().join("bundle.tar");
    let message = export(&plugins, &bundle).unwrap_err().to_string();
    assert!(message.contains("quiet.wasm\" is not the file of plugins.lock; run: cepmon plugin verify"), "{message}");
    assert!(!bundle.is_file());
    assert!(export(&root.path().join("none"), &bundle).unwrap_err().to_string().contains("has no plugins"));
}
