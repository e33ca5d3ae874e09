//! A plugin by itself: run, recorded, replayed.

use super::*;
use crate::package::inspect_bytes;
use crate::testing::{self, READS_PASSWD, READS_STAT, TRAP, Wat};

const READS_FILES: &str = "name = \"test\"\nversion = \"0.1.0\"\nkind = \"exporter\"\ndescription = \"for tests\"\nlicense = \"Apache-2.0\"\n\
                           [capabilities.files]\npaths = [\"/proc/stat\", \"/etc/passwd\"]\nreason = \"tests\"\n";

fn trial(body: Wat<'_>, cache: &Path, counts_fuel: bool) -> Trial {
    let bytes = testing::plugin(READS_FILES, body);
    let package = inspect_bytes(Path::new("test.wasm"), bytes.into()).unwrap();
    let grants = Grants::asked(&package.manifest.capabilities);
    let options = TrialOptions {
        grants,
        secrets: Secrets::default(),
        cache_dir: cache,
        host_name: "test-host".to_owned(),
        counts_fuel,
        reuses_guests: false,
    };
    Trial::open(&package, options).unwrap()
}

fn input() -> Input {
    Input::Target { address: String::new(), parameters: Vec::new(), settings: serde_json::json!({}), timeout_ns: 20_000_000_000 }
}

#[tokio::test]
async fn what_was_recorded_replays_with_the_same_output_and_the_same_fuel() {
    let folder = tempfile::tempdir().unwrap();
    let tried = trial(READS_STAT, folder.path(), false).run(&input()).await.unwrap();
    assert!(tried.error.is_none(), "{}", tried.output);
    assert_eq!(tried.recording.calls[0].call, "files.read");
    assert_eq!(tried.fuel, None);

    // Not in the cache's folder: wasmtime clears away what it does not know there.
    let fixtures = tempfile::tempdir().unwrap();
    let path = fixtures.path().join("fixture.json");
    tried.recording.write(&path).unwrap();
    let recording = Recording::read(&path).unwrap();
    assert_eq!(recording, tried.recording);
    let metered = trial(READS_STAT, folder.path(), true);
    let first = metered.replay(&recording).await.unwrap();
    let second = metered.replay(&recording).await.unwrap();
    assert_eq!((first.divergence, &first.output), (None, &tried.output));
    assert!(first.fuel.is_some_and(|fuel| fuel > 0));
    assert_eq!(first.fuel, second.fuel, "fuel is exact");
}

#[tokio::test]
async fn another_plugin_leaves_the_recording_and_is_told_where() {
    let folder = tempfile::tempdir().unwrap();
    let recording = trial(READS_STAT, folder.path(), false).run(&input()).await.unwrap().recording;
    let other = trial(READS_PASSWD, folder.path(), false).replay(&recording).await.unwrap();
    let divergence = other.divergence.unwrap();
    assert!(
        divergence.contains("the plugin asks files.read(\"/etc/passwd\"), the recording has files.read(\"/proc/stat\")"),
        "{divergence}"
    );
}

#[tokio::test]
async fn a_failure_is_an_output_too() {
    let folder = tempfile::tempdir().unwrap();
    let tried = trial(TRAP, folder.path(), false).run(&input()).await.unwrap();
    assert!(tried.output.starts_with("# FAILED trap: the plugin crashed"), "{}", tried.output);
    assert_eq!(tried.recording.failure_kind(), Some(cepmon_model::FailureKind::Trap));
    let again = trial(TRAP, folder.path(), true).replay(&tried.recording).await.unwrap();
    assert_eq!((again.output, again.divergence), (tried.recording.output_text(), None));
}

#[tokio::test]
async fn an_input_for_another_kind_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = Input::Lines { lines: Vec::new(), times_ns: Vec::new(), labels: Vec::new(), settings: serde_json::json!({}) };
    let error = trial(READS_STAT, folder.path(), false).run(&input).await.unwrap_err().to_string();
    assert!(error.contains("it has kind exporter, the input is for another kind"), "{error}");
}
