//! Configurations in, messages out.

use std::path::Path;

use expect_test::{Expect, expect};

use super::*;

fn load_text(text: &str) -> Result<Document<Config>, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cepmon.yml");
    std::fs::write(&path, text).unwrap();
    load(Some(&path)).map_err(|errors| errors.to_string().replace(&*path.to_string_lossy(), "cepmon.yml"))
}

fn refused(text: &str, want: Expect) {
    want.assert_eq(&load_text(text).unwrap_err());
}

#[test]
fn a_prometheus_file_is_a_configuration() {
    let config = load_text(
        "
global:
  scrape_interval: 15s
  external_labels: {site: home}
rule_files: [alerts/*.yml]
scrape_configs:
  - job_name: nextjs
    metrics_path: /api/metrics
    params: {module: [a, b]}
    static_configs:
      - targets: ['localhost:3000', 'localhost:3001']
        labels: {service: frontend}
  - job_name: node
    scrape_interval: 1m
    plugin: node
    settings: {collectors: [cpu]}
",
    )
    .unwrap()
    .file;
    let classic = &config.jobs[0];
    assert_eq!((classic.plugin.as_str(), classic.metrics_path.as_str()), ("prometheus", "/api/metrics"));
    assert_eq!(classic.parameters["module"], ["a", "b"]);
    assert_eq!((classic.groups[0].targets.len(), classic.interval.as_secs(), classic.timeout.as_secs()), (2, 15, 10));
    assert_eq!(classic.groups[0].labels.get("service"), Some("frontend"));
    let node = &config.jobs[1];
    assert_eq!((node.interval.as_secs(), node.groups.len(), node.is_of_this_host), (60, 0, true));
    assert!(config.rule_files[0].ends_with("alerts/*.yml") && config.rule_files[0].is_absolute());
}

#[test]
fn the_default_configuration_watches_this_host() {
    let config = load(None).unwrap().file;
    assert_eq!((config.jobs[0].plugin.as_str(), config.jobs[0].interval.as_secs()), ("node", 15));
}

#[test]
fn an_empty_file_is_a_configuration() {
    assert!(load_text("").unwrap().file.jobs.is_empty());
    assert!(load_text("# nothing\n").unwrap().file.jobs.is_empty());
}

#[test]
fn every_mistake_is_reported_with_its_place_and_a_way_out() {
    refused(
        "global:\n  scrape_intervall: 15s\nscrape_configs:\n  - job_name: node\n    plugn: node\n    colour: red\n    relabel_config: []\n",
        expect![[r#"
            cepmon.yml:2:3: unknown key "scrape_intervall"; did you mean "scrape_interval"?
              2 |   scrape_intervall: 15s
                |   ^
            cepmon.yml:5:5: unknown key "plugn"; did you mean "plugin"?
              5 |     plugn: node
                |     ^
            cepmon.yml:6:5: unknown key "colour"; known here: job_name, plugin, settings, scrape_interval, scrape_timeout, metrics_path, scheme, params, honor_labels, honor_timestamps, track_timestamps_staleness, enable_compression, scrape_classic_histograms, fallback_scrape_protocol, native_histogram_bucket_limit, native_histogram_min_bucket_factor, relabel_configs, metric_relabel_configs, body_size_limit, sample_limit, target_limit, label_limit, label_name_length_limit, label_value_length_limit, keep_dropped_targets, metric_name_validation_scheme, metric_name_escaping_scheme, scrape_protocols, scrape_failure_log_file, scrape_native_histograms, convert_classic_histograms_to_nhcb, always_scrape_classic_histograms, extra_scrape_metrics, static_configs, file_sd_configs, http_sd_configs, dns_sd_configs, docker_sd_configs, basic_auth, authorization, oauth2, bearer_token, bearer_token_file, tls_config, follow_redirects, enable_http2, http_headers, proxy_url, no_proxy, proxy_from_environment, proxy_connect_header
              6 |     colour: red
                |     ^
            cepmon.yml:7:5: unknown key "relabel_config"; did you mean "relabel_configs"?
              7 |     relabel_config: []
                |     ^"#]],
    );
}

#[test]
fn values_of_the_wrong_type_are_refused_where_they_stand() {
    refused(
        "global:\n  scrape_interval: fast\n",
        expect![[r#"
            cepmon.yml:2:20: cannot read the duration "fast": wanted numbers with units from large to small, as in 1h30m, 15s or 100ms
              2 |   scrape_interval: fast
                |                    ^"#]],
    );
    refused(
        "scrape_configs:\n  job_name: x\n",
        expect![[r#"
            cepmon.yml:2:3: wanted a list
              2 |   job_name: x
                |   ^"#]],
    );
    refused(
        "storage: {head_max_bytes: 10 apples}\n",
        expect![[r#"
            cepmon.yml:1:27: cannot read the size "10 apples": wanted a number with B, KB, MB, GB or TB
              1 | storage: {head_max_bytes: 10 apples}
                |                           ^"#]],
    );
}

#[test]
fn what_cannot_work_together_is_refused() {
    refused(
        "scrape_configs:\n  - {job_name: a, plugin: node, scrape_interval: 1s, scrape_timeout: 2s}\n  - {job_name: a, plugin: node, scheme: ftp}\n",
        expect![[r#"
            cepmon.yml:2:70: the scrape timeout is longer than the scrape interval
              2 |   - {job_name: a, plugin: node, scrape_interval: 1s, scrape_timeout: 2s}
                |                                                                      ^
            cepmon.yml:3:16: two scrape configurations are called "a"
              3 |   - {job_name: a, plugin: node, scheme: ftp}
                |                ^
            cepmon.yml:3:41: "scheme" belongs to the plugin "prometheus", not to "node"
              3 |   - {job_name: a, plugin: node, scheme: ftp}
                |                                         ^
            cepmon.yml:3:41: wanted http or https, got "ftp"
              3 |   - {job_name: a, plugin: node, scheme: ftp}
                |                                         ^"#]],
    );
}

#[test]
fn broken_yaml_and_missing_files_are_told_apart() {
    assert!(load_text("a: [1\n").unwrap_err().contains("not valid YAML"));
    assert!(load_text("a: 1\na: 2\n").unwrap_err().contains("the key \"a\" stands twice"));
    let missing = load(Some(Path::new("/nonexistent/cepmon.yml"))).unwrap_err().to_string();
    assert!(missing.starts_with("/nonexistent/cepmon.yml: cannot read the file"), "{missing}");
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(", ")));
    }
    assert!(load_text(&text).unwrap_err().contains("nested over"));
}

#[test]
fn unset_variables_are_errors() {
    refused(
        "web: {listen: '${CEPMON_TEST_UNSET}'}\n",
        expect![[r#"
            cepmon.yml:1:15: the variable "CEPMON_TEST_UNSET" is not set; set it, or write ${CEPMON_TEST_UNSET:-default}
              1 | web: {listen: '${CEPMON_TEST_UNSET}'}
                |               ^"#]],
    );
    assert_eq!(load_text("web: {listen: '${CEPMON_TEST_UNSET:-127.0.0.1:1}'}\n").unwrap().file.web.listen.port(), 1);
}

/// Every file of Prometheus's own tests, where they are at hand.
#[test]
fn prometheus_conformance() {
    let Ok(folder) = std::env::var("CEPMON_CONFORMANCE") else {
        eprintln!("skipped: CEPMON_CONFORMANCE names no folder");
        return;
    };
    let folder = Path::new(&folder).join("prometheus/config");
    let cases = std::fs::read_to_string(folder.join("cases.jsonl")).unwrap();
    let mut wrong = Vec::new();
    for case in cases.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()) {
        let name = case["file"].as_str().unwrap();
        // It is refused for what stands in a file that is not there.
        if name == "invalid/scrape_config_files_duplicate.bad.yml" {
            continue;
        }
        match (load(Some(&folder.join(name))), case["valid"].as_bool().unwrap()) {
            (Ok(_), true) | (Err(_), false) => {}
            (Ok(_), false) => wrong.push(format!("{name} is taken; wanted {}", case["message"])),
            (Err(error), true) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sections_without_effect_are_taken_with_a_warning() {
    let document = load_text(
        "
remote_write: [{url: 'http://elsewhere/api/v1/write'}]
alerting: {alertmanagers: [{static_configs: [{targets: ['alertmanager:9093']}]}]}
storage: {tsdb: {retention: {time: 30d, size: 10GB}, out_of_order_time_window: 30m}}
scrape_configs:
- job_name: cloud
  ec2_sd_configs: [{region: eu-west-1}]
",
    )
    .unwrap();
    assert_eq!(document.file.storage.metrics.bytes, Some(10 << 30));
    assert_eq!(document.file.storage.metrics.time, Some(std::time::Duration::from_secs(30 * 86_400)));
    let warnings: Vec<_> = document.warnings.iter().map(|line| line.rsplit_once("cepmon.yml").unwrap().1).collect();
    expect![[r#"
        :2:15: cepmon sends nothing by remote write; this section has no effect
        :4:80: late samples are always taken, as far back as the retention; this has no effect
        :7:3: "ec2_sd_configs" is not served by cepmon and gives no targets; write them to a file and use file_sd_configs"#]]
    .assert_eq(&warnings.join("\n"));
}

#[test]
fn other_discoveries_are_checked_before_they_are_left_out() {
    refused(
        "scrape_configs:\n- job_name: a\n  ec2_sd_configs: [{regoin: x, port: many}]\n  consult_sd_configs: []\n- job_name: b\n  hetzner_sd_configs: [{role: boss}]\n",
        expect![[r#"
            cepmon.yml:3:21: unknown key "regoin"; did you mean "region"?
              3 |   ec2_sd_configs: [{regoin: x, port: many}]
                |                     ^
            cepmon.yml:3:38: wanted a number
              3 |   ec2_sd_configs: [{regoin: x, port: many}]
                |                                      ^
            cepmon.yml:4:3: unknown key "consult_sd_configs"; did you mean "consul_sd_configs"?
              4 |   consult_sd_configs: []
                |   ^
            cepmon.yml:6:31: wanted hcloud or robot, got "boss"
              6 |   hetzner_sd_configs: [{role: boss}]
                |                               ^"#]],
    );
}

#[test]
fn rules_and_credentials_are_checked_where_they_stand() {
    refused(
        "
scrape_configs:
- job_name: a
  relabel_configs: [{regex: '('}, {action: labeldrop, source_labels: [x]}, null]
  basic_auth: {username: u, password: p, password_file: f}
  bearer_token: t
  proxy_url: https://p
  tls_config: {cert_file: c}
  http_headers: {Host: {values: [x]}}
  body_size_limit: 100
",
        expect![[r#"
            cepmon.yml:10:20: cannot read the size "100": wanted a number with B, KB, MB, GB or TB
              10 |   body_size_limit: 100
                 |                    ^"#]],
    );
    refused(
        "
scrape_configs:
- job_name: a
  relabel_configs: [{regex: '('}, {action: labeldrop, source_labels: [x]}, null]
  basic_auth: {username: u, password: p, password_file: f}
  bearer_token: t
  proxy_url: https://p
  tls_config: {cert_file: c}
  http_headers: {Host: {values: [x]}}
",
        expect![[r#"
            cepmon.yml:4:29: cannot compile the regular expression "(": regex parse error:
                ^(?s:()$
                 ^
            error: unclosed group
              4 |   relabel_configs: [{regex: '('}, {action: labeldrop, source_labels: [x]}, null]
                |                             ^
            cepmon.yml:4:70: the action labeldrop takes only regex; remove source_labels
              4 |   relabel_configs: [{regex: '('}, {action: labeldrop, source_labels: [x]}, null]
                |                                                                      ^
            cepmon.yml:4:76: this rule is empty; give it an action, or remove it
              4 |   relabel_configs: [{regex: '('}, {action: labeldrop, source_labels: [x]}, null]
                |                                                                            ^
            cepmon.yml:5:57: password is given already; one of the two is to go
              5 |   basic_auth: {username: u, password: p, password_file: f}
                |                                                         ^
            cepmon.yml:6:17: basic_auth is given already; one of the two is to go
              6 |   bearer_token: t
                |                 ^
            cepmon.yml:7:14: only proxies that speak plain HTTP are served: http://host:port
              7 |   proxy_url: https://p
                |              ^
            cepmon.yml:8:15: a certificate of this client needs both cert and key (or their files)
              8 |   tls_config: {cert_file: c}
                |               ^
            cepmon.yml:9:24: the header "host" is set by the request itself; remove it
              9 |   http_headers: {Host: {values: [x]}}
                |                        ^"#]],
    );
}

#[test]
fn jobs_of_other_files_share_the_global_section_and_their_mistakes_name_their_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("jobs")).unwrap();
    let main = dir.path().join("prometheus.yml");
    std::fs::write(&main, "global: {scrape_interval: 5s}\nscrape_config_files: [jobs/*.yml]\nscrape_configs: [{job_name: a}]\n").unwrap();
    let other = dir.path().join("jobs/b.yml");
    std::fs::write(&other, "scrape_configs: [{job_name: b, bearer_token_file: token}]\n").unwrap();
    let jobs = load(Some(&main)).unwrap().file.jobs;
    assert_eq!((jobs[1].name.as_str(), jobs[1].interval.as_secs()), ("b", 5));
    let cepmon_plugin::HttpAuthorization::Token { credentials, .. } = &jobs[1].http.authorization else { panic!("no token") };
    assert_eq!(*credentials, cepmon_plugin::SecretText::File(dir.path().join("jobs/token")));
    std::fs::write(&other, "scrape_configs: [{job_name: a}, {job_name: c, shceme: http}]\n").unwrap();
    let errors = load(Some(&main)).unwrap_err().to_string();
    assert!(errors.contains("prometheus.yml:2:22"), "{errors}");
    assert!(errors.contains("two scrape configurations are called \"a\""), "{errors}");
    assert!(errors.contains("jobs/b.yml:1:47: unknown key \"shceme\"; did you mean \"scheme\"?"), "{errors}");
}
