//! From folders and core modules to components; no tool of any language is run here.

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
    assert_eq!(cargo::target_dir(&workspace, None), root.path().join("target/wasm"));
    assert_eq!(cargo::target_dir(&workspace, Some("/elsewhere".into())), Path::new("/elsewhere/wasm"));
    std::fs::create_dir(workspace.join(".git")).unwrap();
    assert_eq!(cargo::target_dir(&workspace, None), workspace.join("target/wasm"), "another repository's folder is none of its business");
}

#[test]
fn one_file_tells_the_language_and_a_missing_tool_its_install_command() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let message = || build(&[folder.path().to_owned()], |_| ()).unwrap_err().to_string();
    write("plugin.toml", MANIFEST);
    assert!(message().ends_with("it has neither Cargo.toml (Rust) nor app.py (Python) nor app.js (JavaScript)"), "{}", message());
    write("package.json", "{}");
    assert!(message().ends_with("it has package.json but no app.js, which is what is built"), "{}", message());

    write("app.js", "");
    let source = Source::read(folder.path()).unwrap();
    assert_eq!(source.language, Language::JavaScript);
    let tool = tool::Tool { name: "no-such-tool", folder: "node_modules/.bin", install: "npm install it" };
    let output = folder.path().join("plugin.wasm");
    let missing = tool.run(&source, ["x"], &output, &|_: &dyn Display| ()).unwrap_err().to_string();
    assert!(missing.ends_with("it is written in JavaScript, and there is no no-such-tool; run in its folder: npm install it"), "{missing}");

    write("app.py", "");
    assert!(message().contains("it has app.py (Python) and app.js (JavaScript)"), "{}", message());
}

#[test]
fn a_tool_of_the_project_goes_before_one_of_the_path_and_what_it_printed_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir_all(folder.path().join("tools")).unwrap();
    std::fs::create_dir(&inner).unwrap();
    let script = folder.path().join("tools/false");
    std::fs::write(&script, "#!/bin/sh\necho \"line $1 is wrong\"; exit 3\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(inner.join("plugin.toml"), MANIFEST).unwrap();
    std::fs::write(inner.join("app.py"), "").unwrap();
    let source = Source::read(&inner).unwrap();
    let tool = tool::Tool { name: "false", folder: "tools", install: "" };
    let failed = tool.run(&source, ["7"], &inner.join("plugin.wasm"), &|_: &dyn Display| ()).unwrap_err().to_string();
    assert!(failed.ends_with("false ended with exit status: 3; it printed:\nline 7 is wrong"), "{failed}");
}
