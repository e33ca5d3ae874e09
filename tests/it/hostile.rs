//! Hostile and ungranted guests beside honest ones: the kind of the failure can be asked for, nobody else notices, memory comes back,
//! and what was not granted is not linked.

use std::fs;

use cepmon_tests::{Host, HostSettings, PATIENCE, Target, bundled_plugins, guest, wait_until};

/// Scrapes of each honest neighbour, one a second, while the hostile ones run.
const NEIGHBOUR_SCRAPES: u64 = 20;
/// Less than the memory that one bomb may take, so that a guest that stays would be seen.
const MEMORY_BOUND: u64 = 48 << 20;

#[test]
fn hostile_guests_fail_with_their_kind_and_nobody_else_notices() {
    let shop = Target::numbered(|number| format!("shop_orders_total {number}\n"));
    let neighbours = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs:\n\
         - {{job_name: shop, static_configs: [{{targets: ['{}']}}]}}\n\
         - {{job_name: node, plugin: node, settings: {{collectors: [loadavg, meminfo]}}}}\n",
        shop.address()
    );
    // The loop twice: once its CPU budget of a second ends first, once the time that the scrape may take.
    let hostile = "\
         - {job_name: loop, plugin: hostile-loop, scrape_interval: 10s, scrape_timeout: 10s}\n\
         - {job_name: late, plugin: hostile-loop, scrape_timeout: 200ms}\n\
         - {job_name: bomb, plugin: hostile-memory}\n\
         - {job_name: trap, plugin: hostile-trap}\n";
    let host = HostSettings::new()
        .config(&neighbours)
        .plugin(&guest("hostile-loop"))
        .plugin(&guest("hostile-memory"))
        .plugin(&guest("hostile-trap"))
        .start();
    let honest = "SELECT count(*) FROM scrapes WHERE plugin IN ('prometheus', 'node')";
    let quiet = host.wait_for_count(honest, 6, PATIENCE);
    let memory_before = host.resident_bytes();

    host.write_file("cepmon.yml", &format!("{neighbours}{hostile}"));
    assert_eq!(host.post("/-/reload", "", b"").status, 200);
    host.wait_for_count(honest, quiet + 2 * NEIGHBOUR_SCRAPES, PATIENCE);
    host.wait_for_count("SELECT count(DISTINCT job) FROM scrapes WHERE outcome <> 'ok'", 4, PATIENCE);

    let kinds = host.sql("SELECT DISTINCT job, outcome, samples FROM scrapes WHERE plugin LIKE 'hostile-%' ORDER BY job");
    assert_eq!(kinds.lines(), ["bomb|memory|0", "late|deadline|0", "loop|cpu|0", "trap|trap|0"]);
    let plugins =
        host.sql("SELECT name, state, last_failure_kind FROM plugins WHERE name IN ('hostile-memory', 'hostile-trap') ORDER BY name");
    assert_eq!(plugins.lines(), ["hostile-memory|ready|memory", "hostile-trap|ready|trap"]);
    let up = host.sql("SELECT DISTINCT value FROM metrics.up WHERE job IN ('loop', 'late', 'bomb', 'trap')");
    assert_eq!(up.column("value"), ["0"]);
    let page = host.get("/metrics").text();
    for (plugin, kind) in [("hostile-loop", "cpu"), ("hostile-loop", "deadline"), ("hostile-memory", "memory"), ("hostile-trap", "trap")] {
        let series = format!("cepmon_plugin_failures_total{{plugin=\"{plugin}\",kind=\"{kind}\"}} ");
        let failures = page.lines().find_map(|line| line.strip_prefix(&series)).unwrap();
        assert_ne!(failures, "0", "{series}");
    }
    // Half the work of a call that fails is nothing, and its last words are in the log.
    assert_eq!(host.value("SELECT count(*) FROM metrics.hostile_trap_never_seen"), None);
    assert!(host.log().contains("hostile guest gives up"), "{}", host.log());

    // One scrape a second of each neighbour, on its grid, without a gap, all of them good.
    assert_eq!(host.value("SELECT DISTINCT outcome FROM scrapes WHERE plugin IN ('prometheus', 'node')").unwrap(), "ok");
    let grid = host.sql(
        "SELECT job, count(*) = (max(CAST(ts AS BIGINT)) - min(CAST(ts AS BIGINT))) / 1000 + 1 AS is_complete FROM scrapes \
         WHERE plugin IN ('prometheus', 'node') GROUP BY job ORDER BY job",
    );
    assert_eq!(grid.lines(), ["node|true", "shop|true"]);
    let missed = host.sql("SELECT sum(missed_scrapes) AS missed FROM targets WHERE plugin IN ('prometheus', 'node')");
    assert_eq!(missed.column("missed"), ["0"]);

    host.write_file("cepmon.yml", &neighbours);
    assert_eq!(host.post("/-/reload", "", b"").status, 200);
    wait_until("the memory to come back", PATIENCE, || host.resident_bytes() < memory_before + MEMORY_BOUND);
}

#[test]
fn what_was_not_granted_is_not_linked_until_it_is() {
    let settings = HostSettings::new()
        .config("global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs: [{job_name: reader, plugin: ungranted}]\n");
    let component = guest("ungranted");
    let path = component.to_str().unwrap();

    let refused = settings.run(&["plugin", "install", path, "--plugins-dir", "plugins", "--yes"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stdout.contains("/etc/hostname") && refused.stdout.contains("reads the host's name"), "{}", refused.stdout);
    assert!(refused.stderr.contains("--yes alone grants no capability"), "{}", refused.stderr);
    assert!(!settings.folder().join("plugins/ungranted.wasm").try_exists().unwrap());

    // Dropped into the folder, past every question: it is there and may nothing.
    fs::create_dir_all(settings.folder().join("plugins")).unwrap();
    fs::copy(&component, settings.folder().join("plugins/ungranted.wasm")).unwrap();
    let host = settings.start();
    let message = "plugin \"ungranted\" imports cepmon:plugin/files, which is not granted (reason given: \"reads the host's name\"); \
                   run: cepmon plugin grant ungranted files";
    let plugin = || host.sql("SELECT state, problem, granted FROM plugins WHERE name = 'ungranted'").lines();
    assert_eq!(plugin(), [format!("refused|{message}|nothing")]);
    host.wait_for_count("SELECT count(*) FROM scrapes", 2, PATIENCE);
    let scrapes = host.sql("SELECT DISTINCT outcome, error FROM scrapes");
    assert_eq!(scrapes.column("outcome"), ["load"]);
    assert!(scrapes.column("error")[0].contains(message), "{scrapes:?}");

    // The line that the message names works, without a restart.
    let reload = || assert_eq!(host.post("/-/reload", "", b"").status, 200);
    let granted = host.run(&["plugin", "grant", "ungranted", "files", "--plugins-dir", "plugins"]);
    assert_eq!(granted.code, Some(0), "{}", granted.stderr);
    reload();
    assert_eq!(plugin(), ["ready||files:/etc/hostname"]);
    host.wait_for_count("SELECT count(*) FROM metrics.ungranted_bytes", 1, PATIENCE);

    // A grant that is taken back is gone with the next reload.
    let revoked = host.run(&["plugin", "revoke", "ungranted", "files", "--plugins-dir", "plugins"]);
    assert_eq!(revoked.code, Some(0), "{}", revoked.stderr);
    reload();
    assert_eq!(plugin(), [format!("refused|{message}|nothing")]);
    let since = host.value("SELECT max(ts) FROM metrics.ungranted_bytes").unwrap();
    let later = format!("SELECT count(*) FROM scrapes WHERE outcome = 'load' AND ts > '{since}'");
    host.wait_for_count(&later, 2, PATIENCE);
}

#[test]
fn a_grant_belongs_to_the_very_file() {
    let host = Host::with_config("");
    let install = |component: &str| host.run(&["plugin", "install", component, "--plugins-dir", "plugins", "--accept-capabilities"]);
    assert_eq!(install(guest("ungranted").to_str().unwrap()).code, Some(0));
    let state = || {
        assert_eq!(host.post("/-/reload", "", b"").status, 200);
        host.sql("SELECT state, granted, problem FROM plugins WHERE name = 'ungranted'").lines().remove(0)
    };
    assert_eq!(state(), "ready|files:/etc/hostname|");

    // One more custom section: the same code, another digest, and nobody granted anything to it.
    let path = host.folder().join("plugins/ungranted.wasm");
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend([0, 5, 4, b'm', b'o', b'r', b'e']);
    fs::write(&path, bytes).unwrap();
    let changed = state();
    assert!(changed.starts_with("refused|nothing|") && changed.contains("which is not granted"), "{changed}");
}

#[test]
fn what_nobody_vouched_for_is_compiled_by_a_process_with_bounds_and_its_verdict_stays() {
    let settings = HostSettings::new().plugin(&guest("sample"));
    let bundled = bundled_plugins();
    let folders = ["--plugins-dir", "plugins", "--cache-dir", "cache", "--bundled-plugins-dir", bundled.to_str().unwrap()];
    let list = || settings.run(&[["plugin", "list"].as_slice(), &folders].concat()).stdout;
    let state = |plugin: &str| {
        let text = list();
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(plugin));
        line.unwrap_or_default().split_whitespace().nth(3).unwrap_or_default().to_owned()
    };
    assert_eq!((state("sample").as_str(), state("node").as_str()), ("ready", "ready"));
    let verdicts: Vec<_> = fs::read_dir(settings.folder().join("cache/verdicts")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [verdict] = verdicts.as_slice() else { panic!("cepmon's own plugins need no verdict: {verdicts:?}") };
    assert_eq!(fs::read(verdict).unwrap(), b"", "it could be compiled");

    // As the process leaves it when a bound ends it, which takes a minute to show.
    fs::write(verdict, "it takes more than a plugin may").unwrap();
    let refused = list();
    assert!(refused.contains("cannot compile plugin \"sample\": it takes more than a plugin may; to try once more, remove "), "{refused}");
    fs::remove_file(verdict).unwrap();
    assert_eq!(state("sample"), "ready");
}
