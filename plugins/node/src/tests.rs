//! The whole plugin over the recorded files of `fixtures/`, and over this very machine.

mod node_exporter;

use super::*;
use cepmon_sdk::testing;

fn settings(collectors: &str) -> String {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    format!(r#"{{"collectors":[{collectors}],"procfs":"{fixtures}/proc","sysfs":"{fixtures}/sys","udev_data":"{fixtures}/udev"}}"#)
}

#[test]
fn recorded_files_give_the_recorded_metrics() {
    let collectors = r#""cpu","diskstats","loadavg","meminfo","netdev","stat","uname""#;
    let text = testing::collect(collect, &testing::target("", &settings(collectors))).unwrap();
    let is_timeless = |line: &&str| !line.starts_with("node_scrape_collector_duration_seconds{");
    let text: Vec<&str> = text.lines().filter(is_timeless).collect();
    expect_test::expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/expected.txt")].assert_eq(&(text.join("\n") + "\n"));
}

#[test]
fn a_collector_that_fails_costs_its_own_metrics_only() {
    let text = testing::collect(collect, &testing::target("", &settings(r#""loadavg","filesystem""#))).unwrap();
    assert!(text.contains("node_load1 0.42\n"), "{text}");
    assert!(text.contains("node_scrape_collector_success{collector=\"filesystem\"} 0\n"), "{text}");
    assert!(text.contains("node_scrape_collector_success{collector=\"loadavg\"} 1\n"), "{text}");
    assert!(text.contains("# WARNING collector filesystem failed: cannot read "), "{text}");
}

#[test]
fn every_collector_succeeds_on_this_machine() {
    let text = testing::collect(collect, &testing::target("", "{}")).unwrap();
    assert!(!text.contains("# WARNING"), "{text}");
    for metric in
        ["node_cpu_seconds_total{", "node_memory_MemTotal_bytes ", "node_filesystem_size_bytes{", "node_time_seconds ", "node_uname_info{"]
    {
        assert!(text.contains(&format!("\n{metric}")), "{metric} is missing in:\n{text}");
    }
    let failed: Vec<&str> =
        text.lines().filter(|line| line.starts_with("node_scrape_collector_success{") && line.ends_with(" 0")).collect();
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn unknown_collectors_are_refused_with_the_list() {
    let error = testing::collect(collect, &testing::target("", r#"{"collectors":["cpu","btrfs"]}"#)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot run collector \"btrfs\": there are cpu, diskstats, filesystem, loadavg, meminfo, netdev, stat, time, uname"
    );
}

#[test]
fn patterns_that_do_not_compile_name_their_setting() {
    let text = testing::collect(collect, &testing::target("", r#"{"collectors":["netdev"],"netdev_device_include":"("}"#)).unwrap();
    assert!(text.contains("cannot use setting netdev_device_include \"(\": "), "{text}");
}
