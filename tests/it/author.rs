//! The author's way, with the real program: from nothing to a metric in SQL, and from a failure of a server to a fixture.

use std::path::Path;

use cepmon_tests::{Finished, HostSettings, PATIENCE, Target, bundled_plugins, guest};

/// Compiled guests are shared with those that `make test` built, so that nothing is compiled twice.
fn settings() -> HostSettings {
    let target = bundled_plugins().ancestors().nth(2).unwrap().to_path_buf();
    let cache = bundled_plugins().join("../test-cache");
    HostSettings::new()
        .environment("CARGO_TARGET_DIR", target.to_str().unwrap())
        .environment("CEPMON_CACHE_DIR", cache.to_str().unwrap())
        .environment("CEPMON_BUNDLED_PLUGINS_DIR", bundled_plugins().to_str().unwrap())
}

fn fine(finished: Finished) -> String {
    assert_eq!(finished.code, Some(0), "{}{}", finished.stdout, finished.stderr);
    finished.stdout
}

#[test]
fn a_new_exporter_goes_from_nothing_to_a_metric_in_sql() {
    let settings = settings();
    fine(settings.run(&["plugin", "new", "--kind", "exporter", "hello"]));
    fine(settings.run(&["plugin", "build", "hello"]));
    let tested = fine(settings.run(&["plugin", "test", "hello"]));
    assert!(tested.contains("first: ok, fuel ") && tested.ends_with("1 fixture, all fine\n"), "{tested}");

    // On this very machine, with what is granted for this run and nothing else.
    let denied = settings.run(&["plugin", "run", "hello"]);
    assert_eq!(denied.code, Some(2), "{}", denied.stderr);
    assert!(denied.stderr.contains("it asks to read /proc/uptime") && denied.stderr.contains("--grant files"), "{}", denied.stderr);
    let ran = fine(settings.run(&["plugin", "run", "hello/hello.wasm", "--grant", "files", "--record", "hello/fixtures/second.json"]));
    assert!(ran.starts_with("# HELP hello_uptime_seconds Seconds since the host started.\n"), "{ran}");
    assert!(!settings.folder().join("plugins").try_exists().unwrap(), "a run writes no lock");

    // The recording is a fixture, and its cost is exact.
    fine(settings.run(&["plugin", "test", "hello", "--update"]));
    let first = fine(settings.run(&["plugin", "test", "hello"]));
    assert!(first.ends_with("2 fixtures, all fine\n") && !first.contains('%'), "{first}");
    assert_eq!(fine(settings.run(&["plugin", "test", "hello"])), first);
    assert!(fine(settings.run(&["plugin", "check", "hello"])).ends_with("hello: no problem\n"));
    let cost = fine(settings.run(&["plugin", "bench", "hello", "--fixture", "hello/fixtures/second.json"]));
    assert!(cost.contains("fresh guest") && cost.contains("reused guest") && cost.contains("fuel"), "{cost}");

    fine(settings.run(&["plugin", "install", "hello/hello.wasm", "--accept-capabilities"]));
    let config = "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs: [{job_name: hello, plugin: hello}]\n";
    let host = settings.config(config).start();
    host.wait_for_count("SELECT count(*) FROM metrics.hello_uptime_seconds WHERE value > 0", 1, PATIENCE);
}

#[test]
fn a_change_of_output_cost_or_host_calls_fails_the_test_of_a_plugin() {
    let settings = settings();
    fine(settings.run(&["plugin", "new", "--kind", "exporter", "changed", "sub/changed"]));
    fine(settings.run(&["plugin", "build", "sub/changed"]));
    fine(settings.run(&["plugin", "test", "sub/changed", "--update"]));
    let path = settings.folder().join("sub/changed/fixtures/first.json");
    let good = std::fs::read_to_string(&path).unwrap();
    let failing = |from: &str, to: &str| {
        assert!(good.contains(from), "{good}");
        std::fs::write(&path, good.replace(from, to)).unwrap();
        let finished = settings.run(&["plugin", "test", "sub/changed"]);
        assert_eq!(finished.code, Some(1), "{}", finished.stdout);
        finished.stdout
    };
    let output = failing("changed_uptime_seconds 350735.47", "changed_uptime_seconds 1");
    assert!(output.contains("- changed_uptime_seconds 1\n  + changed_uptime_seconds 350735.47\n"), "{output}");
    let call = failing("\"/proc/uptime\"", "\"/proc/stat\"");
    assert!(call.contains("the plugin asks files.read(\"/proc/uptime\"), the recording has files.read(\"/proc/stat\")"), "{call}");
    let fuel: u64 = good.split("\"fuel\": ").nth(1).unwrap().trim_end_matches(['\n', '}', ' ']).parse().unwrap();
    let cost = failing(&format!("\"fuel\": {fuel}"), &format!("\"fuel\": {}", fuel / 2));
    assert!(cost.contains("% more fuel than recorded"), "{cost}");
    std::fs::write(&path, good).unwrap();
    fine(settings.run(&["plugin", "test", "sub/changed"]));
}

#[test]
fn every_kind_of_new_plugin_builds_passes_its_tests_and_has_no_problem() {
    let settings = settings();
    let kinds = [("probe", "page-up"), ("log-parser", "levels")];
    for (kind, name) in kinds {
        fine(settings.run(&["plugin", "new", "--kind", kind, name]));
    }
    fine(settings.run(&["plugin", "build", "page-up", "levels"]));
    for (_, name) in kinds {
        assert!(fine(settings.run(&["plugin", "test", name])).ends_with("1 fixture, all fine\n"));
        assert!(fine(settings.run(&["plugin", "check", name])).ends_with(": no problem\n"));
    }
    let page = Target::numbered(|_| "fine\n".to_owned());
    let address = page.address().to_string();
    let up = fine(settings.run(&["plugin", "run", "page-up", "--target", &address, "--accept-capabilities"]));
    assert!(up.starts_with("# UP status 200\n") && up.ends_with("page_up_status 200\n"), "{up}");
    let wanted = ["plugin", "run", "page-up", "--target", &address, "--accept-capabilities", "--settings", "{\"status\": 204}"];
    assert!(fine(settings.run(&wanted)).starts_with("# DOWN got status 200, wanted 204\n"));

    std::fs::write(settings.folder().join("app.log"), "ERROR no room\nrest\n").unwrap();
    let rows = fine(settings.run(&["plugin", "run", "levels", "--lines", "app.log"]));
    let want = "{\"line\":0,\"severity\":17,\"fields\":{\"level\":\"ERROR\",\"message\":\"no room\"}}\n{\"line\":1,\"fields\":{}}\n";
    assert_eq!(rows, want);
}

#[test]
fn a_new_plugin_takes_no_name_and_no_folder_that_is_taken() {
    let settings = settings();
    std::fs::create_dir_all(settings.folder().join("there/src")).unwrap();
    for (arguments, message) in [
        (&["plugin", "new", "--kind", "probe", "there"][..], "it is there already"),
        (&["plugin", "new", "--kind", "probe", "Not_a_name"], "expected [a-z][a-z0-9-]{0,62}"),
        (&["plugin", "new", "--kind", "exporter", "node"], "a plugin of that name comes with cepmon"),
    ] {
        let refused = settings.run(arguments);
        assert!(refused.code == Some(2) && refused.stderr.contains(message), "{arguments:?}: {}", refused.stderr);
    }
    let left: Vec<_> = std::fs::read_dir(settings.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["there"]);
}

#[test]
fn a_failed_call_of_a_server_is_reproduced_from_what_it_kept() {
    let page = Target::numbered(|_| "shop_orders_total hunter22 is no number\n".to_owned());
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
         scrape_configs:\n\
         - {{job_name: shop, static_configs: [{{targets: ['{}']}}], params: {{token: [hunter22]}}}}\n\
         - {{job_name: trap, plugin: hostile-trap}}\n",
        page.address()
    );
    let host = settings().config(&config).plugin(&guest("hostile-trap")).start();
    host.wait_for_count("SELECT count(DISTINCT job) FROM scrapes WHERE outcome <> 'ok'", 2, PATIENCE);
    let url = format!("http://{}", host.address());

    let trap = fine(host.run(&["plugin", "replay", "hostile-trap", "--last-failure", "--url", &url]));
    assert!(trap.contains("the server saw    trap: the plugin crashed") && trap.contains("reproduced with   0 host calls"), "{trap}");

    // What the target answered is in it, the token is not.
    let kept = ["plugin", "replay", "prometheus", "--last-failure", "--url", &url, "--save", "failure.json"];
    let shop = fine(host.run(&kept));
    assert!(shop.contains("reproduced with   1 host calls"), "{shop}");
    let recording = std::fs::read_to_string(host.folder().join("failure.json")).unwrap();
    assert!(recording.contains("http.send") && recording.contains("is no number"), "{recording}");
    assert!(!recording.contains("hunter22"), "{recording}");

    let nothing = host.run(&["plugin", "replay", "node", "--last-failure", "--url", &url]);
    assert!(nothing.code == Some(1) && nothing.stderr.contains("has had no failed call"), "{}", nothing.stderr);
    let unknown = host.run(&["plugin", "replay", "nobody", "--last-failure", "--url", &url]);
    assert!(unknown.code == Some(1) && unknown.stderr.contains("cannot find plugin \"nobody\""), "{}", unknown.stderr);
    let other = host.run(&["plugin", "replay", "prometheus", "--last-failure", "--url", &url, "--file", file(&guest("sample"))]);
    assert!(other.code == Some(1) && other.stderr.contains("cannot find the file that failed, sha256:"), "{}", other.stderr);
}

fn file(path: &Path) -> &str {
    path.to_str().unwrap()
}
