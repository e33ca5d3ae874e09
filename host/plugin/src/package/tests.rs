//! Files that are plugins, and files that are not.

use super::*;
use crate::testing::{EMPTY_BATCH, MANIFEST, READS_STAT, Wat, module, plugin};

fn refusal(bytes: Vec<u8>) -> String {
    inspect_bytes(Path::new("p.wasm"), bytes.into()).unwrap_err().to_string()
}

#[test]
fn a_plugin_is_what_it_says() {
    let manifest = format!("{MANIFEST}[capabilities.files]\npaths = [\"/proc/stat\"]\nreason = \"counts\"\n");
    let bytes = plugin(&manifest, READS_STAT);
    let digest = Digest::of(&bytes);
    let package = inspect_bytes(Path::new("p.wasm"), bytes.into()).unwrap();
    assert_eq!(package.imports, ["cepmon:plugin/files", "cepmon:plugin/types"]);
    assert_eq!(package.digest, digest);
    assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
    assert!(!package.is_foreign());
}

#[test]
fn what_is_no_plugin_is_refused_with_the_way_out() {
    let check = |bytes: Vec<u8>, want: &str| {
        let message = refusal(bytes);
        assert!(message.starts_with("cannot load plugin file \"p.wasm\": ") && message.contains(want), "{message}");
    };
    let good = plugin(MANIFEST, EMPTY_BATCH);
    check(b"#!/bin/sh\n".to_vec(), "it is not WebAssembly");
    check(Vec::new(), "it is not WebAssembly");
    check(good[..good.len() / 2].to_vec(), "it is damaged");
    check(good[..9].to_vec(), "it is damaged");
    check(module(MANIFEST, EMPTY_BATCH), "it is a core module, not a component; build it with: cepmon plugin build DIR");
    check(wat::parse_str("(component)").unwrap(), "no custom section cepmon:manifest");
    let engine = crate::engine::open(None, &crate::Limits::default()).unwrap();
    check(engine.precompile_component(&good).unwrap(), "precompiled machine code, which is never accepted");
}

#[test]
fn a_manifest_that_lies_is_refused() {
    let check = |bytes: Vec<u8>, want: &str| {
        let message = refusal(bytes);
        assert!(message.contains(want), "{message}");
    };
    check(
        plugin(MANIFEST, READS_STAT),
        "plugin \"test\" imports cepmon:plugin/files, which its manifest does not ask for; add [capabilities.files] with a reason",
    );
    let probe = MANIFEST.replace("exporter", "probe");
    let component = |manifest: &str| crate::wrap(&module(MANIFEST, EMPTY_BATCH), manifest, Path::new("p.wasm")).unwrap();
    check(component(&probe), "its manifest says kind = \"probe\", but it is a component for the world exporter");
    let mut twice = plugin(MANIFEST, EMPTY_BATCH);
    twice.truncate(twice.len() - 4);
    check(twice, "it is damaged");
}

#[test]
fn a_component_for_another_world_is_refused() {
    let other = |name: &str| {
        let component = format!("(component (import \"{name}\" (instance)) (instance $i) (export \"other:thing/api\" (instance $i)))");
        let component = wat::parse_str(component).unwrap();
        refusal(crate::wrap(&component, MANIFEST, Path::new("p.wasm")).unwrap())
    };
    assert!(other("wasi:cli/stdout@0.2.0").contains("it is a component for another world: it exports neither exporter-api"));
    let foreign = |import: &str, export: &str| {
        let text = format!("(component (import \"{import}\" (instance)) (instance $i) (export \"{export}\" (instance $i)))");
        refusal(crate::wrap(&wat::parse_str(text).unwrap(), MANIFEST, Path::new("p.wasm")).unwrap())
    };
    let message = foreign("evil:sockets/all@1.0.0", "cepmon:plugin/exporter-api@0.1.0");
    assert!(message.contains("plugin \"test\" imports evil:sockets/all@1.0.0, which this host does not offer"), "{message}");
    let message = foreign("cepmon:plugin/log@0.1.0", "cepmon:plugin/exporter-api@0.2.0");
    assert!(message.contains("it was built for cepmon:plugin/exporter-api 0.2.0, this host speaks 0.1.0"), "{message}");
}

#[test]
fn features_that_plugins_do_not_have_are_refused() {
    for text in ["(memory i64 1)", "(memory 1 2 shared)", "(memory 1) (memory 1)"] {
        let component = wat::parse_str(format!("(component (core module {text}))")).unwrap();
        let message = refusal(component);
        assert!(message.contains("needs WebAssembly features that plugins do not have"), "{text}: {message}");
    }
    let wat = Wat { imports: "", body: "(drop (i8x16.splat (i32.const 1))) i32.const 1024" };
    assert!(inspect_bytes(Path::new("p.wasm"), plugin(MANIFEST, wat).into()).is_ok(), "SIMD is fine");
}
