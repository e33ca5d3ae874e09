//! Plugins in Python and JavaScript: the examples of the SDK are built by the languages' own tools, installed, run, and what they found
//! is asked for in SQL. And a guest that was built for WASI finds nothing that was not granted.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use cepmon_tests::{
    Answer, Finished, Host, HostSettings, PATIENCE, Target, bundled_plugins, closed_port, kept_folder, wait_until, with_language_tool,
};

use crate::tree::root;

const PYTHON: &str = "componentize-py";
const JAVASCRIPT: &str = "componentize-qjs";

const PHP_STATUS: &str = r#"{"pool": "www", "start since": 77, "accepted conn": 12, "listen queue": 3, "max listen queue": 4,
    "listen queue len": 511, "idle processes": 2, "active processes": 1, "total processes": 3, "max active processes": 2,
    "max children reached": 0, "slow requests": 5}"#;
const CLUSTER: &str = r#"{"cluster_name": "shop \"north\"", "status": "yellow", "number_of_nodes": 3, "number_of_data_nodes": 2,
    "active_primary_shards": 5, "active_shards": 9, "relocating_shards": 0, "initializing_shards": 0, "unassigned_shards": 1,
    "delayed_unassigned_shards": 0, "number_of_pending_tasks": 0, "number_of_in_flight_fetch": 0}"#;
const POSTGRES_LOG: &str = "\
2026-11-24 19:00:00.123 UTC [123] LOG:  database system is ready
2026-11-24 19:00:01.500 UTC [124] shop@orders ERROR:  relation \"x\" does not exist
not of PostgreSQL
";
const PINO_LOG: &str = "\
{\"level\":30,\"time\":1795546800123,\"msg\":\"started \\\"fast\\\"\",\"req\":{\"id\":1}}
{\"level\":50,\"time\":1795546801500,\"msg\":\"gone\"}
{broken
";

#[test]
fn python_makes_exporters_probes_and_log_parsers() {
    let examples = root().join("sdk/examples/python");
    let Some(plugins) = built(PYTHON, ["php-fpm", "spring-health", "postgres-log"].map(|name| examples.join(name))) else { return };
    let (php, broken) = (Target::page(PHP_STATUS), Target::start(Answer::Status(404)));
    let health = Target::page(r#"{"status": "DOWN", "components": {"db": {"status": "DOWN"}, "disk": {"status": "UP"}}}"#);
    let jobs = format!(
        "- {{job_name: php, plugin: php-fpm, static_configs: [{{targets: ['{}', '{}', '{}']}}]}}\n\
         - {{job_name: orders, plugin: spring-health, static_configs: [{{targets: ['{}']}}]}}\n",
        php.address(),
        broken.address(),
        closed_port(),
        health.address()
    );
    let host = started(&plugins, &jobs, "postgres-log", POSTGRES_LOG);

    host.wait_for_count("SELECT count(*) FROM metrics.phpfpm_listen_queue", 2, PATIENCE);
    let queue = host.sql("SELECT DISTINCT value, pool, instance FROM metrics.phpfpm_listen_queue");
    assert_eq!(queue.lines(), [format!("3|www|{}", php.address())]);
    let family = host.sql("SELECT DISTINCT type, help FROM series WHERE metric = 'phpfpm_slow_requests'");
    assert_eq!(family.lines(), ["counter|Requests beyond request_slowlog_timeout."]);
    let guests = host.sql("SELECT calls > 1, peak_memory_bytes < 32 * 1048576 FROM plugins WHERE name = 'php-fpm'");
    assert_eq!(guests.lines(), ["true|true"], "small enough to be used again");
    // An exception says where; the host's own refusal arrives as it is.
    let errors =
        host.sql("SELECT DISTINCT outcome, error FROM scrapes WHERE job = 'php' AND outcome <> 'ok' ORDER BY error").lines().join("\n");
    assert!(errors.contains("guest|ValueError: the status page answered 404") && errors.contains("(app.py, line "), "{errors}");
    assert!(errors.contains("guest|cannot connect to "), "{errors}");

    host.wait_for_count("SELECT count(*) FROM probes", 1, PATIENCE);
    assert_eq!(host.sql("SELECT DISTINCT outcome, error FROM probes").lines(), ["down|status DOWN: db"]);
    let parts = host.sql("SELECT DISTINCT component, value FROM metrics.probe_spring_component_up ORDER BY component");
    assert_eq!(parts.lines(), ["db|0", "disk|1"]);

    host.wait_for_count("SELECT count(*) FROM logs", 3, PATIENCE);
    let rows = host.sql("SELECT level, fields['user'], fields['message'], ts < '2026-11-24T19:00:02Z' FROM logs ORDER BY line");
    assert_eq!(rows.lines(), ["info||database system is ready|true", "error|shop|relation \"x\" does not exist|true", "|||false"]);
}

#[test]
fn javascript_makes_exporters_probes_and_log_parsers() {
    let examples = root().join("sdk/examples/javascript");
    let Some(plugins) = built(JAVASCRIPT, ["elasticsearch", "couchdb-up", "pino-log"].map(|name| examples.join(name))) else { return };
    let Some(clock) = built(JAVASCRIPT, [root().join("tests/it/languages/wall-clock")]) else { return };
    let (search, broken) = (Target::page(CLUSTER), Target::page("no JSON"));
    let couch = Target::page(r#"{"status": "ok", "seeds": {"other": {"pending_updates": 7}}}"#);
    let jobs = format!(
        "- {{job_name: search, plugin: elasticsearch, static_configs: [{{targets: ['{}', '{}', '{}']}}]}}\n\
         - {{job_name: couch, plugin: couchdb-up, static_configs: [{{targets: ['{}']}}]}}\n\
         - {{job_name: clock, plugin: wall-clock}}\n",
        search.address(),
        broken.address(),
        closed_port(),
        couch.address()
    );
    let host = started(&[plugins, clock].concat(), &jobs, "pino-log", PINO_LOG);

    host.wait_for_count("SELECT count(*) FROM metrics.elasticsearch_cluster_health_active_shards", 2, PATIENCE);
    let status =
        host.sql("SELECT DISTINCT color, value, labels['cluster'] FROM metrics.elasticsearch_cluster_health_status ORDER BY color");
    assert_eq!(status.lines(), ["green|0|shop \"north\"", "red|0|shop \"north\"", "yellow|1|shop \"north\""]);
    let family = host.sql("SELECT DISTINCT type, help FROM series WHERE metric = 'elasticsearch_cluster_health_active_shards'");
    assert_eq!(family.lines(), ["gauge|Shards at work."]);
    let shown = host.run(&["plugin", "show", "elasticsearch", "--cache-dir", &cache()]).stdout;
    assert!(shown.contains("cepmon:plugin/http") && !shown.contains("cepmon:plugin/files"), "the world holds what it asks for: {shown}");
    let guests = host.sql("SELECT calls > 1, peak_memory_bytes < 32 * 1048576 FROM plugins WHERE name = 'elasticsearch'");
    assert_eq!(guests.lines(), ["true|true"], "small enough to be used again");
    let errors =
        host.sql("SELECT DISTINCT outcome, error FROM scrapes WHERE job = 'search' AND outcome <> 'ok' ORDER BY error").lines().join("\n");
    assert!(errors.contains("guest|SyntaxError: ") && errors.contains("guest|cannot connect to "), "{errors}");

    host.wait_for_count("SELECT count(*) FROM probes", 1, PATIENCE);
    assert_eq!(host.sql("SELECT DISTINCT outcome, error FROM probes").lines(), ["up|"]);
    assert_eq!(host.sql("SELECT DISTINCT value FROM metrics.probe_couchdb_seeding").lines(), ["1"]);

    host.wait_for_count("SELECT count(*) FROM logs", 3, PATIENCE);
    host.wait_for_count("SELECT count(*) FROM metrics.wall_clock_seconds", 2, PATIENCE);
    let clock = host.sql("SELECT DISTINCT abs(value - extract(epoch FROM ts)) < 600 FROM metrics.wall_clock_seconds");
    assert_eq!(clock.lines(), ["true"]);
    assert!(host.count("SELECT count(DISTINCT value) FROM metrics.wall_clock_chance") >= 2, "chance differs from call to call");
    assert!(host.log().contains("the console works"), "{}", host.log());
    let rows = host.sql("SELECT level, fields['msg'], fields['req'], ts < '2026-11-24T19:00:02Z' FROM logs ORDER BY line");
    assert_eq!(rows.lines(), ["info|started \"fast\"|{\"id\":1}|true", "error|gone||true", "|||false"]);
}

#[test]
fn a_guest_of_wasi_finds_no_variables_no_files_and_no_network() {
    let Some(plugins) = built(PYTHON, [root().join("tests/it/languages/curious")]) else { return };
    let target = Target::page("");
    let job = |name: &str| {
        format!("{{job_name: {name}, plugin: curious, settings: {{do: {name}}}, static_configs: [{{targets: ['{}']}}]}}", target.address())
    };
    let jobs = format!("- {}\n- {}\n- {}\n", job("look"), job("sleep"), job("exit"));
    let host = started(&plugins, &jobs, "nginx-log", "");

    host.wait_for_count("SELECT count(*) FROM metrics.curious_time_seconds", 2, PATIENCE);
    let found = host.sql("SELECT DISTINCT what, value FROM metrics.curious_found ORDER BY what");
    let nothing = ["arguments", "connect", "file", "list", "listen", "relative", "resolve", "variable", "variables", "write"];
    assert_eq!(found.lines(), nothing.map(|what| format!("{what}|0")));
    assert_eq!(target.requests(), 0);
    // What it may have.
    let clock = host.sql("SELECT DISTINCT abs(value - extract(epoch FROM ts)) < 600 FROM metrics.curious_time_seconds");
    assert_eq!(clock.lines(), ["true"]);
    assert!(host.count("SELECT count(DISTINCT value) FROM metrics.curious_chance") >= 2, "chance differs from call to call");
    assert!(host.log().contains("no file: "), "lines written in pieces arrive whole: {}", host.log());

    wait_until("both failures", PATIENCE, || host.count("SELECT count(DISTINCT job) FROM scrapes WHERE outcome <> 'ok'") == 2);
    let failures = host.sql("SELECT DISTINCT job, outcome FROM scrapes WHERE outcome <> 'ok' ORDER BY job");
    assert_eq!(failures.lines(), ["exit|trap", "sleep|deadline"]);
    let last_words = host.sql("SELECT DISTINCT error FROM scrapes WHERE job = 'exit'").lines().join("\n");
    assert!(last_words.contains("gives up"), "{last_words}");
}

/// A host with these plugins, these jobs and one log file.
fn started(plugins: &[PathBuf], jobs: &str, parser: &str, lines: &str) -> Host {
    let settings = HostSettings::new().environment("CURIOUS_SECRET", "there is one").file("service.log", lines);
    let log = settings.folder().join("service.log");
    let settings = plugins.iter().fold(settings, |settings, plugin| settings.plugin(plugin));
    let settings = settings.config(&format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}\
         logs: {{sources: [{{job_name: service, paths: ['{}'], plugin: {parser}}}]}}\n",
        log.display()
    ));
    // CPython takes half a minute to compile in a debug build; it is cached, and a start has less time than that.
    must(&settings.run(&["plugin", "list", "--plugins-dir", "plugins", "--cache-dir", &cache()]));
    settings.start()
}

fn cache() -> String {
    bundled_plugins().join("../test-cache").to_str().unwrap().to_owned()
}

/// Builds plugins of some folders, unless nothing that they are made of has changed since the last time: each takes ten seconds. `None`
/// where the tool is missing.
fn built<const N: usize>(tool: &str, folders: [PathBuf; N]) -> Option<Vec<PathBuf>> {
    let environment = with_language_tool(tool)?;
    let build = |source: &Path| {
        let name = source.file_name().unwrap().to_str().unwrap();
        let mut hasher = DefaultHasher::new();
        for folder in [source, &root().join("sdk/python"), &root().join("sdk/javascript"), &root().join("host/plugin/src/author")] {
            contents(folder).hash(&mut hasher);
        }
        fs::read(root().join("wit/plugin.wit")).unwrap().hash(&mut hasher);
        let kept = kept_folder().join(format!("{name}-{:016x}", hasher.finish()));
        let plugin = kept.join(format!("{name}.wasm"));
        if !plugin.is_file() {
            let work = HostSettings::new();
            let work = contents(source)
                .into_iter()
                .fold(work, |work, (path, bytes)| work.file(&format!("{name}/{}", path.display()), &String::from_utf8(bytes).unwrap()));
            let work = environment.iter().fold(work, |work, (key, value)| work.environment(key, value.to_str().unwrap()));
            must(&work.run(&["plugin", "build", name]));
            fs::create_dir_all(&kept).unwrap();
            // Another test may build the same; whoever comes last wins, and the file is never half there.
            let aside = kept.join(format!("{}.new", std::process::id()));
            fs::copy(work.folder().join(name).join(format!("{name}.wasm")), &aside).unwrap();
            fs::rename(&aside, &plugin).unwrap();
        }
        plugin
    };
    Some(folders.iter().map(|folder| build(folder)).collect())
}

/// The files that stand right in a folder, sorted; what building leaves there is not among them.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<(PathBuf, Vec<u8>)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file() && !entry.file_name().to_string_lossy().ends_with(".wasm"))
        .map(|entry| (entry.file_name().into(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

fn must(finished: &Finished) {
    assert_eq!(finished.code, Some(0), "{}{}", finished.stdout, finished.stderr);
}
