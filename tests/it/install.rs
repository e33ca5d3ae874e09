//! Plugins from a path, a URL and an index, with right and wrong digests and signatures, with and without consent: outcomes, exit codes
//! and what lies in the folder afterwards; upgrades, rollbacks, bundles; a kill at every step; a server that notices by itself.

use std::fs;
use std::path::Path;

use cepmon_tests::{Finished, HostSettings, PATIENCE, Shelf, guest, wait_until};
use minisign::KeyPair;

/// Fault points of a change, as `cepmon-plugin` names them.
const FAULT_POINTS: [&str; 6] = ["plugin-staging", "plugin-staged", "plugin-kept", "lock-aside", "plugin-committed", "plugin-in-place"];

/// An author: a key, and versions of the plugin `ungranted`.
struct Author(KeyPair);

impl Author {
    fn new() -> Self {
        Self(KeyPair::generate_unencrypted_keypair().unwrap())
    }

    fn key(&self) -> String {
        self.0.pk.to_base64()
    }

    fn sign(&self, bytes: &[u8]) -> String {
        minisign::sign(None, &self.0.sk, bytes, None, None).unwrap().into_string()
    }
}

/// The plugin, with changes of its manifest that keep its length.
fn component(changes: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = fs::read(guest("ungranted")).unwrap();
    for (old, new) in changes {
        assert_eq!(old.len(), new.len());
        let at = bytes.windows(old.len()).position(|window| window == old.as_bytes()).unwrap();
        bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
    }
    bytes
}

fn version(version: &str) -> Vec<u8> {
    component(&[("version = \"0.1.0\"", &format!("version = \"{version}\""))])
}

/// A version that asks for another file.
fn greedy(number: &str) -> Vec<u8> {
    component(&[("version = \"0.1.0\"", &format!("version = \"{number}\"")), ("[\"/etc/hostname\"]", "[\"/etc/timezone\"]")])
}

/// The digest as the program prints it: what it says of a file that it is asked to install with a wrong one.
fn sha256(settings: &HostSettings, bytes: &[u8]) -> String {
    fs::write(settings.folder().join("measured.wasm"), bytes).unwrap();
    let refused = settings.run(&["plugin", "install", "./measured.wasm", "--plugins-dir", "none", "--sha256", &"0".repeat(64)]);
    let at = refused.stderr.find("its digest is sha256:").unwrap() + "its digest is sha256:".len();
    refused.stderr[at..at + 64].to_owned()
}

fn plugin(settings: &HostSettings, arguments: &[&str]) -> Finished {
    let authority = Shelf::authority();
    let mut all = vec!["plugin"];
    all.extend(arguments);
    all.extend(["--plugins-dir", "plugins"]);
    if ["install", "upgrade", "diff"].contains(&arguments[0]) {
        all.extend(["--ca-file", authority.to_str().unwrap()]);
    }
    if arguments[0] == "verify" {
        all.extend(["--bundled-plugins-dir", "none"]);
    }
    settings.run(&all)
}

fn assert_refused(finished: &Finished, code: i32, want: &str) {
    assert!(finished.code == Some(code) && finished.stderr.contains(want), "{code} {want:?}: {finished:?}");
}

fn assert_done(finished: &Finished) {
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

/// Version and path granted, as `show` tells them, or none.
fn installed(settings: &HostSettings) -> Option<(String, String)> {
    let shown = plugin(settings, &["show", "ungranted"]);
    let field = |name: &str| shown.stdout.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned());
    Some((field("plugin")?.replace("ungranted ", ""), field("may").unwrap_or_default()))
}

fn nothing_is_installed(settings: &HostSettings) -> bool {
    !settings.folder().join("plugins/ungranted.wasm").is_file() && !settings.folder().join("plugins/plugins.lock").is_file()
}

#[test]
fn a_url_needs_a_digest_or_a_signature_and_both_have_to_fit() {
    let (settings, shelf, author, stranger) = (HostSettings::new(), Shelf::start(), Author::new(), Author::new());
    let bytes = version("0.1.0");
    let digest = sha256(&settings, &bytes);
    let bare = shelf.put("/bare.wasm", &bytes);
    let signed = shelf.put("/signed.wasm", &bytes);
    shelf.put("/signed.wasm.minisig", author.sign(&bytes).as_bytes());
    let forged = shelf.put("/forged.wasm", &bytes);
    shelf.put("/forged.wasm.minisig", author.sign(&version("0.2.0")).as_bytes());
    let (key, strange) = (author.key(), stranger.key());
    let install = |source: &str, more: &[&str]| plugin(&settings, &[&["install", source, "--accept-capabilities"][..], more].concat());

    assert_refused(&install(&bare, &[]), 2, "nobody answers for it; pass its digest");
    assert_refused(&install(&bare, &["--key", &key]), 2, "no pinned key has signed it");
    assert_refused(&install(&signed, &[]), 2, "pin its author's key");
    assert_refused(&install(&bare, &["--sha256", &"0".repeat(64)]), 1, "--sha256 says sha256:0000");
    assert_refused(&install(&bare, &["--sha256", "12"]), 2, "wanted 64 hexadecimal digits");
    assert_refused(&install(&signed, &["--key", &strange]), 1, "which is not pinned");
    assert_refused(&install(&forged, &["--key", &key]), 1, "it is not what the key");
    // A digest does not make up for a forged signature.
    assert_refused(&install(&forged, &["--key", &key, "--sha256", &digest]), 1, "it is not what the key");
    assert_refused(&install(&signed, &["--key", "RWnope"]), 2, "wanted a minisign public key");
    assert!(nothing_is_installed(&settings));

    assert_done(&install(&bare, &["--sha256", &digest]));
    assert_eq!(installed(&settings).unwrap(), ("0.1.0".to_owned(), "read /etc/hostname".to_owned()));
    assert_done(&plugin(&settings, &["remove", "ungranted"]));
    let done = install(&signed, &["--key", &key]);
    assert_done(&done);
    assert!(done.stdout.contains("signed   by the key ") && done.stdout.contains("it asks for\n  files: reads the host's name"));
    let lock = fs::read_to_string(settings.folder().join("plugins/plugins.lock")).unwrap();
    assert!(lock.contains(&format!("source = \"{signed}\"")) && lock.contains("signer = ") && lock.contains(&digest), "{lock}");
    assert_done(&plugin(&settings, &["verify", "--key", &key]));
    assert_refused(&plugin(&settings, &["verify", "--key", &strange]), 1, "1 difference from the lock files");
}

#[test]
fn only_https_with_a_known_authority_and_a_bounded_answer_is_fetched() {
    let (settings, shelf) = (HostSettings::new(), Shelf::start());
    let bytes = version("0.1.0");
    let digest = sha256(&settings, &bytes);
    let here = shelf.put("/p.wasm", &bytes);
    let install = |source: &str| plugin(&settings, &["install", source, "--accept-capabilities", "--sha256", &digest]);
    assert_refused(&install(&here.replace("https", "http")), 2, "use https://");
    assert_refused(&install(&shelf.redirect("/down", "http://localhost:1/p.wasm")), 1, "only https:// is followed");
    assert_refused(&install(&shelf.redirect("/round", "/round")), 1, "5 redirects are followed");
    assert_refused(&install(&shelf.zeros("/endless", 40 << 20)), 1, "it has more than 33554432 bytes");
    assert_refused(&install(&shelf.torn("/torn", &bytes)), 1, "the answer was cut off");
    assert_refused(&install(&here.replace("p.wasm", "none.wasm")), 1, "the server answered 404");
    assert_refused(&install("https://localhost:1/p.wasm"), 1, "cannot connect to \"localhost:1\"");
    assert_refused(&install(&shelf.put("/page", b"<html>")), 1, "its digest is");
    // An authority of one's own is trusted only when it is named.
    let unknown = settings.run(&["plugin", "install", &here, "--sha256", &digest, "--accept-capabilities", "--plugins-dir", "plugins"]);
    assert_refused(&unknown, 1, "--ca-file adds an authority of your own");
    assert!(nothing_is_installed(&settings));
    assert_done(&install(&shelf.redirect("/moved", "/p.wasm")));
}

#[test]
fn consent_is_needed_for_what_is_new_and_only_for_that() {
    let settings = HostSettings::new();
    let write = |bytes: Vec<u8>| fs::write(settings.folder().join("p.wasm"), bytes).unwrap();
    let install = |more: &[&str]| plugin(&settings, &[&["install", "./p.wasm"][..], more].concat());
    write(version("0.1.0"));
    assert_refused(&install(&[]), 2, "there is no terminal to ask on");
    assert_refused(&install(&["--yes"]), 2, "--yes alone grants no capability");
    assert!(nothing_is_installed(&settings));
    assert_done(&install(&["--accept-capabilities"]));

    write(version("0.2.0"));
    let upgraded = plugin(&settings, &["upgrade", "ungranted", "--yes"]);
    assert_done(&upgraded);
    assert!(upgraded.stdout.contains("what changes\n  version: 0.1.0 -> 0.2.0\n"), "{}", upgraded.stdout);
    let again = plugin(&settings, &["upgrade", "--all", "--yes"]);
    assert!(again.code == Some(0) && again.stdout == "ungranted 0.2.0 is the newest\n", "{again:?}");

    write(greedy("0.3.0"));
    let different = plugin(&settings, &["diff", "ungranted"]);
    assert_done(&different);
    let want = "  capability: + files:/etc/timezone\n  capability: - files:/etc/hostname\n";
    assert!(different.stdout.contains(want), "{}", different.stdout);
    assert_refused(&plugin(&settings, &["upgrade", "ungranted", "--yes"]), 2, "--yes alone grants no capability");
    assert_refused(&plugin(&settings, &["upgrade", "--all", "--yes"]), 2, "not upgraded:\n  ungranted: ");
    assert_eq!(installed(&settings).unwrap().0, "0.2.0");
    assert_done(&plugin(&settings, &["upgrade", "ungranted", "--accept-capabilities"]));
    assert_eq!(installed(&settings).unwrap(), ("0.3.0".to_owned(), "read /etc/timezone".to_owned()));

    let back = plugin(&settings, &["rollback", "ungranted"]);
    assert!(back.code == Some(0) && back.stdout.starts_with("ungranted is 0.2.0 again, with the grants from then"), "{back:?}");
    assert_eq!(installed(&settings).unwrap(), ("0.2.0".to_owned(), "read /etc/hostname".to_owned()));
    write(version("0.1.0"));
    assert_refused(&install(&["--yes"]), 2, "it is version 0.1.0, installed is 0.2.0; pass --downgrade if you mean it");
    assert_done(&install(&["--yes", "--downgrade"]));
    assert_eq!(installed(&settings).unwrap().0, "0.1.0");
}

#[test]
fn a_name_is_looked_up_in_an_index_that_has_to_be_vouched_for() {
    let (settings, shelf, author) = (HostSettings::new(), Shelf::start(), Author::new());
    let (old, new) = (version("0.1.0"), version("0.2.0"));
    let entry = |version: &str, bytes: &[u8]| {
        format!("{{\"version\": \"{version}\", \"url\": \"{version}.wasm\", \"sha256\": \"{}\"}}", sha256(&settings, bytes))
    };
    shelf.put("/0.1.0.wasm", &old);
    shelf.put("/0.2.0.wasm", &new);
    let index = |entries: &[String]| format!("{{\"format\": 1, \"plugins\": {{\"ungranted\": [{}]}}}}", entries.join(", "));
    let first = index(&[entry("0.1.0", &old)]);
    let url = shelf.put("/index.json", first.as_bytes());
    let key = author.key();
    let install = |more: &[&str]| plugin(&settings, &[&["install", "ungranted", "--accept-capabilities"][..], more].concat());

    assert_refused(&install(&[]), 2, "no index is set");
    assert_refused(&install(&["--index", &url]), 2, "nobody answers for it");
    assert_refused(&install(&["--index", &url, "--key", &key]), 2, "no pinned key has signed it");
    shelf.put("/index.json.minisig", Author::new().sign(first.as_bytes()).as_bytes());
    assert_refused(&install(&["--index", &url, "--key", &key]), 1, "which is not pinned");
    assert!(nothing_is_installed(&settings));
    shelf.put("/index.json.minisig", author.sign(first.as_bytes()).as_bytes());
    assert_done(&install(&["--index", &url, "--key", &key]));
    assert_eq!(installed(&settings).unwrap().0, "0.1.0");

    // A newer version appears; the plugin itself is signed as well.
    let second = index(&[entry("0.1.0", &old), entry("0.2.0", &new)]);
    shelf.put("/index.json", second.as_bytes());
    assert_refused(&plugin(&settings, &["upgrade", "ungranted", "--yes", "--key", &key]), 1, "it is not what the key");
    shelf.put("/index.json.minisig", author.sign(second.as_bytes()).as_bytes());
    shelf.put("/0.2.0.wasm.minisig", author.sign(&new).as_bytes());
    assert_done(&plugin(&settings, &["upgrade", "ungranted", "--yes", "--key", &key]));
    assert_eq!(installed(&settings).unwrap().0, "0.2.0");

    // A local index is the operator's own: its digests count, wherever the files lie; and they have to fit.
    assert_done(&plugin(&settings, &["remove", "ungranted"]));
    let local = |text: &str| fs::write(settings.folder().join("index.json"), text).unwrap();
    local(&first.replace("0.1.0.wasm", &url.replace("index.json", "0.1.0.wasm")));
    assert_done(&install(&["--index", "index.json"]));
    assert_done(&plugin(&settings, &["remove", "ungranted"]));
    local(&first.replace("0.1.0.wasm", &url.replace("index.json", "0.2.0.wasm")));
    assert_refused(&install(&["--index", "index.json"]), 1, "the index says sha256:");
}

#[test]
fn keys_and_index_of_the_configuration_count_and_rules_that_lose_a_metric_are_named() {
    let (shelf, author) = (Shelf::start(), Author::new());
    let bytes = component(&[("version = \"0.1.0\"", "version = \"0.2.0\""), ("\"ungranted_bytes\"", "\"ungranted_chars\"")]);
    let url = shelf.put("/p.wasm", &bytes);
    shelf.put("/p.wasm.minisig", author.sign(&bytes).as_bytes());
    let settings = HostSettings::new()
        .config(&format!(
            "rule_files: [rules.yml]\nplugins: {{dir: plugins, trusted_keys: [{}], ca_file: '{}'}}\n",
            author.key(),
            Shelf::authority().display()
        ))
        .file(
            "rules.yml",
            "groups:\n- name: reader\n  rules:\n  - {alert: Gone, expr: 'sum(rate(ungranted_bytes[5m])) > 1'}\n  - {record: a:b, expr: up}\n",
        )
        .plugin(&guest("ungranted"));
    let different = settings.run(&["plugin", "diff", "ungranted", &url, "--config", "cepmon.yml"]);
    assert_done(&different);
    let want = "  metric: + ungranted_chars (gauge)\n  metric: - ungranted_bytes\nrules that would lose a metric\n  \
                rules.yml: group \"reader\", rule \"Gone\" uses ungranted_bytes\n";
    assert!(different.stdout.ends_with(want), "{}", different.stdout);
    let bad = HostSettings::new().config("plugins:\n  trusted_keys: [RWnope]\n");
    assert_refused(&bad.run(&["check", "cepmon.yml"]), 2, "cepmon.yml:2:18: cannot use the key \"RWnope\"");
}

#[test]
fn killed_at_any_step_the_folder_is_before_or_after() {
    let mut states = Vec::new();
    for point in FAULT_POINTS {
        let mut settings = HostSettings::new();
        let write = |settings: &HostSettings, bytes: Vec<u8>| fs::write(settings.folder().join("p.wasm"), bytes).unwrap();
        write(&settings, version("0.1.0"));
        assert_done(&plugin(&settings, &["install", "./p.wasm", "--accept-capabilities"]));
        write(&settings, greedy("0.2.0"));
        settings = settings.environment("CEPMON_FAULT", point);
        let killed = plugin(&settings, &["install", "./p.wasm", "--accept-capabilities"]);
        settings = settings.environment("CEPMON_FAULT", "none");
        let state = installed(&settings).unwrap();
        let was_killed = killed.code.is_none();
        assert!(was_killed, "{point}: {killed:?}");
        let is_after = state == ("0.2.0".to_owned(), "read /etc/timezone".to_owned());
        assert!(is_after || state == ("0.1.0".to_owned(), "read /etc/hostname".to_owned()), "{point}: {state:?}");
        assert_done(&plugin(&settings, &["verify"]));
        states.push(format!("{point} {}", if is_after { "after" } else { "before" }));

        // The next change finishes or clears what was left, and the way back is open.
        assert_done(&plugin(&settings, &["install", "./p.wasm", "--accept-capabilities"]));
        assert_done(&plugin(&settings, &["grant", "ungranted", "files:/srv/x"]));
        assert!(!settings.folder().join("plugins/.staging").is_dir(), "{point}");
        assert_eq!(hidden_files(&settings.folder().join("plugins")), [".store"], "{point}");
        assert_done(&plugin(&settings, &["rollback", "ungranted"]));
        assert_eq!(installed(&settings).unwrap().0, "0.1.0", "{point}");
    }
    let want = [
        "plugin-staging before",
        "plugin-staged before",
        "plugin-kept before",
        "lock-aside before",
        "plugin-committed after",
        "plugin-in-place after",
    ];
    assert_eq!(states, want);

    for (point, is_left) in [("plugin-set-aside", true), ("lock-aside", true), ("plugin-committed", false)] {
        let mut settings = HostSettings::new();
        fs::write(settings.folder().join("p.wasm"), version("0.1.0")).unwrap();
        assert_done(&plugin(&settings, &["install", "./p.wasm", "--accept-capabilities"]));
        settings = settings.environment("CEPMON_FAULT", point);
        assert_eq!(plugin(&settings, &["remove", "ungranted"]).code, None);
        settings = settings.environment("CEPMON_FAULT", "none");
        assert_eq!(installed(&settings).is_some(), is_left, "{point}");
        assert_done(&plugin(&settings, &["verify"]));
    }
}

fn hidden_files(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}

#[test]
fn a_bundle_goes_to_a_machine_without_network() {
    let (here, there) = (HostSettings::new().plugin(&guest("ungranted")), HostSettings::new());
    let bundle = there.folder().join("bundle.tar");
    assert_done(&plugin(&here, &["export", bundle.to_str().unwrap()]));
    assert_refused(&plugin(&there, &["import", "bundle.tar", "--yes"]), 2, "--yes alone grants no capability");
    assert!(nothing_is_installed(&there));
    assert_done(&plugin(&there, &["import", "bundle.tar", "--accept-capabilities"]));
    assert_eq!(installed(&there), installed(&here));
    let again = plugin(&there, &["import", "bundle.tar"]);
    assert!(again.code == Some(0) && again.stdout == "nothing to do: all of it is installed\n", "{again:?}");
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[600] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    assert_refused(&plugin(&there, &["import", "bundle.tar"]), 1, "its lock says");
}

#[test]
fn a_locked_server_runs_exactly_what_the_locks_say_or_does_not_start() {
    let settings = HostSettings::new().config("plugins: {locked: true}\n").plugin(&guest("ungranted"));
    fs::copy(guest("sample"), settings.folder().join("plugins/sample.wasm")).unwrap();
    let refused = settings.refused();
    assert_refused(&refused, 2, "cannot run exactly what the lock files say:\n  \"sample\": \"plugins/sample.wasm\" is in no lock file");
    fs::remove_file(settings.folder().join("plugins/sample.wasm")).unwrap();
    let host = settings.start();
    assert_eq!(host.sql("SELECT state FROM plugins WHERE name = 'ungranted'").lines(), ["ready"]);
    // While it runs, too: what would differ from the lock is not taken.
    fs::copy(guest("sample"), host.folder().join("plugins/sample.wasm")).unwrap();
    wait_until("the refusal", PATIENCE, || host.log().contains("plugins not reloaded; those before run on"));
    assert!(host.sql("SELECT name FROM plugins WHERE name = 'sample'").lines().is_empty());
}

#[test]
fn a_running_server_notices_by_itself() {
    let host = HostSettings::new().config("scrape_configs: []\n").start();
    let state = || host.sql("SELECT version, state, granted FROM plugins WHERE name = 'ungranted'").lines();
    let becomes = |want: &str| wait_until(want, PATIENCE, || state().join("\n") == want);
    assert!(state().is_empty());
    let run = |arguments: &[&str]| assert_done(&host.run(&[&["plugin"][..], arguments, &["--plugins-dir", "plugins"]].concat()));
    let install = |bytes: Vec<u8>| {
        fs::write(host.folder().join("p.wasm"), bytes).unwrap();
        run(&["install", "./p.wasm", "--accept-capabilities"]);
    };
    install(version("0.1.0"));
    becomes("0.1.0|ready|files:/etc/hostname");
    install(greedy("0.2.0"));
    becomes("0.2.0|ready|files:/etc/timezone");
    run(&["rollback", "ungranted"]);
    becomes("0.1.0|ready|files:/etc/hostname");
    // A file that is torn does not replace it, whoever put it there.
    let path = host.folder().join("plugins/ungranted.wasm");
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() / 2]).unwrap();
    wait_until("the complaint", PATIENCE, || host.log().contains("it is damaged"));
    assert_eq!(state(), ["0.1.0|ready|files:/etc/hostname"]);
    fs::write(&path, &good).unwrap();
    run(&["remove", "ungranted"]);
    becomes("");
    assert!(host.log().contains("plugins changed"), "{}", host.log());
}

#[test]
fn every_command_finds_the_folder_that_the_configuration_names() {
    let settings = HostSettings::new().config("plugins: {dir: elsewhere}\n");
    let component = guest("ungranted");
    let run = |arguments: &[&str]| {
        let done = settings.run(&[arguments, &["--config", "cepmon.yml"]].concat());
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        done.stdout
    };
    run(&["plugin", "install", component.to_str().unwrap(), "--yes", "--accept-capabilities"]);
    assert!(settings.folder().join("elsewhere/ungranted.wasm").is_file());
    assert!(run(&["plugin", "list"]).contains("ungranted"));
    run(&["plugin", "revoke", "ungranted", "files"]);
    assert!(run(&["plugin", "show", "ungranted"]).contains("run: cepmon plugin grant ungranted files"));
    run(&["plugin", "grant", "ungranted", "files"]);
    run(&["plugin", "remove", "ungranted"]);
    assert!(!settings.folder().join("elsewhere/ungranted.wasm").is_file());
}
