//! What the operator may write, and indexes on this machine. Downloads are tested with the program itself.

use std::path::Path;

use super::*;
use crate::testing::{EMPTY_BATCH, MANIFEST, plugin};

#[test]
fn a_source_is_a_path_a_url_or_a_name() {
    let name = |name: &str, version: Option<&str>| Origin::Name {
        name: name.to_owned(),
        version: version.map(|version| version.parse().unwrap()),
    };
    assert_eq!(Origin::parse("redis").unwrap(), name("redis", None));
    assert_eq!(Origin::parse("redis@1.2.3").unwrap(), name("redis", Some("1.2.3")));
    assert!(matches!(Origin::parse("https://a.example/p.wasm").unwrap(), Origin::Url(_)));
    for path in ["redis.wasm", "./redis", "/srv/p.wasm", "a/b", "Redis"] {
        assert_eq!(Origin::parse(path).unwrap(), Origin::Path(path.into()));
    }
    let refused = |text: &str, want: &str| {
        let error = Origin::parse(text).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(want), "{error}");
    };
    refused("redis@1.2", "wanted three numbers, as in redis@1.2.3");
    refused("http://127.0.0.1/p.wasm", "use https://");
    refused("oci://ghcr.example/p", "not supported yet");
    refused("ftp://a.example/p", "is no source");
    refused("https://me:secret@a.example/p.wasm", "would end up in plugins.lock");
}

struct Shelf(tempfile::TempDir);

impl Shelf {
    /// Versions 0.1.0, 0.2.0 and 0.3.0-rc.1 of `test`, and an index of them.
    fn new() -> Self {
        let shelf = Self(tempfile::tempdir().unwrap());
        let listed: Vec<_> = ["0.2.0", "0.3.0-rc.1", "0.1.0"].map(|version| shelf.version(version)).into();
        shelf.write(&serde_json::json!({"format": 1, "plugins": {"test": listed}, "note": "for later readers"}));
        shelf
    }

    fn version(&self, version: &str) -> serde_json::Value {
        let bytes = plugin(&MANIFEST.replace("0.1.0", version), EMPTY_BATCH);
        std::fs::write(self.0.path().join(format!("test-{version}.wasm")), &bytes).unwrap();
        let sha256 = Digest::of(&bytes).to_string().replace("sha256:", "");
        serde_json::json!({"version": version, "url": format!("test-{version}.wasm"), "sha256": sha256})
    }

    fn write(&self, index: &serde_json::Value) {
        std::fs::write(self.0.path().join("index.json"), index.to_string()).unwrap();
    }

    fn fetch(&self, text: &str) -> Result<Candidate, Error> {
        let index = Some(self.0.path().join("index.json").display().to_string());
        fetch(text, &SourceOptions { index, ..SourceOptions::default() })
    }
}

#[test]
fn a_name_is_the_newest_release_and_a_version_is_that_version() {
    let shelf = Shelf::new();
    let version = |text: &str| shelf.fetch(text).unwrap().package.manifest.version.to_string();
    assert_eq!(version("test"), "0.2.0");
    assert_eq!(version("test@0.1.0"), "0.1.0");
    assert_eq!(version("test@0.3.0-rc.1"), "0.3.0-rc.1");
    let candidate = shelf.fetch("test").unwrap();
    assert!(candidate.source.ends_with("/test-0.2.0.wasm") && candidate.index.unwrap().ends_with("/index.json"));
    let message = |text: &str| shelf.fetch(text).unwrap_err().to_string();
    assert!(message("tets").ends_with("it has no plugin \"tets\"; did you mean \"test\"?"), "{}", message("tets"));
    assert!(message("test@9.0.0").ends_with("wanted 9.0.0 of \"test\", it has 0.2.0, 0.3.0-rc.1, 0.1.0"), "{}", message("test@9.0.0"));
    let error = fetch("test", &SourceOptions::default()).unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("no index is set; set plugins.index or pass --index"), "{error}");
}

#[test]
fn an_index_that_lies_is_refused() {
    let shelf = Shelf::new();
    let index = |entry: serde_json::Value| serde_json::json!({"format": 1, "plugins": {"test": [entry]}});
    let check = |change: &dyn Fn(&mut serde_json::Value), want: &str| {
        let mut entry = shelf.version("0.1.0");
        change(&mut entry);
        shelf.write(&index(entry));
        let message = shelf.fetch("test").unwrap_err().line();
        assert!(message.contains(want), "{message}");
    };
    check(&|entry| entry["sha256"] = "0".repeat(64).into(), "the index says sha256:0000");
    check(&|entry| entry["sha256"] = "12".into(), "\"12\" of test is no sha256");
    check(&|entry| entry["version"] = "0.2.0".into(), "the file is test 0.1.0, the index");
    check(&|entry| entry["version"] = "1".into(), "cannot use the index");
    check(&|entry| entry["url"] = "http://a.example/p.wasm".into(), "is not https://");
    check(&|entry| entry["url"] = "missing.wasm".into(), "missing.wasm");
    shelf.write(&serde_json::json!({"format": 2, "plugins": {}}));
    assert!(shelf.fetch("test").unwrap_err().to_string().contains("it has format 2, this cepmon reads 1; use a newer cepmon"));
    std::fs::write(shelf.0.path().join("index.json"), "<html>").unwrap();
    assert!(shelf.fetch("test").unwrap_err().to_string().contains("cannot use the index"));
}

#[test]
fn a_path_is_recorded_as_an_absolute_one() {
    let shelf = Shelf::new();
    let path = shelf.0.path().join("./test-0.1.0.wasm");
    let candidate = fetch(&path.display().to_string(), &SourceOptions::default()).unwrap();
    assert_eq!(Path::new(&candidate.source), std::fs::canonicalize(&path).unwrap());
    assert!(fetch("/nowhere/p.wasm", &SourceOptions::default()).is_err());
}
