//! Jobs and groups in, targets out.

use std::path::Path;

use cepmon_model::{LabelSet, NameScheme, RelabelEntry, relabel};

use super::*;
use crate::config::{Config, load};

/// The targets of a file's first job, printed; what is dropped or invalid says so.
fn targets(text: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prometheus.yml");
    std::fs::write(&path, text).unwrap();
    let config: Config = load(Some(Path::new(&path))).unwrap().file;
    let job = &config.jobs[0];
    let resolved = job.groups.iter().flat_map(|group| resolve(job, group, true));
    let print = |resolved| match resolved {
        Resolved::Target(target) => format!("{} {}", target.url.unwrap_or(target.address), target.labels),
        Resolved::Dropped { discovered } => format!("dropped {}", discovered.get("__address__").unwrap()),
        Resolved::Invalid { problem, .. } => format!("invalid: {problem}"),
    };
    resolved.map(print).collect()
}

#[test]
fn addresses_get_ports_and_instances() {
    let text = "
scrape_configs:
- job_name: web
  scheme: https
  metrics_path: /m
  params: {b: ['x y', z], a: ['1']}
  static_configs: [{targets: ['h', 'h:81', '[::1]', '[::1]:82'], labels: {zone: x, __meta_a: b}}]
";
    let query = "?a=1&b=x+y&b=z";
    let line = |address: &str| format!("https://{address}/m{query} {{instance=\"{address}\", job=\"web\", zone=\"x\"}}");
    assert_eq!(targets(text), [line("h:443"), line("h:81"), line("[::1]:443"), line("[::1]:82")]);
}

#[test]
fn the_multi_target_pattern_of_the_blackbox_exporter() {
    let text = "
scrape_configs:
- job_name: blackbox
  metrics_path: /probe
  params: {module: [http_2xx]}
  static_configs: [{targets: ['https://a.example/', 'https://b.example/?q=1']}]
  relabel_configs:
  - {source_labels: [__address__], target_label: __param_target}
  - {source_labels: [__param_target], target_label: instance}
  - {target_label: __address__, replacement: 'blackbox-exporter:9115'}
";
    assert_eq!(
        targets(text),
        [
            r#"http://blackbox-exporter:9115/probe?module=http_2xx&target=https%3A%2F%2Fa.example%2F {instance="https://a.example/", job="blackbox"}"#,
            r#"http://blackbox-exporter:9115/probe?module=http_2xx&target=https%3A%2F%2Fb.example%2F%3Fq%3D1 {instance="https://b.example/?q=1", job="blackbox"}"#,
        ]
    );
}

#[test]
fn labels_that_rules_write_change_how_a_target_is_scraped() {
    let text = "
scrape_configs:
- job_name: a
  static_configs: [{targets: ['keep:1', 'drop:1', 'slow:1', 'late:1', 'bad:1', 'gone:1']}]
  relabel_configs:
  - {source_labels: [__address__], regex: 'drop:.*', action: drop}
  - {source_labels: [__address__], regex: 'slow:.*', target_label: __scrape_interval__, replacement: 5m}
  - {source_labels: [__address__], regex: 'late:.*', target_label: __scrape_timeout__, replacement: 5m}
  - {source_labels: [__address__], regex: 'bad:.*', target_label: __scrape_interval__, replacement: soon}
  - {source_labels: [__address__], regex: 'gone:.*', target_label: __address__, replacement: ''}
  - {source_labels: [__address__], regex: 'keep:.*', target_label: __metrics_path__, replacement: /k?x=1}
  - {target_label: job, replacement: b}
";
    assert_eq!(
        targets(text),
        [
            r#"http://keep:1/k?x=1 {instance="keep:1", job="b"}"#,
            "dropped drop:1",
            r#"http://slow:1/metrics {instance="slow:1", job="b"}"#,
            "invalid: its time-out 5m is longer than its interval 1m",
            "invalid: cannot read the duration \"soon\": wanted numbers with units from large to small, as in 1h30m, 15s or 100ms",
            "invalid: it has no address",
        ]
    );
}

#[test]
fn a_group_of_a_discovery_wins_over_the_job_and_a_target_over_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prometheus.yml");
    std::fs::write(&path, "scrape_configs: [{job_name: a, file_sd_configs: [{files: [x.json]}]}]").unwrap();
    let job = load(Some(&path)).unwrap().file.jobs.remove(0);
    let group = TargetGroup {
        labels: LabelSet::from_pairs([("__scheme__", "https"), ("zone", "x")]),
        targets: vec![LabelSet::from_pairs([("__address__", "h:1"), ("zone", "y"), ("__scrape_interval__", "30s")])],
        ..TargetGroup::default()
    };
    let [Resolved::Target(target)] = &resolve(&job, &group, false)[..] else { panic!("no target") };
    assert_eq!((target.url.as_deref(), target.interval.as_secs()), (Some("https://h:1/metrics"), 30));
    assert_eq!(target.labels.to_string(), r#"{instance="h:1", job="a", zone="y"}"#);
    assert_eq!(target.discovered.get("__scrape_timeout__"), Some("10s"));
    assert!(!target.is_static, "nobody wrote this address down");
}

/// What Prometheus's own tests of relabelling ask for, where they are at hand.
#[test]
fn prometheus_conformance() {
    let Ok(folder) = std::env::var("CEPMON_CONFORMANCE") else {
        eprintln!("skipped: CEPMON_CONFORMANCE names no folder");
        return;
    };
    let text = std::fs::read_to_string(format!("{folder}/prometheus/relabel.jsonl")).unwrap();
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let pairs = |labels: &serde_json::Value| {
            let pairs = labels.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
            LabelSet::from_pairs(pairs)
        };
        let entries: Vec<RelabelEntry> = serde_json::from_value(case["relabel_configs"].clone()).unwrap();
        let rules: Vec<_> = entries.iter().map(|entry| entry.check(NameScheme::Utf8).unwrap()).collect();
        let mut labels = pairs(&case["input"]).to_builder();
        let is_kept = relabel(&rules, &mut labels);
        assert_eq!(!is_kept, case["drop"].as_bool().unwrap(), "{line}");
        if is_kept {
            assert_eq!(labels.build(), pairs(&case["output"]), "{line}");
        }
    }
}
