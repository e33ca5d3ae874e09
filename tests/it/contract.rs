//! The contract with plugins that are built already: every released WIT still holds, and components that an SDK of each release built
//! still run.

use std::fs;
use std::path::PathBuf;

use cepmon_tests::{HostSettings, PATIENCE};
use wit_parser::{PackageId, Resolve};

use crate::tree::{root, text};

const WORLDS: [&str; 3] = ["exporter", "probe", "log-parser"];

fn released() -> Vec<String> {
    let folders = fs::read_dir(root().join("wit/released")).unwrap();
    folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect()
}

fn released_text(version: &str) -> String {
    text(&PathBuf::from(format!("wit/released/{version}/plugin.wit")))
}

fn present_text() -> String {
    text(&PathBuf::from("wit/plugin.wit"))
}

fn version(wit: &str) -> &str {
    let line = wit.lines().find_map(|line| line.strip_prefix("package cepmon:plugin@")).unwrap();
    line.trim_end_matches(';')
}

/// Whether components built for `old` run on a host that speaks `new`. Versions are left out of the comparison.
fn check(old: &str, new: &str) -> Result<(), String> {
    let mut resolve = Resolve::default();
    let mut push = |name: &str, text: &str| -> PackageId {
        // Two packages of one name and version do not fit into one resolve.
        let text = text.replacen(&format!("@{};", version(text)), &format!("@0.0.0-{name};"), 1);
        resolve.push_str(format!("{name}.wit"), &text).unwrap()
    };
    let (old, new) = (push("old", old), push("new", new));
    for world in WORLDS {
        let [before, after] = [old, new].map(|package| resolve.packages[package].worlds[world]);
        wit_component::semver_check(resolve.clone(), before, after).map_err(|error| format!("{world}: {error:#}"))?;
    }
    Ok(())
}

#[test]
fn plugins_built_for_a_released_contract_run_on_this_host() {
    let released = released();
    assert!(!released.is_empty());
    for old in &released {
        assert_eq!(version(&released_text(old)), old, "the folder names the version");
        check(&released_text(old), &present_text()).unwrap_or_else(|problem| panic!("{old}: {problem}; give it a new minor version"));
    }
}

#[test]
fn a_change_that_breaks_built_plugins_is_noticed_and_an_addition_is_none() {
    let present = present_text();
    let changed = |from: &str, to: &str| {
        assert!(present.contains(from), "{from}");
        check(&present, &present.replacen(from, to, 1))
    };
    changed("record span { start: u32, len: u32 }", "record span { start: u64, len: u64 }").unwrap_err();
    changed("now-ns: func() -> u64;", "").unwrap_err();
    changed("collect: func(target: target)", "collect: func(target: target, more: u32)").unwrap_err();
    changed("now-ns: func() -> u64;", "now-ns: func() -> u64; zone: func() -> string;").unwrap();
}

#[test]
fn the_contract_does_not_change_without_a_new_version() {
    let present = present_text();
    let version = version(&present);
    if released().iter().any(|old| old == version) {
        assert!(present == released_text(version), "wit/plugin.wit is no longer what {version} was released as; raise its version");
    }
    let spoken = text(&PathBuf::from("host/plugin/src/abi.rs"));
    let own = format!("semver::Version::new({})", version.replace('.', ", "));
    assert!(spoken.contains(&own), "abi.rs does not speak {version}");
}

#[test]
fn components_of_every_released_sdk_run() {
    for version in released() {
        let folder = root().join("tests/corpus").join(&version);
        let mut settings = HostSettings::new();
        for world in WORLDS {
            let component = folder.join(format!("corpus-{world}.wasm"));
            let size = fs::metadata(&component).unwrap().len();
            assert!(size < 100 << 10, "{size} bytes");
            settings = settings.plugin(&component);
        }
        let lines = settings.folder().join("app.log");
        fs::write(&lines, "warn first\ninfo second\n").unwrap();
        let host = settings
            .config(&format!(
                "global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\n\
                 scrape_configs:\n\
                 - {{job_name: old, plugin: corpus-exporter, static_configs: [{{targets: ['a:1']}}]}}\n\
                 - {{job_name: asked, plugin: corpus-probe, static_configs: [{{targets: ['up.example:1', 'down.example:1']}}]}}\n\
                 logs: {{sources: [{{job_name: app, paths: ['{}'], plugin: corpus-log-parser}}]}}\n",
                lines.display()
            ))
            .start();
        host.wait_for_count("SELECT count(*) FROM metrics.corpus_requests_total", 4, PATIENCE);
        host.wait_for_count("SELECT count(DISTINCT instance) FROM probes", 2, PATIENCE);
        host.wait_for_count("SELECT count(*) FROM logs WHERE labels['job'] = 'app'", 2, PATIENCE);
        let counts = host.sql("SELECT DISTINCT method, target, value FROM metrics.corpus_requests_total ORDER BY method");
        assert_eq!(counts.lines(), ["GET|a:1|7", "PUT|a:1|2"], "{version}");
        assert_eq!(host.sql("SELECT DISTINCT value FROM metrics.corpus_clock_runs").lines(), ["1"]);
        let probes = host.sql("SELECT DISTINCT instance, outcome FROM probes ORDER BY instance");
        assert_eq!(probes.lines(), ["down.example:1|down", "up.example:1|up"], "{version}");
        let levels = host.sql("SELECT fields['level'] AS level FROM logs WHERE labels['job'] = 'app' ORDER BY level");
        assert_eq!(levels.column("level"), ["info", "warn"], "{version}");
    }
}
