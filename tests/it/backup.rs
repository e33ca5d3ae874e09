//! Backups of a running server and what comes back from them: the same answers, with plugins and grants, after `kill -9` and elsewhere;
//! backups that were killed at every step; damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cepmon_tests::{Finished, Host, HostSettings, PATIENCE, Target, guest, wait_until};

/// The steps of a backup at which it may be killed, in their order; the last one only with `--keep`.
const BACKUP_FAULTS: [&str; 6] = ["backup-noted", "backup-copied", "backup-taken", "backup-synced", "backup-recorded", "backup-forgotten"];

const RESTORE_FAULTS: [&str; 2] = ["restore-file", "restore-manifest"];

/// What is asked before and after. Only what no longer grows: series of targets that are gone, lines of a file that ended.
const QUESTIONS: [&str; 4] = [
    "SELECT ts, value, series FROM metrics.kept_total ORDER BY ts, series",
    "SELECT count(*), count(DISTINCT line) FROM logs",
    "SELECT ts, samples, outcome FROM scrapes WHERE job = 'kept' ORDER BY ts",
    "SELECT name, version, digest FROM plugins ORDER BY name",
];

/// A host with samples, log lines, positions in the log file and an installed plugin with grants, all of it at rest. The target is gone.
fn filled() -> Host {
    let settings = HostSettings::new();
    let log = settings.folder().join("app.log");
    fs::write(&log, (0..500).map(|number| format!("line {number}\n")).collect::<String>()).unwrap();
    let target = Target::numbered(|number| format!("kept_total{{series=\"a\"}} {number}\nkept_total{{series=\"b\"}} 0.5\n"));
    let with = |scrapes: &str| format!("{scrapes}\nlogs: {{sources: [{{job_name: app, paths: ['{}']}}]}}\n", log.display());
    let scrapes = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n\
         - {{job_name: kept, static_configs: [{{targets: ['{}']}}]}}",
        target.address()
    );
    let host = settings.config(&with(&scrapes)).plugin(&guest("ungranted")).start();
    wait_until("samples and lines", PATIENCE, || {
        host.count("SELECT count(*) FROM logs") == 500 && host.count("SELECT count(*) FROM scrapes WHERE outcome = 'ok'") > 5
    });
    host.write_file("cepmon.yml", &with("scrape_configs: []"));
    assert_eq!(host.post("/-/reload", "text/plain", b"").status, 200);
    host
}

fn answers(host: &Host) -> Vec<String> {
    QUESTIONS.iter().map(|question| format!("{:?}", host.sql(question))).collect()
}

fn backup(host: &Host, more: &[&str]) -> Finished {
    let url = format!("http://{}", host.address());
    host.run(&[&["backup", "--to", "backups", "--url", &url], more].concat())
}

/// The backup that a command made.
fn name_of(finished: &Finished) -> String {
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    finished.stdout.split([' ', ':']).nth(1).unwrap().to_owned()
}

/// How many files, and bytes, a command copied.
fn copied(finished: &Finished) -> (u64, u64) {
    let words = finished.stdout.split_once("copied ").unwrap().1.replace(',', "");
    let mut numbers = words.split(' ').filter_map(|word| word.parse().ok());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).map_or_else(|_| Vec::new(), |entries| entries.map(|entry| entry.unwrap().path()).collect());
    entries.into_iter().filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn snapshots(host: &Host) -> usize {
    fs::read_dir(host.data_dir().join("snapshots")).map_or(0, Iterator::count)
}

#[test]
fn what_a_server_had_is_back_elsewhere_after_kill_9() {
    let mut host = filled();
    let first = backup(&host, &[]);
    let first_name = name_of(&first);
    assert!(copied(&first).0 > 10, "{}", first.stdout);
    let parquet = |folder: &Path| files(folder).into_values().filter(|content| content.starts_with(b"PAR1")).count();
    let (contents, before) = (host.folder().join("backups/files"), parquet(&host.folder().join("backups/files")));
    let second = backup(&host, &[]);
    name_of(&second);
    assert!(copied(&second).1 < copied(&first).1 / 2, "{}{}", first.stdout, second.stdout);
    assert!(parquet(&contents) - before <= 4, "only what was written between the two is new: {}", second.stdout);
    assert_eq!(snapshots(&host), 0, "a backup leaves no snapshot behind");
    let want = answers(&host);
    assert!(want[0].contains("0.5"));
    host.kill();

    let elsewhere = HostSettings::new().config(&fs::read_to_string(host.folder().join("cepmon.yml")).unwrap());
    let backups = host.folder().join("backups");
    let restore = |more: &[&str]| elsewhere.run(&[&["restore", "--from", backups.to_str().unwrap()], more].concat());
    assert_eq!(restore(&["--list"]).stdout.lines().count(), 2);
    let verified = restore(&["--verify", "--at", &first_name]);
    assert!(verified.code == Some(0) && verified.stdout.contains(&format!("backup {first_name} is whole")), "{}", verified.stderr);
    let restored = restore(&["--data-dir", "data", "--plugins-dir", "plugins", "--verify"]);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    assert!(restored.stdout.contains("the data directory opens"), "{}", restored.stdout);
    let again = restore(&["--data-dir", "data"]);
    assert!(again.code == Some(2) && again.stderr.contains("it is not empty"), "{}", again.stderr);
    for file in ["plugins.lock", "ungranted.wasm"] {
        let of = |folder: &Path| fs::read(folder.join("plugins").join(file)).unwrap();
        assert_eq!(of(elsewhere.folder()), of(host.folder()), "{file}");
    }
    let new = elsewhere.start();
    assert_eq!(answers(&new), want);
    // Positions came too: the file is not read again.
    assert_eq!(new.count("SELECT count(*) FROM logs"), 500);
}

#[test]
fn a_backup_that_is_killed_leaves_the_earlier_ones_whole_and_the_next_one_goes_on() {
    let mut host = filled();
    let first = name_of(&backup(&host, &[]));
    for point in BACKUP_FAULTS {
        // A row of `audit` is new.
        assert_eq!(host.post("/-/reload", "text/plain", b"").status, 200);
        host.set_environment("CEPMON_FAULT", Some(point));
        assert_eq!(backup(&host, &["--keep", "7d"]).code, None, "{point}: it was not killed");
        host.set_environment("CEPMON_FAULT", None);
        let verified = host.run(&["restore", "--from", "backups", "--verify", "--at", &first]);
        assert_eq!(verified.code, Some(0), "{point}: {}", verified.stderr);
        let next = name_of(&backup(&host, &["--keep", "7d"]));
        assert_eq!(snapshots(&host), 0, "{point}");
        let verified = host.run(&["restore", "--from", "backups", "--verify", "--at", &next]);
        assert_eq!(verified.code, Some(0), "{point}: {}", verified.stderr);
    }
    for point in RESTORE_FAULTS {
        host.set_environment("CEPMON_FAULT", Some(point));
        assert_eq!(host.run(&["restore", "--from", "backups", "--data-dir", point]).code, None, "{point}");
        host.set_environment("CEPMON_FAULT", None);
        let half = host.run(&["sql", "--data-dir", point, "SELECT 1"]);
        assert!(half.code == Some(1) && half.stderr.contains("MANIFEST"), "{point}: {}", half.stderr);
    }
    let last = name_of(&backup(&host, &["--keep", "0s"]));
    let listed = host.run(&["restore", "--from", "backups", "--list"]).stdout;
    assert!(listed.starts_with(&last) && listed.lines().count() == 1, "{listed}");
    assert_eq!(host.run(&["restore", "--from", "backups", "--verify"]).code, Some(0));
}

#[test]
fn a_directory_that_nobody_uses_is_saved_too_and_a_used_or_missing_one_is_refused() {
    let mut host = filled();
    let offline = |host: &Host, dir: &str| host.run(&["backup", "--to", "backups", "--data-dir", dir]);
    let refused = offline(&host, "data");
    assert!(refused.code == Some(1) && refused.stderr.contains("--url"), "{}", refused.stderr);
    let missing = offline(&host, "nowhere");
    assert!(missing.code == Some(1) && missing.stderr.contains("no such folder"), "{}", missing.stderr);
    assert!(host.stop().success());
    name_of(&offline(&host, "data"));
    assert_eq!(snapshots(&host), 0);
    assert_eq!(host.run(&["restore", "--from", "backups", "--verify"]).code, Some(0));
    let unreachable = host.run(&["backup", "--to", "backups", "--url", "http://127.0.0.1:1"]);
    assert!(unreachable.code == Some(1) && unreachable.stderr.contains("cannot connect"), "{}", unreachable.stderr);
}

#[test]
fn a_damaged_backup_is_refused_with_the_file_named() {
    let host = filled();
    let name = name_of(&backup(&host, &[]));
    let restore = |more: &[&str]| host.run(&[&["restore", "--from", "backups"], more].concat());
    for (number, (path, content)) in files(&host.folder().join("backups/files")).into_iter().enumerate() {
        let mut damaged = content.clone();
        match damaged.len() {
            0 => damaged.push(0),
            length => damaged[length / 2] ^= 1,
        }
        fs::write(&path, damaged).unwrap();
        let file = path.file_name().unwrap().to_str().unwrap();
        let verified = restore(&["--verify"]);
        assert!(verified.code == Some(1) && verified.stderr.contains(file), "{}", verified.stderr);
        let (data, plugins) = (format!("data-{number}"), format!("plugins-{number}"));
        let restored = restore(&["--data-dir", &data, "--plugins-dir", &plugins]);
        assert!(restored.code == Some(1) && restored.stderr.contains(file), "{}", restored.stderr);
        fs::write(&path, content).unwrap();
    }
    let record = host.folder().join(format!("backups/backups/{name}.json"));
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replacen("data/", "date/", 1)).unwrap();
    let refused = restore(&["--data-dir", "new"]);
    assert!(refused.code == Some(1) && refused.stderr.contains(&format!("{name}.json\" is damaged")), "{}", refused.stderr);
}

#[test]
fn a_server_goes_on_without_a_damaged_block_when_it_is_told_to() {
    let mut host = filled();
    host.flush();
    assert!(host.stop().success());
    let metrics = host.data_dir().join("default/metrics");
    let block = fs::read_dir(&metrics).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    let file = block.join("samples.parquet");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    host.start_again();
    let question = "SELECT count(*) FROM metrics.kept_total";
    let error = host.try_sql(question).unwrap_err();
    let name = block.file_name().unwrap().to_str().unwrap();
    assert!(error.contains("samples.parquet") && error.contains(&format!("cepmon set-aside {name}")), "{error}");
    assert_eq!(host.count("SELECT count(*) FROM logs"), 500, "what does not touch the block is answered");
    assert!(host.get("/metrics").text().contains("cepmon_storage_damaged_blocks 1\n"));
    let url = format!("http://{}", host.address());
    let aside = host.run(&["set-aside", name, "--url", &url]);
    assert!(aside.code == Some(0) && aside.stdout.contains("out of service"), "{}", aside.stderr);
    assert!(host.try_sql("SELECT count(*) FROM samples").is_ok());
    assert_eq!(host.count("SELECT count(*) FROM audit WHERE action = 'set-aside'"), 1);
    let again = host.run(&["set-aside", name, "--url", &url]);
    assert!(again.code == Some(1) && again.stderr.contains("there is no such block"), "{}", again.stderr);
}
