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
    assert_eq!((classic.plugin.as_str(), &classic.settings["metrics_path"]), ("prometheus", &serde_json::json!("/api/metrics")));
    assert_eq!(classic.parameters, [("module".into(), "a".into()), ("module".into(), "b".into())]);
    assert_eq!((classic.targets.len(), classic.interval.as_secs(), classic.timeout.as_secs()), (2, 15, 10));
    assert_eq!(classic.targets[1].labels.get("service"), Some("frontend"));
    let node = &config.jobs[1];
    assert_eq!((node.interval.as_secs(), node.targets.len(), node.targets[0].address.as_str()), (60, 1, ""));
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
        "global:\n  scrape_intervall: 15s\nscrape_configs:\n  - job_name: node\n    plugn: node\n    colour: red\n    relabel_configs: []\n",
        expect![[r#"
            cepmon.yml:2:3: unknown key "scrape_intervall"; did you mean "scrape_interval"?
              2 |   scrape_intervall: 15s
                |   ^
            cepmon.yml:4:5: this job has nothing to scrape; give it static_configs, or a plugin that looks at the host
              4 |   - job_name: node
                |     ^
            cepmon.yml:5:5: unknown key "plugn"; did you mean "plugin"?
              5 |     plugn: node
                |     ^
            cepmon.yml:6:5: unknown key "colour"; known here: job_name, plugin, settings, static_configs, scrape_interval, scrape_timeout, metrics_path, scheme, params, honor_labels, honor_timestamps, sample_limit
              6 |     colour: red
                |     ^
            cepmon.yml:7:5: "relabel_configs" is not supported yet; remove it
              7 |     relabel_configs: []
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
