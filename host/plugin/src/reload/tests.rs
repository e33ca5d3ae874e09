//! What a change in the folders does to plugins that run.

use super::*;
use crate::testing::{EMPTY_BATCH, MANIFEST, ONE_SAMPLE, READS_STAT, TestHost, files, manifest, plugin, put, target};

const ASKS: &str = "[capabilities.files]\npaths = [\"/proc/stat\"]\nreason = \"counts the CPU's time\"\n";

#[test]
fn an_ungranted_interface_is_named_with_reason_and_command() {
    let test = TestHost::new(&[("reader", plugin(&manifest("reader", ASKS), READS_STAT), Grants::default())]);
    let want = "plugin \"reader\" imports cepmon:plugin/files, which is not granted (reason given: \"counts the CPU's time\"); \
                run: cepmon plugin grant reader files";
    assert_eq!(test.host.plugins()[0].state, PluginState::Refused(want.to_owned()));
    crate::grant(&test.plugins_dir(), None, "reader", &["files".to_owned()]).unwrap();
    let report = test.host.reload();
    assert_eq!(report.replaced, ["reader"]);
    assert_eq!(test.host.plugins()[0].state, PluginState::Ready);
}

#[test]
fn a_broken_file_never_replaces_a_plugin_that_runs() {
    let good = plugin(&manifest("good", ""), ONE_SAMPLE);
    let test = TestHost::new(&[("good", good.clone(), Grants::default())]);
    std::fs::write(test.plugins_dir().join("good.wasm"), &good[..good.len() / 2]).unwrap();
    let report = test.host.reload();
    assert!(report.failed[0].0 == "good" && report.failed[0].1.contains("it is damaged"), "{report:?}");
    let status = &test.host.plugins()[0];
    assert_eq!(status.state, PluginState::Ready);
    assert!(status.reload_problem.as_ref().unwrap().contains("it is damaged"));
    std::fs::write(test.plugins_dir().join("good.wasm"), plugin(&manifest("good", ""), EMPTY_BATCH)).unwrap();
    assert_eq!(test.host.reload().replaced, ["good"]);
    assert_eq!(test.host.plugins()[0].reload_problem, None);
    assert_eq!(test.host.reload(), ReloadReport::default(), "nothing changed");
}

#[test]
fn a_revoked_grant_takes_effect_at_the_next_reload() {
    let test = TestHost::new(&[("reader", plugin(&manifest("reader", ASKS), READS_STAT), files(&["/proc/stat"]))]);
    assert_eq!(test.host.plugins()[0].state, PluginState::Ready);
    crate::revoke(&test.plugins_dir(), None, "reader", &["files".to_owned()]).unwrap();
    test.host.reload();
    assert!(matches!(test.host.plugins()[0].state, PluginState::Refused(_)));
}

#[tokio::test]
async fn files_come_and_go_and_the_operators_win_over_the_bundled() {
    let test = TestHost::new(&[]);
    assert!(test.host.plugins().is_empty());
    let bundled = test.folder.path().join("bundled");
    std::fs::create_dir(&bundled).unwrap();
    std::fs::write(bundled.join("a.wasm"), plugin(&manifest("a", ""), EMPTY_BATCH)).unwrap();
    crate::write_bundled_lock(&bundled).unwrap();
    assert_eq!(test.host.reload().added, ["a"]);
    assert!(test.host.plugins()[0].is_bundled);
    put(&test.plugins_dir(), &[("a", plugin(&manifest("a", ""), ONE_SAMPLE), Grants::default())]);
    assert_eq!(test.host.reload().replaced, ["a"]);
    let batch = test.host.collect("a", &target(""), std::time::Duration::from_secs(20)).await.unwrap();
    assert_eq!(batch.len(), 1);
    std::fs::remove_file(test.plugins_dir().join("a.wasm")).unwrap();
    std::fs::remove_file(bundled.join("a.wasm")).unwrap();
    assert_eq!(test.host.reload().removed, ["a"]);
}

#[test]
fn a_file_has_the_name_that_its_manifest_says() {
    let test = TestHost::new(&[("other", plugin(MANIFEST, EMPTY_BATCH), Grants::default())]);
    let status = &test.host.plugins()[0];
    let PluginState::Refused(problem) = &status.state else { panic!("{status:?}") };
    assert!(problem.ends_with("its manifest says it is \"test\"; rename the file to test.wasm"), "{problem}");
}

#[test]
fn a_broken_lock_file_changes_nothing() {
    let test = TestHost::new(&[("good", plugin(&manifest("good", ""), ONE_SAMPLE), Grants::default())]);
    std::fs::write(test.plugins_dir().join(OPERATOR_LOCK), "plugin = 1").unwrap();
    let report = test.host.reload();
    assert!(report.failed.len() == 1 && report.failed[0].1.contains("cannot read lock file"), "{report:?}");
    assert_eq!(test.host.plugins()[0].state, PluginState::Ready);
}
