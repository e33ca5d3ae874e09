//! First light: the program as it comes out of the box watches a host and a classic target, answers SQL, ends series when they end,
//! and takes a new configuration as a whole or not at all.

use cepmon_tests::{Answer, Host, HostSettings, PATIENCE, Target, closed_port, http, wait_until};
use rustix::process::Signal;

const SHOP: &str = "\
# HELP shop_orders_total Orders so far.
# TYPE shop_orders_total counter
shop_orders_total{method=\"card\"} 3
shop_orders_total{method=\"cash\"} 5
# HELP shop_queue_length People who wait.
# TYPE shop_queue_length gauge
shop_queue_length 7.5
";

#[test]
fn the_default_configuration_counts_this_host_and_prints_a_table() {
    let host = HostSettings::new().start();
    host.wait_for_count("SELECT count(*) FROM metrics.node_cpu_seconds_total", 1, PATIENCE);
    let url = format!("http://{}", host.address());
    let by_mode = "SELECT mode, avg(value) FROM metrics.node_cpu_seconds_total GROUP BY mode ORDER BY mode";
    let print = |format: &str| {
        let printed = host.run(&["sql", "--url", &url, "-o", format, by_mode]);
        assert_eq!(printed.code, Some(0), "{}", printed.stderr);
        printed.stdout
    };
    let table = print("table");
    for word in ["mode", "avg", "idle", "iowait", "user"] {
        assert!(table.contains(word), "{word:?} is missing in\n{table}");
    }
    let csv = print("csv");
    let modes: Vec<&str> = csv.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(modes, ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"]);
    assert!(print("json").contains("\"columns\""));
    assert!(print("parquet").starts_with("PAR1"));
    assert_eq!(host.value("SELECT DISTINCT plugin FROM targets").unwrap(), "node");
}

#[test]
fn a_classic_target_gives_its_series_and_what_the_host_says_of_the_scrape() {
    let target = Target::page(SHOP);
    let address = target.address();
    let host = Host::with_config(&format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
         scrape_configs:\n\
         - {{job_name: shop, static_configs: [{{targets: ['{address}'], labels: {{site: north}}}}]}}\n"
    ));
    host.wait_for_count("SELECT count(*) FROM scrapes", 3, PATIENCE);
    let orders = host.sql("SELECT method, value, job, instance, site FROM metrics.shop_orders_total ORDER BY ts, method LIMIT 2");
    assert_eq!(orders.lines(), [format!("card|3|shop|{address}|north"), format!("cash|5|shop|{address}|north")]);
    let known = host.sql("SELECT metric, type, help FROM series WHERE metric LIKE 'shop%' ORDER BY metric, labels['method']");
    let orders = "shop_orders_total|counter|Orders so far.";
    assert_eq!(known.lines(), [orders, orders, "shop_queue_length|gauge|People who wait."]);

    for (metric, values) in
        [("up", "1"), ("scrape_samples_scraped", "3"), ("scrape_samples_post_metric_relabeling", "3"), ("shop_queue_length", "7.5")]
    {
        let found = host.sql(&format!("SELECT DISTINCT value, instance, site FROM metrics.{metric}"));
        assert_eq!(found.lines(), [format!("{values}|{address}|north")], "{metric}");
    }
    let added = host.sql("SELECT value FROM metrics.scrape_series_added ORDER BY ts LIMIT 2");
    assert_eq!(added.column("value"), ["3", "0"], "series are new once");
    let took = host.sql("SELECT count(*) FROM metrics.scrape_duration_seconds WHERE value <= 0 OR value > 1");
    assert_eq!(took.column("count(*)"), ["0"]);
    let scrapes = host.sql("SELECT DISTINCT job, instance, plugin, outcome, samples, error FROM scrapes");
    assert_eq!(scrapes.lines(), [format!("shop|{address}|prometheus|ok|3|")]);
    assert_eq!(host.sql("SELECT job, health, samples, last_error FROM targets").lines(), ["shop|up|3|"]);
}

#[test]
fn a_probe_says_what_is_up_and_why_something_is_not() {
    let (up, broken, down) = (Target::page("welcome\n"), Target::start(Answer::Status(503)), closed_port());
    let host = Host::with_config(&format!(
        "global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\n\
         scrape_configs:\n\
         - {{job_name: web, plugin: http-probe, static_configs: [{{targets: ['http://{}/', 'http://{}/', 'http://{down}/']}}]}}\n",
        up.address(),
        broken.address()
    ));
    let twice = "SELECT count(*) FROM (SELECT instance FROM probes GROUP BY instance HAVING count(*) >= 2)";
    host.wait_for_count(twice, 3, PATIENCE);
    let outcome = |address: &str| {
        let probes = host.sql(&format!("SELECT DISTINCT outcome, error FROM probes WHERE instance = 'http://{address}/'"));
        let success = host.sql(&format!("SELECT DISTINCT value FROM metrics.probe_success WHERE instance = 'http://{address}/'"));
        (probes.lines().join(";"), success.column("value").join(";"))
    };
    assert_eq!(outcome(&up.address()), ("up|".to_owned(), "1".to_owned()));
    let (probes, success) = outcome(&broken.address());
    assert!(probes.starts_with("down|") && probes.contains("503") && success == "0", "{probes} {success}");
    let (probes, success) = outcome(&down.to_string());
    assert!(probes.starts_with("down|") && probes.contains("refused") && success == "0", "{probes} {success}");
    // The probe itself worked, whatever it found.
    assert_eq!(host.sql("SELECT DISTINCT outcome FROM scrapes").column("outcome"), ["ok"]);
    assert_eq!(host.sql("SELECT DISTINCT value FROM metrics.up").column("value"), ["1"]);
    let shown = host.sql("SELECT instance FROM targets WHERE health = 'down' AND last_error IS NOT NULL").column("instance");
    assert_eq!(shown.len(), 2, "targets that people are shown as down: {shown:?}");
    let codes = host.sql("SELECT DISTINCT value FROM metrics.probe_http_status_code ORDER BY value");
    assert_eq!(codes.column("value"), ["0", "200", "503"]);
    let phases = host.sql("SELECT DISTINCT phase FROM metrics.probe_http_duration_seconds ORDER BY phase");
    assert_eq!(phases.column("phase"), ["connect", "processing", "resolve", "tls", "transfer"]);
}

/// Without stale marks an expression would see the last sample for five minutes, longer than this test waits.
#[test]
fn a_series_ends_at_once_when_it_or_its_target_or_its_job_goes_away() {
    const PRESENT: &str = "ward_present 1\nother 1\n";
    let [series, target, job] = std::array::from_fn(|_| Target::page(PRESENT));
    let all = |names: &[(&str, &Target)]| {
        let mut text =
            "global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s}\nrule_files: [rules.yml]\nscrape_configs:\n"
                .to_owned();
        for (name, target) in names {
            text.push_str(&format!("- {{job_name: {name}, static_configs: [{{targets: ['{}']}}]}}\n", target.address()));
        }
        text
    };
    let host = HostSettings::new()
        .config(&all(&[("series", &series), ("target", &target), ("job", &job)]))
        .file("rules.yml", "groups:\n- name: ward\n  rules:\n  - {alert: Present, expr: ward_present == 1}\n")
        .start();
    let changes = |state: &str| format!("SELECT count(DISTINCT labels['job']) FROM alerts WHERE state_to = '{state}'");
    host.wait_for_count(&changes("firing"), 3, PATIENCE);
    assert_eq!(host.count(&changes("inactive")), 0);

    series.answer(Answer::Page("other 1\n".to_owned()));
    target.answer(Answer::Status(500));
    host.write_file("cepmon.yml", &all(&[("series", &series), ("target", &target)]));
    assert_eq!(host.post("/-/reload", "", b"").status, 200);
    host.wait_for_count(&changes("inactive"), 3, PATIENCE);

    let other = host.sql("SELECT DISTINCT job FROM metrics.other WHERE ts > (SELECT max(ts) FROM metrics.ward_present)");
    assert_eq!(other.column("job"), ["series"], "the rest of the page goes on");
    assert_eq!(host.count("SELECT count(*) FROM samples WHERE isnan(value)"), 0, "stale marks are no rows");
    assert_eq!(host.value("SELECT DISTINCT value FROM metrics.up WHERE job = 'target' ORDER BY value LIMIT 1").unwrap(), "0");
    assert_eq!(host.sql("SELECT job FROM targets ORDER BY job").column("job"), ["series", "target"]);
}

#[test]
fn a_reload_is_all_or_nothing() {
    let [first, second] = std::array::from_fn(|_| Target::page(SHOP));
    let job = |name: &str, target: &Target| format!("- {{job_name: {name}, static_configs: [{{targets: ['{}']}}]}}\n", target.address());
    let global = "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n";
    let one = format!("{global}scrape_configs:\n{}", job("one", &first));
    let both = format!("{one}{}", job("two", &second));
    let host = HostSettings::new().config(&one).file("rules.yml", "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'sum('}\n").start();
    let jobs = || host.sql("SELECT job FROM targets ORDER BY job").column("job");
    let refusals = || host.own_metric("cepmon_config_reload_failures_total");

    // A new job stands in a file with a mistake: nothing of the file counts.
    host.write_file("cepmon.yml", &both.replace("scrape_timeout", "scrape_timeot"));
    let refused = host.post("/-/reload", "", b"");
    assert_eq!(refused.status, 400);
    let message = refused.text();
    assert!(message.contains("cepmon.yml:1:34: unknown key \\\"scrape_timeot\\\"; did you mean \\\"scrape_timeout\\\"?"), "{message}");
    assert_eq!((jobs(), refusals()), (vec!["one".to_owned()], 1.0));

    // The same for a mistake in a file that it names.
    host.write_file("cepmon.yml", &format!("{both}rule_files: [rules.yml]\n"));
    host.signal(Signal::HUP);
    wait_until("the second refusal", PATIENCE, || refusals() == 2.0);
    assert!(host.log().contains("rules.yml:4:"), "{}", host.log());
    assert_eq!((jobs(), second.requests()), (vec!["one".to_owned()], 0));
    assert_eq!(host.own_metric("cepmon_config_last_reload_successful"), 0.0);

    // What was in force goes on; what is right is taken, and what did not change is not touched.
    let before = host.count("SELECT count(*) FROM scrapes");
    host.wait_for_count("SELECT count(*) FROM scrapes", before + 2, PATIENCE);
    host.write_file("cepmon.yml", &both);
    host.signal(Signal::HUP);
    wait_until("the new job", PATIENCE, || second.requests() > 0);
    assert_eq!((jobs(), host.own_metric("cepmon_config_last_reload_successful")), (vec!["one".to_owned(), "two".to_owned()], 1.0));
    assert_eq!(host.value("SELECT sum(value) FROM metrics.scrape_series_added WHERE job = 'one'").unwrap(), "3");
    assert_eq!(host.sql("SELECT actor, action FROM audit ORDER BY ts").lines(), ["http|reload", "SIGHUP|reload", "SIGHUP|reload"]);
}

#[test]
fn a_statement_can_only_read() {
    let host = Host::with_config("");
    for statement in [
        "CREATE TABLE t AS SELECT 1",
        "INSERT INTO samples VALUES (1)",
        "DROP TABLE scrapes",
        "COPY scrapes TO 'stolen.csv'",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "SELECT * FROM '/etc/passwd'",
        "SET datafusion.execution.batch_size = 1",
    ] {
        let refused = host.try_sql(statement).unwrap_err();
        assert!(refused.starts_with("400: "), "{statement}: {refused}");
    }
    assert!(!host.folder().join("stolen.csv").try_exists().unwrap());
    let misspelt = host.try_sql("SELECT cuont(*) FROM scrapes").unwrap_err();
    assert!(misspelt.contains("line 1, column 8: unknown function \\\"cuont\\\""), "{misspelt}");
}

/// A page of the internet may point its own name at loopback; the browser then says that name.
#[test]
fn requests_that_name_a_foreign_host_are_refused() {
    let host = Host::with_config("web: {hosts: [metrics.example]}\n");
    let status = |name: &str| {
        let request = http::Request { method: "GET", path: "/-/healthy", headers: &[("Host", name)], body: b"" };
        http::send(host.address(), request).unwrap().status
    };
    let statuses = ["evil.example", "127.0.0.1.evil.example", "localhost", "127.0.0.1:9090", "metrics.example"].map(status);
    assert_eq!(statuses, [403, 403, 200, 200, 200]);
}

#[test]
fn a_stopped_host_ends_well_and_its_data_can_be_asked_without_it() {
    let target = Target::page(SHOP);
    let mut host = Host::with_config(&format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
         scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{}']}}]}}]\n",
        target.address()
    ));
    let counted = host.wait_for_count("SELECT count(*) FROM metrics.shop_queue_length", 3, PATIENCE);
    assert!(host.stop().success(), "{}", host.log());
    let offline = host.run(&["sql", "--data-dir", "data", "-o", "csv", "SELECT count(*) AS n FROM metrics.shop_queue_length"]);
    assert_eq!(offline.code, Some(0), "{}", offline.stderr);
    let after: u64 = offline.stdout.lines().nth(1).unwrap().parse().unwrap();
    assert!(after >= counted, "{after} of {counted} are left");

    host.start_again();
    assert!(host.count("SELECT count(*) FROM metrics.shop_queue_length") >= after);
}
