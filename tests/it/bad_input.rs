//! What operators and disks get wrong: configuration, plugin files, the data directory. Each is refused or survived with a message that
//! says what, where, and the way out.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use cepmon_tests::{Host, HostSettings, PATIENCE, Target, bundled_plugins, guest, wait_until};

#[test]
fn an_unknown_key_is_reported_with_its_place_and_a_suggestion() {
    let settings = HostSettings::new().config("scrape_configs:\n  - job_name: node\n    plugn: node\n    scrape_intervall: 5s\n");
    let checked = settings.run(&["check", "cepmon.yml"]);
    let refused = settings.refused();
    for finished in [&checked, &refused] {
        assert_eq!(finished.code, Some(2), "{}", finished.stderr);
        let message = &finished.stderr;
        assert!(message.contains("cepmon.yml:3:5: unknown key \"plugn\"; did you mean \"plugin\"?"), "{message}");
        assert!(message.contains("cepmon.yml:4:5: unknown key \"scrape_intervall\"; did you mean \"scrape_interval\"?"), "{message}");
        assert!(message.contains("  3 |     plugn: node\n    |     ^"), "{message}");
    }
    assert!(!settings.folder().join("data").try_exists().unwrap(), "nothing was started");
}

#[test]
fn a_plugin_that_is_not_there_and_settings_that_do_not_fit_are_mistakes_of_the_configuration() {
    let settings = HostSettings::new()
        .config("scrape_configs:\n  - {job_name: a, plugin: nod}\n  - job_name: b\n    plugin: node\n    settings: {colectors: [cpu]}\n");
    let refused = settings.refused();
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("cepmon.yml:2:") && refused.stderr.contains("no plugin is called \"nod\"; did you mean \"node\"?"));
    assert!(refused.stderr.contains("cepmon.yml:5:") && refused.stderr.contains("did you mean \"collectors\"?"), "{}", refused.stderr);
}

#[test]
fn a_file_that_is_no_plugin_is_refused_by_name_and_replaces_nothing() {
    let node = fs::read(bundled_plugins().join("node.wasm")).unwrap();
    let settings = HostSettings::new().config("").file("plugins/text.wasm", "not WebAssembly at all");
    let put = |name: &str, bytes: &[u8]| fs::write(settings.folder().join("plugins").join(name), bytes).unwrap();
    put("truncated.wasm", &node[..node.len() / 2]);
    put("precompiled.wasm", &precompiled());
    put("module.wasm", b"\0asm\x01\0\0\0");
    put("bare.wasm", b"\0asm\x0d\0\x01\0");
    put("empty.wasm", b"");
    // The world of a log parser under the manifest of an exporter.
    put(
        "world.wasm",
        &with_manifest(&fs::read(bundled_plugins().join("nginx-log.wasm")).unwrap(), "kind = \"log-parser\"", "kind = \"exporter\"  "),
    );
    put("misnamed.wasm", &node);
    // In the place of a bundled one that works.
    put("node.wasm", &node[..1000]);

    let host = settings.start();
    let problem = |name: &str| {
        let rows = host.sql(&format!("SELECT state, problem FROM plugins WHERE name = '{name}'"));
        assert_eq!(rows.column("state"), ["refused"], "{name}");
        rows.column("problem").remove(0)
    };
    for (name, words) in [
        ("text", "it is not WebAssembly"),
        ("empty", "it is not WebAssembly"),
        ("truncated", "it is damaged"),
        ("precompiled", "it is precompiled machine code, which is never accepted"),
        ("module", "it is a core module, not a component"),
        ("bare", "it has no custom section cepmon:manifest"),
    ] {
        let problem = problem(name);
        assert!(problem.contains(&format!("{name}.wasm")) && problem.contains(words), "{name}: {problem}");
    }
    let problems = host.log();
    assert!(problems.contains("but it is a component for the world log-parser"), "{problems}");
    assert!(problems.contains("its manifest says it is \"node\"; rename the file to node.wasm"), "{problems}");
    assert_eq!(host.sql("SELECT state, is_bundled FROM plugins WHERE name = 'node'").lines(), ["ready|true"]);

    // The same words when one asks before installing.
    for (name, words) in [("precompiled", "it is precompiled machine code"), ("truncated", "it is damaged")] {
        let path = format!("plugins/{name}.wasm");
        let refused = host.run(&["plugin", "install", &path, "--plugins-dir", "elsewhere", "--accept-capabilities"]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
}

#[test]
fn a_broken_file_does_not_replace_a_plugin_that_runs() {
    let host = HostSettings::new()
        .config("global: {scrape_interval: 500ms, scrape_timeout: 500ms}\nscrape_configs: [{job_name: reader, plugin: ungranted}]\n")
        .plugin(&guest("ungranted"))
        .start();
    host.wait_for_count("SELECT count(*) FROM metrics.ungranted_bytes", 1, PATIENCE);
    let path = host.folder().join("plugins/ungranted.wasm");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    assert_eq!(host.post("/-/reload", "", b"").status, 200);
    let plugin = host.sql("SELECT state, problem FROM plugins WHERE name = 'ungranted'").lines().remove(0);
    assert!(plugin.starts_with("ready|") && plugin.contains("it is damaged"), "{plugin}");
    let before = host.count("SELECT count(*) FROM metrics.ungranted_bytes");
    host.wait_for_count("SELECT count(*) FROM metrics.ungranted_bytes", before + 2, PATIENCE);
}

#[test]
fn a_second_process_on_the_same_data_directory_is_told_who_has_it() {
    let host = Host::with_config("");
    for arguments in [&["serve", "--data-dir", "data", "--listen", "127.0.0.1:0"][..], &["sql", "--data-dir", "data", "SELECT 1"]] {
        let refused = host.run(arguments);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        let way_out = "uses it; stop that process or choose another --data-dir";
        assert!(refused.stderr.contains("cannot lock data directory \"data\": process "), "{}", refused.stderr);
        assert!(refused.stderr.contains(way_out), "{}", refused.stderr);
    }
    assert_eq!(host.value("SELECT 1").unwrap(), "1", "the first one goes on");
}

#[test]
fn a_port_that_is_taken_and_an_address_for_everybody_are_refused() {
    let host = Host::with_config("");
    let taken = host.run(&["serve", "--data-dir", "other", "--listen", &host.address().to_string()]);
    assert_eq!(taken.code, Some(1));
    assert!(taken.stderr.contains(&format!("cannot listen on {}", host.address())), "{}", taken.stderr);
    let exposed = host.run(&["serve", "--data-dir", "other", "--listen", "0.0.0.0:0"]);
    assert_eq!(exposed.code, Some(2));
    assert!(exposed.stderr.contains("web.insecure: true"), "{}", exposed.stderr);
}

#[test]
fn a_torn_log_is_cut_and_reported_and_a_damaged_one_is_read_up_to_the_damage() {
    let target = Target::numbered(|number| format!("torn_total {number}\n"));
    let mut host = Host::with_config(&format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
         scrape_configs: [{{job_name: torn, static_configs: [{{targets: ['{}']}}]}}]\n",
        target.address()
    ));
    let stored = |host: &Host, until: &str| host.count(&format!("SELECT count(*) FROM metrics.torn_total WHERE ts <= '{until}'"));
    for (damage, words) in [(Damage::Torn, "cut an unfinished record off the log"), (Damage::Garbage, "damaged log")] {
        // Four scrapes lie behind these, and each has records of its own: the damage is not theirs.
        let count = host.count("SELECT count(*) FROM scrapes");
        host.wait_for_count("SELECT count(*) FROM scrapes", count + 4, PATIENCE);
        let until = host.value("SELECT max(ts) FROM metrics.torn_total").unwrap();
        let before = stored(&host, &until);
        host.wait_for_count("SELECT count(*) FROM scrapes", count + 8, PATIENCE);
        host.kill();
        damage.strike(&last_segment(&host));
        host.start_again();
        assert!(host.log().contains(words), "{}", host.log());
        assert_eq!(stored(&host, &until), before);
        // What comes after the damage is stored as ever, also for the start after this one.
        let later = format!("SELECT count(*) FROM metrics.torn_total WHERE ts > '{until}'");
        let after = host.wait_for_count(&later, 3, PATIENCE);
        host.kill();
        host.start_again();
        assert!(host.count(&later) >= after);
        assert_eq!(stored(&host, &until), before);
    }
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged_and_is_over_when_there_is_room() {
    let target = Target::numbered(|number| (0..200).map(|series| format!("full_total{{series=\"{series}\"}} {number}\n")).collect());
    let mut host = HostSettings::new()
        .config(&format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
             scrape_configs: [{{job_name: full, static_configs: [{{targets: ['{}']}}]}}]\n",
            target.address()
        ))
        .ignoring_file_size_signal()
        .start();
    host.wait_for_count("SELECT count(*) FROM scrapes", 5, PATIENCE);
    // The record of a scrape is longer than what is left, so it is cut in the middle.
    let room = fs::metadata(last_segment(&host)).unwrap().len() + 3_000;
    host.limit_file_size(Some(room));
    let refused = || host.own_metric("cepmon_storage_append_failures_total");
    wait_until("the disk to be full", PATIENCE, || refused() >= 3.0);
    assert!(host.log().contains("samples were not stored") && host.log().contains("File too large"), "{}", host.log());
    assert_eq!(host.get("/-/healthy").status, 200);
    let acknowledged = host.sql("SELECT ts FROM scrapes ORDER BY ts").column("ts");

    host.limit_file_size(None);
    let enough = acknowledged.len() as u64 + 5;
    host.wait_for_count("SELECT count(*) FROM scrapes", enough, PATIENCE);
    host.kill();
    host.start_again();
    let kept = host.sql("SELECT ts FROM scrapes ORDER BY ts").column("ts");
    assert!(acknowledged.iter().all(|scrape| kept.contains(scrape)));
    let incomplete = host
        .count("SELECT count(*) FROM (SELECT ts FROM metrics.full_total GROUP BY ts HAVING count(*) <> 200 OR count(DISTINCT value) <> 1)");
    assert_eq!(incomplete, 0, "a scrape is there as a whole or not at all");
    assert!(!host.log().contains("damaged log"), "{}", host.log());
}

#[derive(Clone, Copy)]
enum Damage {
    /// The end of the last record is missing, as after a power cut.
    Torn,
    /// The last bytes are others, and more follow.
    Garbage,
}

impl Damage {
    fn strike(self, segment: &PathBuf) {
        let len = fs::metadata(segment).unwrap().len();
        let mut file: File = OpenOptions::new().append(true).open(segment).unwrap();
        file.set_len(len - 7).unwrap();
        if let Self::Garbage = self {
            file.write_all(&[0xa5; 500]).unwrap();
        }
    }
}

/// The file that the host appends to.
fn last_segment(host: &Host) -> PathBuf {
    let segments = fs::read_dir(host.data_dir().join("wal")).unwrap().map(|entry| entry.unwrap().path());
    // A start begins a new one, which stays empty when the host was killed at once.
    segments.filter(|path| fs::metadata(path).unwrap().len() > 100).max().unwrap()
}

/// The head of a file that wasmtime has compiled: ELF of wasmtime's own operating system number, flagged as a component.
fn precompiled() -> Vec<u8> {
    let mut head = vec![0; 64];
    head[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 200]);
    // e_type, e_version, e_flags (2: a component), e_ehsize.
    head[16] = 1;
    head[20] = 1;
    head[48] = 2;
    head[52] = 64;
    head
}

/// A component with a text in its manifest exchanged for one of the same length.
fn with_manifest(component: &[u8], old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let at = component.windows(old.len()).position(|window| window == old.as_bytes()).unwrap();
    let mut changed = component.to_vec();
    changed[at..at + old.len()].copy_from_slice(new.as_bytes());
    changed
}
