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
