//! A crate is a promise about what it does not know. These tests hold the promises that DESIGN and README make, on the
//! dependencies that cargo resolves; what a crate needs for its own tests only does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::tree::{assert_none, files, root, text};

/// The lists of dependencies that name everything, so that cargo builds one set of features; no code, no promise.
const LISTS: [&str; 2] = ["cepmon-features", "cepmon-tests"];

/// What speaks HTTP.
const HTTP: [&str; 5] = ["axum", "hyper", "hyper-util", "reqwest", "tower-http"];
/// What reaches the machine: files, sockets, processes, time.
const IO: [&str; 8] = ["tokio", "rustix", "libc", "mio", "socket2", "tempfile", "notify", "object_store"];

/// What `cargo metadata` says about this checkout. `licence` reads it too: it takes a second.
pub(crate) static METADATA: LazyLock<Value> = LazyLock::new(|| {
    let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"];
    serde_json::from_str(&cargo(&arguments)).unwrap()
});

#[test]
fn only_the_plugin_host_knows_wasmtime() {
    assert_eq!(crates_that_name("wasmtime"), BTreeSet::from(["cepmon-plugin"]));
    assert_eq!(crates_that_name("wasmtime-wasi"), BTreeSet::from(["cepmon-plugin"]));
}

#[test]
fn only_the_sql_crate_knows_datafusion() {
    assert_eq!(crates_that_name("datafusion"), BTreeSet::from(["cepmon-sql"]));
}

#[test]
fn the_model_does_no_io() {
    assert_knows_nothing_of("cepmon-model", &IO);
    let modules = ["std::fs", "std::net", "std::process", "std::env", "std::io", "std::thread"];
    let mut problems = Vec::new();
    for path in files(".rs").iter().filter(|path| path.starts_with("storage/model/src")) {
        let text = text(path);
        problems.extend(modules.iter().filter(|module| text.contains(*module)).map(|module| format!("{}: {module}", path.display())));
    }
    assert_none("the model reaches outside", &problems);
}

#[test]
fn storage_knows_neither_datafusion_nor_wasmtime_nor_http() {
    assert_knows_nothing_of("cepmon-storage", &["datafusion", "wasmtime", "tokio"]);
    assert_knows_nothing_of("cepmon-storage", &HTTP);
}

#[test]
fn the_query_languages_know_neither_datafusion_nor_wasmtime_nor_http() {
    assert_knows_nothing_of("cepmon-query", &["datafusion", "wasmtime", "cepmon-sql", "cepmon-plugin"]);
    assert_knows_nothing_of("cepmon-query", &HTTP);
}

#[test]
fn templates_know_no_other_crate_and_do_no_io() {
    assert_knows_nothing_of("cepmon-template", &["cepmon-storage", "cepmon-query", "cepmon-sql", "cepmon-plugin"]);
    assert_knows_nothing_of("cepmon-template", &IO);
}

#[test]
fn the_importer_knows_the_model_alone() {
    assert_knows_nothing_of("cepmon-import", &["cepmon-storage", "cepmon-query", "cepmon-sql", "cepmon-plugin", "tokio"]);
    assert_knows_nothing_of("cepmon-import", &HTTP);
}

#[test]
fn alerting_depends_on_no_engine() {
    assert_knows_nothing_of("cepmon-alert", &["cepmon-query", "cepmon-sql", "cepmon-plugin", "cepmon-storage", "datafusion", "wasmtime"]);
}

#[test]
fn the_sql_crate_and_the_plugin_host_do_not_know_each_other() {
    assert_knows_nothing_of("cepmon-sql", &["cepmon-plugin", "wasmtime", "axum"]);
    assert_knows_nothing_of("cepmon-plugin", &["cepmon-sql", "cepmon-storage", "datafusion", "axum"]);
}

#[test]
fn the_lock_file_has_one_version_of_arrow_and_one_of_wasmtime() {
    let lock: toml::Table = toml::from_str(&text(Path::new("Cargo.lock"))).unwrap();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        versions.entry(package["name"].as_str().unwrap()).or_default().insert(package["version"].as_str().unwrap());
    }
    // The tools that make guests bring a wasmparser and a wit-parser of their own; nothing of them is linked.
    let families = ["arrow", "parquet", "datafusion", "wasmtime", "object_store"];
    for name in families {
        let found = versions.get(name).cloned().unwrap_or_default();
        assert!(found.len() <= 1, "{name} is in Cargo.lock in {} versions: {found:?}", found.len());
    }
    for name in ["arrow", "parquet", "datafusion", "wasmtime"] {
        assert!(versions.contains_key(name), "{name} is not in Cargo.lock; does this test still look at the right name?");
    }
}

#[test]
fn unsafe_code_is_forbidden_in_every_crate_of_the_host() {
    let workspace: toml::Table = toml::from_str(&text(Path::new("Cargo.toml"))).unwrap();
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let exempt: Vec<String> = members
        .iter()
        .map(|member| format!("{}/Cargo.toml", member.as_str().unwrap()))
        .filter(|manifest| {
            let manifest: toml::Table = toml::from_str(&text(Path::new(manifest))).unwrap();
            manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool) != Some(true)
        })
        .collect();
    assert_none("crates without `[lints] workspace = true`", &exempt);
}

/// Members of the workspace that name a crate among their dependencies.
fn crates_that_name(dependency: &str) -> BTreeSet<&'static str> {
    let members: Vec<&str> = METADATA["workspace_members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let packages = METADATA["packages"].as_array().unwrap();
    packages
        .iter()
        .filter(|package| members.contains(&package["id"].as_str().unwrap()))
        .filter(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            dependencies.iter().any(|named| named["name"] == dependency && named["kind"] != "dev")
        })
        .map(|package| package["name"].as_str().unwrap())
        .filter(|name| !LISTS.contains(name))
        .collect()
}

fn assert_knows_nothing_of(name: &str, forbidden: &[&str]) {
    let known = dependencies_all_the_way_down(name);
    let broken: Vec<String> = forbidden.iter().filter(|crate_name| known.contains(**crate_name)).map(|found| (*found).to_owned()).collect();
    assert_none(&format!("{name} depends, directly or not, on crates that it promises not to know"), &broken);
}

/// By `cargo tree` and not by the metadata, whose features are those of all crates together: there, parquet has the part that needs
/// tokio, because DataFusion asks for it.
fn dependencies_all_the_way_down(name: &str) -> BTreeSet<String> {
    let tree = cargo(&["tree", "--package", name, "--edges", "normal", "--prefix", "none", "--format", "{p}", "--locked"]);
    tree.lines().filter_map(|line| line.split(' ').next()).filter(|found| *found != name).map(str::to_owned).collect()
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "cargo {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
