//! Hostile guests: each gives its own kind of failure, and leaves the host and its neighbours untouched.

use std::time::Duration;

use super::*;
use crate::testing::*;
use crate::{Grants, Limits, PluginHost};

const LONG: Duration = Duration::from_secs(20);

async fn collect(host: &PluginHost, plugin: &str) -> Result<cepmon_model::SampleBatch, CallError> {
    host.collect(plugin, &target("localhost:1"), LONG).await
}

fn ordinary(name: &str, wat: Wat<'_>) -> (String, Vec<u8>) {
    (name.to_owned(), plugin(&manifest(name, ""), wat))
}

fn host_of(plugins: &[(&str, Wat<'_>)]) -> TestHost {
    let built: Vec<(String, Vec<u8>)> = plugins.iter().map(|(name, wat)| ordinary(name, *wat)).collect();
    let plugins: Vec<_> = built.iter().map(|(name, bytes)| (name.as_str(), bytes.clone(), Grants::default())).collect();
    TestHost::new(&plugins)
}

#[tokio::test]
async fn a_good_guest_gives_its_samples() {
    let test = host_of(&[("good", ONE_SAMPLE)]);
    let batch = collect(&test.host, "good").await.unwrap();
    assert_eq!((batch.series_text(0), batch.values[0]), (&b"test_up{a=\"1\"}"[..], 7.0));
    let status = &test.host.plugins()[0];
    assert_eq!((status.stats.calls, status.stats.guests_started), (1, 1));
    assert!(status.stats.peak_memory_bytes == 128 << 10 && status.stats.cpu > Duration::ZERO, "{:?}", status.stats);
    assert_eq!(test.host.guest_memory_bytes(), 0, "a fresh guest per call is gone after it");
}

#[tokio::test]
async fn each_hostile_guest_has_its_kind_and_the_neighbour_goes_on() {
    let test = host_of(&[
        ("endless", ENDLESS),
        ("trap", TRAP),
        ("bomb", BOMB),
        ("lying", LYING_SPAN),
        ("outside", OUT_OF_BOUNDS),
        ("huge", HUGE_TEXT),
        ("failing", OWN_ERROR),
        ("good", ONE_SAMPLE),
    ]);
    for (plugin, kind, message) in [
        ("endless", FailureKind::Cpu, "the CPU budget of 0.2 s is spent"),
        ("trap", FailureKind::Trap, "the plugin crashed: wasm trap: wasm `unreachable` instruction executed"),
        ("bomb", FailureKind::Memory, "the plugin asked for more memory than its limit of 64 MiB"),
        ("lying", FailureKind::Output, "the plugin's answer is invalid: the series text of sample 0 lies outside the text or is empty"),
        ("outside", FailureKind::Output, "list pointer/length out of bounds of memory"),
        ("huge", FailureKind::Output, "too much data is being copied"),
        ("failing", FailureKind::Guest, "test_up"),
        ("nobody", FailureKind::Load, "cannot find plugin \"nobody\""),
    ] {
        let error = collect(&test.host, plugin).await.unwrap_err();
        assert_eq!(error.kind, kind, "{plugin}: {error}");
        assert!(error.message.contains(message), "{plugin}: {error}");
        assert!(collect(&test.host, "good").await.is_ok(), "after {plugin}");
    }
    assert_eq!(test.host.guest_memory_bytes(), 0, "memory is back");
    let bomb = test.host.plugins().into_iter().find(|plugin| plugin.name == "bomb").unwrap();
    assert_eq!(bomb.stats.failures[3], 1);
    assert_eq!(bomb.stats.last_failure.unwrap().error.kind, FailureKind::Memory);
}

#[tokio::test]
async fn an_endless_guest_ends_at_the_deadline_and_lets_others_run_meanwhile() {
    let endless = ordinary("endless", ENDLESS);
    let good = ordinary("good", ONE_SAMPLE);
    let plugins = [("endless", endless.1, Grants::default()), ("good", good.1, Grants::default())];
    let test = TestHost::with_limits(&plugins, Limits { cpu: Duration::from_secs(60), ..Limits::default() });
    let address = target("localhost:1");
    let stuck = test.host.collect("endless", &address, Duration::from_millis(300));
    let neighbour = async {
        let mut calls = 0;
        for _ in 0..20 {
            calls += usize::from(collect(&test.host, "good").await.is_ok());
        }
        calls
    };
    // One thread: the neighbour gets its turns only because the endless guest yields at each tick.
    let (stuck, calls) = tokio::join!(stuck, neighbour);
    assert_eq!(stuck.unwrap_err().kind, FailureKind::Deadline);
    assert_eq!(calls, 20);
    assert_eq!(test.host.guest_memory_bytes(), 0);
}

#[tokio::test]
async fn a_guests_last_words_explain_its_trap() {
    let test = host_of(&[("words", LAST_WORDS)]);
    let error = collect(&test.host, "words").await.unwrap_err();
    assert!(error.kind == FailureKind::Trap && error.message.ends_with("; it said: test_up"), "{error}");
    assert_eq!(test.host.plugins()[0].stats.log_lines, 1);
}

#[tokio::test]
async fn a_file_outside_the_grant_is_denied_and_counted() {
    let asks = |name: &str| manifest(name, "[capabilities.files]\npaths = [\"/proc/stat\"]\nreason = \"counts\"\n");
    let test = TestHost::new(&[
        ("honest", plugin(&asks("honest"), READS_STAT), files(&["/proc/stat"])),
        ("nosy", plugin(&asks("nosy"), READS_PASSWD), files(&["/proc/stat"])),
    ]);
    assert!(collect(&test.host, "honest").await.unwrap().text.starts_with(b"cpu "));
    let error = collect(&test.host, "nosy").await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Denied);
    let want = "plugin \"nosy\" may not use files for path \"/etc/passwd\"; run: cepmon plugin grant nosy files:/etc/passwd";
    assert!(error.message.contains(want), "{error}");
    let nosy = test.host.plugins().into_iter().find(|plugin| plugin.name == "nosy").unwrap();
    assert_eq!(nosy.stats.denials, 1);
}

#[tokio::test]
async fn a_reused_guest_keeps_its_state_and_a_fresh_one_has_none() {
    let reused = plugin(&manifest("reused", "reuse = true\n"), COUNTS_CALLS);
    let test = TestHost::new(&[("reused", reused, Grants::default()), ("fresh", ordinary("fresh", COUNTS_CALLS).1, Grants::default())]);
    for call in 1..=3 {
        assert_eq!(collect(&test.host, "reused").await.unwrap().text.len(), call);
        assert_eq!(collect(&test.host, "fresh").await.unwrap().text.len(), 1);
    }
    let mut longest = 0;
    for _ in 0..200 {
        longest = longest.max(collect(&test.host, "reused").await.unwrap().text.len());
    }
    assert!((96..160).contains(&longest), "a guest is dropped after a bounded number of calls, not after {longest}");
}

#[tokio::test]
async fn a_plugin_that_fails_by_its_own_fault_backs_off() {
    let test = host_of(&[("trap", TRAP), ("failing", OWN_ERROR)]);
    for _ in 0..5 {
        assert!(!collect(&test.host, "trap").await.unwrap_err().message.contains("not asked again"));
    }
    let error = collect(&test.host, "trap").await.unwrap_err();
    assert!(error.kind == FailureKind::Trap && error.message.starts_with("not asked again for 1 s after 5 failures in a row: "), "{error}");
    let other = test.host.collect("trap", &target("localhost:2"), LONG).await.unwrap_err();
    assert!(!other.message.contains("not asked again"), "another target is asked: {other}");
    for _ in 0..7 {
        assert!(!collect(&test.host, "failing").await.unwrap_err().message.contains("not asked again"));
    }
}

#[tokio::test]
async fn probes_and_log_parsers_answer_too() {
    let probe = plugin(&manifest("probe", "").replace("exporter", "probe"), EMPTY_BATCH);
    let parser = plugin(&manifest("parser", "").replace("exporter", "log-parser"), EMPTY_BATCH);
    let test = TestHost::new(&[("probe", probe, Grants::default()), ("parser", parser, Grants::default())]);
    let verdict = test.host.probe("probe", &target("localhost:1"), LONG).await.unwrap();
    assert!(!verdict.is_up && verdict.samples.is_empty());
    let lines = crate::LineBatch { bytes: b"one\ntwo".to_vec(), offsets: vec![0, 3, 4, 7], times_ns: vec![1, 2] };
    let stream = crate::LogStreamSpec { labels: vec![("job".to_owned(), "nginx".to_owned())], settings: "{}".into() };
    assert!(test.host.parse("parser", &lines, &stream).await.unwrap().rows.is_empty());
    let error = test.host.collect("probe", &target("localhost:1"), LONG).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (FailureKind::Load, "plugin \"probe\" has kind probe, here it would have to be exporter")
    );
}

#[tokio::test]
async fn halving_a_poisoned_batch_of_lines_does_not_back_off_before_the_line_is_found() {
    let parser = plugin(&manifest("parser", "").replace("exporter", "log-parser"), TRAP);
    let test = TestHost::new(&[("parser", parser, Grants::default())]);
    let stream = crate::LogStreamSpec { labels: Vec::new(), settings: "{}".into() };
    let two = crate::LineBatch { bytes: b"ab".to_vec(), offsets: vec![0, 1, 1, 2], times_ns: vec![1, 2] };
    let one = crate::LineBatch { bytes: b"a".to_vec(), offsets: vec![0, 1], times_ns: vec![1] };
    for _ in 0..8 {
        assert!(!test.host.parse("parser", &two, &stream).await.unwrap_err().message.contains("not asked again"));
    }
    for _ in 0..5 {
        test.host.parse("parser", &one, &stream).await.unwrap_err();
    }
    assert!(test.host.parse("parser", &one, &stream).await.unwrap_err().message.contains("not asked again"));
}
