//! Scrape configurations of Prometheus, as they stand: what is scraped, how it is asked, what of the answer is kept.

/// Where targets come from.
mod discovery;
/// How a target is asked: credentials, TLS, proxy, headers, formats.
mod request;

use cepmon_tests::{Host, PATIENCE, Reply, Target};

#[test]
fn the_relabelling_of_the_seed_and_the_multi_target_pattern_run_as_they_stand() {
    let app = Target::page("unnecessary_metric_a 1\nunnecessary_metric_b 2\nkept_total 3\n");
    let prober = Target::replying(|head| {
        let target = head.split("target=").nth(1).and_then(|rest| rest.split([' ', '&']).next()).unwrap_or_default();
        Reply::new("text/plain", format!("probe_success{{asked=\"{target}\"}} 1\n"))
    });
    let config = format!(
        "
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: 'my-new-service'
    static_configs:
      - targets: ['{}']
        labels:
          service: 'my-service'
          component: 'backend'
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: 'unnecessary_metric_.*'
        action: drop
  - job_name: blackbox
    metrics_path: /probe
    params:
      module: [http_2xx]
    static_configs:
      - targets:
          - https://cepcomunicacion.com
          - https://cepcomunicacion.com/api/health
    relabel_configs:
      - source_labels: [__address__]
        target_label: __param_target
      - source_labels: [__param_target]
        target_label: instance
      - target_label: __address__
        replacement: {}
",
        app.address(),
        prober.address()
    );
    let host = Host::with_config(&config);
    host.wait_for_count("SELECT count(*) FROM metrics.kept_total WHERE service = 'my-service' AND component = 'backend'", 2, PATIENCE);
    host.wait_for_count("SELECT count(DISTINCT instance) FROM metrics.probe_success", 2, PATIENCE);
    let names = "SELECT DISTINCT metric FROM series WHERE metric LIKE 'unnecessary%' OR metric = 'kept_total'";
    assert_eq!(host.sql(names).column("metric"), ["kept_total"]);
    let left = "SELECT DISTINCT value FROM metrics.scrape_samples_post_metric_relabeling WHERE job = 'my-new-service'";
    assert_eq!(host.value(left).unwrap(), "1");
    let asked = "SELECT DISTINCT instance, asked FROM metrics.probe_success WHERE job = 'blackbox' ORDER BY instance";
    assert_eq!(
        host.sql(asked).lines(),
        [
            "https://cepcomunicacion.com|https%3A%2F%2Fcepcomunicacion.com",
            "https://cepcomunicacion.com/api/health|https%3A%2F%2Fcepcomunicacion.com%2Fapi%2Fhealth"
        ]
    );
    assert!(prober.last_head().contains("GET /probe?module=http_2xx&target="), "{}", prober.last_head());
}

#[test]
fn limits_of_a_job_fail_its_scrapes_and_say_which() {
    let page = "m{path=\"/a/long/path\"} 1\nn 2\no 3\n";
    let target = Target::page(page);
    let mut config = "global: {scrape_interval: 1s}\nscrape_configs:\n".to_owned();
    let limits = [
        ("samples", "sample_limit: 2", "sample_limit is 2"),
        ("labels", "label_limit: 3", "label_limit is 3"),
        ("names", "label_name_length_limit: 7", "label_name_length_limit is 7"),
        ("values", "label_value_length_limit: 5", "label_value_length_limit is 5"),
        ("body", "body_size_limit: 20B", "larger than 20 bytes"),
        ("targets", "target_limit: 1", "target_limit is 1"),
    ];
    for (job, limit, _) in limits {
        let address = target.address();
        let more = if job == "targets" { format!(", '{}'", address.replace("127.0.0.1", "localhost")) } else { String::new() };
        config.push_str(&format!("- {{job_name: {job}, {limit}, static_configs: [{{targets: ['{address}'{more}]}}]}}\n"));
    }
    config.push_str(&format!("- {{job_name: fine, sample_limit: 3, label_limit: 4, body_size_limit: 1KB, extra_scrape_metrics: true, static_configs: [{{targets: ['{}']}}]}}\n", target.address()));
    let host = Host::with_config(&config);
    host.wait_for_count("SELECT count(DISTINCT job) FROM scrapes", 7, PATIENCE);
    for (job, _, words) in limits {
        let error = host.value(&format!("SELECT DISTINCT error FROM scrapes WHERE job = '{job}'")).unwrap();
        assert!(error.contains(words), "{job}: {error}");
        assert_eq!(host.value(&format!("SELECT DISTINCT value FROM metrics.up WHERE job = '{job}'")).unwrap(), "0", "{job}");
        assert_eq!(
            host.count(&format!("SELECT count(*) FROM samples WHERE metric IN ('m', 'n', 'o') AND labels['job'] = '{job}'")),
            0,
            "{job}"
        );
    }
    assert_eq!(host.value("SELECT DISTINCT value FROM metrics.up WHERE job = 'fine'").unwrap(), "1");
    let size = host.value("SELECT DISTINCT value FROM metrics.scrape_body_size_bytes").unwrap();
    assert!(size.parse::<f64>().unwrap() >= page.len() as f64, "{size}");
    assert_eq!(host.value("SELECT DISTINCT value FROM metrics.scrape_timeout_seconds").unwrap(), "1");
}

#[test]
fn labels_and_times_of_the_target_are_kept_when_the_job_says_so() {
    #[allow(clippy::disallowed_methods, reason = "a target has a clock of its own")]
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let page = format!("m{{job=\"own\"}} 1 {now_ms}\n");
    let [plain, honest, timeless] = [Target::page(&page), Target::page(&page), Target::page(&page)];
    let config = format!(
        "
global: {{scrape_interval: 1s}}
scrape_configs:
- {{job_name: plain, static_configs: [{{targets: ['{}']}}]}}
- {{job_name: honest, honor_labels: true, static_configs: [{{targets: ['{}']}}]}}
- {{job_name: timeless, honor_timestamps: false, static_configs: [{{targets: ['{}']}}]}}
",
        plain.address(),
        honest.address(),
        timeless.address()
    );
    let host = Host::with_config(&config);
    host.wait_for_count("SELECT count(*) FROM metrics.m WHERE job = 'timeless'", 3, PATIENCE);
    host.wait_for_count("SELECT count(*) FROM metrics.m WHERE job = 'own'", 1, PATIENCE);
    assert_eq!(host.value("SELECT DISTINCT exported_job FROM metrics.m WHERE job = 'plain'").unwrap(), "own");
    assert_eq!(host.count("SELECT count(*) FROM metrics.m WHERE job IN ('plain', 'own')"), 2, "one sample at one time each");
}
