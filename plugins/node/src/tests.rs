//! The whole plugin over recorded files.
use super::*;

#[test]
fn unknown_collectors_are_refused_with_the_list() {
    let target = cepmon_sdk::testing::target("", r#"{"collectors":["cpu","btrfs"]}"#);
    let error = cepmon_sdk::testing::collect(collect, &target).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot run collector \"btrfs\": there are cpu, diskstats, filesystem, loadavg, meminfo, netdev, stat, time, uname"
    );
}
