//! From core modules to components; cargo itself is not run here.

use super::*;
use crate::testing::{self, MANIFEST};

#[test]
fn a_module_becomes_a_component_that_carries_its_manifest() {
    let bytes = testing::plugin(MANIFEST, testing::EMPTY_BATCH);
    let package = inspect_bytes(Path::new("test.wasm"), bytes.into()).unwrap();
    assert_eq!(package.manifest.name, "test");
    assert_eq!(package.imports, ["cepmon:plugin/types"], "it imports no function, so it can do nothing but compute");
}

#[test]
fn a_module_that_does_not_fit_is_refused() {
    let module = wat::parse_str("(module (import \"env\" \"open\" (func)))").unwrap();
    let message = wrap(&module, MANIFEST, Path::new("x.wasm")).unwrap_err().to_string();
    assert!(message.starts_with("cannot load plugin file \"x.wasm\": it does not fit the contract: "), "{message}");
}

#[test]
fn a_folder_without_a_manifest_says_which_file_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let error = Source::read(folder.path()).err().unwrap();
    assert!(error.to_string().contains("plugin.toml"), "{error}");
}

#[test]
fn plugins_of_one_repository_share_a_target_folder() {
    let root = tempfile::tempdir().unwrap();
    let workspace = root.path().join("tests/guests");
    std::fs::create_dir_all(&workspace).unwrap();
    std::fs::create_dir_all(root.path().join("target")).unwrap();
    std::fs::write(root.path().join("target/CACHEDIR.TAG"), "").unwrap();
    assert_eq!(target_dir(&workspace, None), root.path().join("target/wasm"));
    assert_eq!(target_dir(&workspace, Some("/elsewhere".into())), Path::new("/elsewhere/wasm"));
    std::fs::create_dir(workspace.join(".git")).unwrap();
    assert_eq!(target_dir(&workspace, None), workspace.join("target/wasm"), "another repository's folder is none of its business");
}
