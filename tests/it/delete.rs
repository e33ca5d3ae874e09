//! Deletion by selector, over HTTP and on the command line: counted first, gone at once, recorded.

use cepmon_tests::{Host, HostSettings, PATIENCE, Target, wait_until};

fn host(target: &Target) -> Host {
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
         scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{}']}}]}}]\n",
        target.address()
    );
    HostSettings::new().config(&config).start()
}

fn samples(host: &Host, user: &str) -> u64 {
    host.count(&format!("SELECT count(*) FROM metrics.orders WHERE user = '{user}'"))
}

const FORM: &str = "application/x-www-form-urlencoded";
const PATH: &str = "/api/v1/admin/tsdb/delete_series";

#[test]
fn a_users_samples_are_gone_after_the_answer_and_the_others_stay() {
    let target = Target::numbered(|number| format!("orders{{user=\"ann\"}} {number}\norders{{user=\"bob\"}} {number}\n"));
    let host = host(&target);
    wait_until("samples", PATIENCE, || samples(&host, "ann") > 2);
    host.flush();
    wait_until("samples in memory too", PATIENCE, || samples(&host, "ann") > 4);
    // An end in the past: what is scraped while this runs does not disturb the counts.
    let end = host.value("SELECT max(ts) FROM metrics.orders").unwrap();
    let before = host.count(&format!("SELECT count(*) FROM metrics.orders WHERE user = 'ann' AND ts <= '{end}'"));
    let end = format!("{}Z", end.trim_end_matches('Z'));

    let counted = host.post(PATH, FORM, format!("match[]=orders%7Buser%3D%22ann%22%7D&end={end}&dry_run=true").as_bytes());
    assert_eq!(counted.status, 200, "{}", counted.text());
    assert_eq!(counted.json()["data"], serde_json::json!({"series": 1, "rows": before}));
    let printed = host.run(&["delete", "--match", "orders{user=\"ann\"}", "--end", &end, "--dry-run", "--url", &url(&host)]);
    assert_eq!(printed.stdout, format!("would delete {before} samples of 1 series\n"), "{}", printed.stderr);
    // Without a terminal it does not ask, and deletes nothing.
    let refused = host.run(&["delete", "--match", "orders{user=\"ann\"}", "--end", &end, "--url", &url(&host)]);
    assert!(refused.code == Some(2) && refused.stderr.contains("--yes"), "{}", refused.stderr);

    let others = samples(&host, "bob");
    let deleted = host.run(&["delete", "--match", "orders{user=\"ann\"}", "--end", &end, "--yes", "--url", &url(&host)]);
    assert!(deleted.stdout.starts_with(&format!("deleted {before} samples of 1 series")), "{}", deleted.stderr);
    assert_eq!(host.count(&format!("SELECT count(*) FROM metrics.orders WHERE user = 'ann' AND ts <= '{}'", end.trim_end_matches('Z'))), 0);
    assert!(samples(&host, "bob") >= others);
    let audit = host.sql("SELECT actor, action, subject, detail FROM audit WHERE action = 'delete_series'").lines();
    assert_eq!(audit.len(), 1);
    assert!(audit[0].contains("user=\"ann\"") && audit[0].contains(&format!("{before} of 1 series")), "{audit:?}");
}

#[test]
fn log_lines_of_a_stream_are_deleted() {
    let settings = HostSettings::new();
    let path = settings.folder().join("access.log");
    let line = |number: u32| format!("203.0.113.9 - - [22/Nov/2026:10:00:00 +0000] \"GET /{number} HTTP/1.1\" 200 5 \"-\" \"curl/8.5\"\n");
    std::fs::write(&path, (0..20).map(line).collect::<String>()).unwrap();
    let config = format!("logs: {{sources: [{{job_name: nginx, paths: ['{}'], plugin: nginx-log}}]}}\n", path.display());
    let host = settings.config(&config).start();
    wait_until("lines", PATIENCE, || host.count("SELECT count(*) FROM logs") == 20);
    let deleted = host.run(&["delete", "--logs", "--match", "{job=\"nginx\"}", "--yes", "--url", &url(&host)]);
    assert!(deleted.stdout.starts_with("deleted 20 log lines of 1 streams"), "{} {}", deleted.stdout, deleted.stderr);
    assert_eq!(host.count("SELECT count(*) FROM logs"), 0);
    let nothing = host.run(&["delete", "--logs", "--match", "{job=\"nginx\"}", "--yes", "--url", &url(&host)]);
    assert!(nothing.stdout.starts_with("nothing to delete"), "{}", nothing.stdout);
}

#[test]
fn what_is_not_clearly_meant_is_refused_in_the_form_of_prometheus() {
    let host = HostSettings::new().start();
    for (body, word) in [("", "match[]"), ("match[]=%7B%7D", "selector"), ("match[]=up&ned=5", "ned"), ("match[]=up&end=soon", "soon")] {
        let refused = host.post(PATH, FORM, body.as_bytes());
        assert_eq!((refused.status, refused.json()["errorType"].as_str()), (400, Some("bad_data")), "{body}");
        assert!(refused.json()["error"].as_str().unwrap().contains(word), "{}", refused.text());
    }
    assert_eq!(host.post("/api/v1/admin/tsdb/delete_series?match[]=up", FORM, b"").status, 204);
    assert_eq!(host.post("/api/v1/admin/tsdb/clean_tombstones", FORM, b"").status, 204);
    let refused = host.run(&["delete", "--match", "rate(up[5m])", "--yes", "--url", &url(&host)]);
    assert!(refused.code == Some(1) && refused.stderr.contains("selector"), "{}", refused.stderr);
}

fn url(host: &Host) -> String {
    format!("http://{}", host.address())
}
