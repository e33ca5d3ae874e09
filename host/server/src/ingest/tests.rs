//! Scrapes in, series out, over a real storage.

use std::sync::Arc;
use std::time::Duration;

use cepmon_model::{
    Exemplar, Family, LabelSet, Matcher, MetricKind, MetricMetadata, NameScheme, RelabelEntry, RelabelRule, SampleBatch, Span, TimestampMs,
    is_stale,
};
use cepmon_storage::{Deletion, SampleScan, Storage, StorageOptions};

use super::*;
use crate::config::JobLimits;

struct Fixture {
    _dir: tempfile::TempDir,
    storage: Storage,
    series: TargetSeries,
}

fn fixture(options: IngestOptions) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let (storage, _) = Storage::open(StorageOptions::new(dir.path())).unwrap();
    Fixture { _dir: dir, storage, series: TargetSeries::new(options, Arc::default()) }
}

fn options() -> IngestOptions {
    IngestOptions {
        labels: LabelSet::from_pairs([("job", "web"), ("instance", "a:1")]),
        honor_labels: false,
        honor_timestamps: true,
        ends_timed_series: false,
        rules: Arc::from([]),
        names: NameScheme::Utf8,
        limits: JobLimits::default(),
        extra_timeout: None,
    }
}

fn batch(samples: &[(&str, f64)]) -> SampleBatch {
    let mut batch = SampleBatch::default();
    for (text, value) in samples {
        batch.series.extend([batch.text.len() as u32, text.len() as u32]);
        batch.text.extend_from_slice(text.as_bytes());
        batch.values.push(*value);
    }
    batch.families.push(Family { samples: samples.len() as u32, ..Family::default() });
    batch
}

impl Fixture {
    fn scrape(&mut self, at: TimestampMs, batch: Option<&SampleBatch>) -> Result<Committed, IngestError> {
        self.series.commit(&self.storage, &Scraped { at, duration: Duration::from_millis(250), batch })
    }

    /// Every series with its samples; a stale mark prints as `stale`.
    fn stored(&self, metric: &str) -> Vec<String> {
        let scan = SampleScan { matchers: vec![Matcher::equal("__name__", metric)], start: i64::MIN, end: i64::MAX };
        let print = |value: &f64| if is_stale(*value) { "stale".to_owned() } else { value.to_string() };
        let line = |series: cepmon_storage::SeriesSamples| {
            let samples: Vec<_> =
                series.timestamps.iter().zip(&series.values).map(|(at, value)| format!("{at}={}", print(value))).collect();
            format!("{} {}", series.labels, samples.join(" "))
        };
        self.storage.snapshot().scan_samples(&scan).unwrap().map(|series| line(series.unwrap())).collect()
    }
}

#[test]
fn a_scrape_brings_its_samples_and_what_the_host_says_of_it() {
    let mut fixture = fixture(options());
    let committed = fixture.scrape(1_000, Some(&batch(&[("m{a=\"1\"}", 1.5), ("m{a=\"2\"}", 2.0)]))).unwrap();
    assert_eq!((committed.samples, committed.added_series), (2, 2));
    let committed = fixture.scrape(2_000, Some(&batch(&[("m{a=\"1\"}", 3.0), ("m{a=\"2\"}", 4.0)]))).unwrap();
    assert_eq!((committed.samples, committed.added_series), (2, 0));
    assert_eq!(
        fixture.stored("m"),
        [r#"m{a="1", instance="a:1", job="web"} 1000=1.5 2000=3"#, r#"m{a="2", instance="a:1", job="web"} 1000=2 2000=4"#]
    );
    assert_eq!(fixture.stored("up"), [r#"up{instance="a:1", job="web"} 1000=1 2000=1"#]);
    assert_eq!(fixture.stored("scrape_series_added"), [r#"scrape_series_added{instance="a:1", job="web"} 1000=2 2000=0"#]);
    assert_eq!(fixture.stored("scrape_duration_seconds"), [r#"scrape_duration_seconds{instance="a:1", job="web"} 1000=0.25 2000=0.25"#]);
}

#[test]
fn a_series_that_goes_away_ends_with_one_stale_mark() {
    let mut fixture = fixture(options());
    fixture.scrape(1, Some(&batch(&[("m{a=\"1\"}", 1.0), ("m{a=\"2\"}", 1.0)]))).unwrap();
    fixture.scrape(2, Some(&batch(&[("m{a=\"2\"}", 2.0)]))).unwrap();
    fixture.scrape(3, Some(&batch(&[("m{a=\"2\"}", 3.0)]))).unwrap();
    assert_eq!(
        fixture.stored("m"),
        [r#"m{a="1", instance="a:1", job="web"} 1=1 2=stale"#, r#"m{a="2", instance="a:1", job="web"} 1=1 2=2 3=3"#]
    );
}

#[test]
fn a_failed_scrape_ends_all_series_and_they_come_back() {
    let mut fixture = fixture(options());
    fixture.scrape(1, Some(&batch(&[("m", 1.0)]))).unwrap();
    fixture.scrape(2, None).unwrap();
    fixture.scrape(3, None).unwrap();
    let committed = fixture.scrape(4, Some(&batch(&[("m", 4.0)]))).unwrap();
    assert_eq!(committed.added_series, 1);
    assert_eq!(fixture.stored("m"), [r#"m{instance="a:1", job="web"} 1=1 2=stale 4=4"#]);
    assert_eq!(fixture.stored("up"), [r#"up{instance="a:1", job="web"} 1=1 2=0 3=0 4=1"#]);
}

#[test]
fn a_series_that_left_memory_comes_back_with_what_is_known_of_its_metric() {
    let mut fixture = fixture(options());
    let mut scrape = batch(&[("other", 1.0), ("m", 1.0)]);
    scrape.text.extend_from_slice(b"Things.");
    let help = Span { start: scrape.text.len() as u32 - 7, len: 7 };
    let family = |kind, help| Family { kind, help, samples: 1, ..Family::default() };
    scrape.families = vec![family(MetricKind::Gauge, Span::default()), family(MetricKind::Counter, help)];
    fixture.scrape(1, Some(&scrape)).unwrap();
    fixture.scrape(2, None).unwrap();
    assert!(fixture.storage.flush().unwrap().dropped_series >= 2);
    fixture.scrape(3, Some(&scrape)).unwrap();
    // The older block knows it too.
    let first = Deletion { selectors: vec![vec![]], start: 1, end: 2 };
    fixture.storage.delete_series(&first, "test", 3).unwrap();
    let series = fixture.storage.snapshot().series(&[Matcher::equal("__name__", "m")]).unwrap();
    assert_eq!(series[0].metadata, MetricMetadata { kind: MetricKind::Counter, unit: String::new(), help: "Things.".into() });
    assert_eq!(fixture.stored("m"), [r#"m{instance="a:1", job="web"} 3=1"#]);
}

#[test]
fn a_text_that_cannot_be_read_fails_the_scrape_and_stores_nothing_of_it() {
    let mut fixture = fixture(options());
    fixture.scrape(1, Some(&batch(&[("m", 1.0)]))).unwrap();
    let error = fixture.scrape(2, Some(&batch(&[("m", 2.0), ("n{", 2.0)]))).unwrap_err();
    assert!(matches!(&error, IngestError::SeriesText { series, .. } if series == "n{"), "{error}");
    fixture.scrape(2, None).unwrap();
    assert_eq!(fixture.stored("m"), [r#"m{instance="a:1", job="web"} 1=1 2=stale"#]);
    assert_eq!(fixture.stored("up"), [r#"up{instance="a:1", job="web"} 1=1 2=0"#]);
}

#[test]
fn more_samples_than_the_limit_fail_the_scrape() {
    let limits = JobLimits { samples: 1, ..JobLimits::default() };
    let mut strict = fixture(IngestOptions { limits, ..options() });
    let error = strict.scrape(1, Some(&batch(&[("m", 1.0), ("n", 1.0)]))).unwrap_err();
    assert_eq!(error.to_string(), "the target gave more than 1 samples after relabelling; sample_limit is 1");
    let rules = rules(&[RelabelEntry { regex: Some("m".into()), action: Some("drop".into()), ..from_name() }]);
    let mut relabelling = fixture(IngestOptions { limits, rules, ..options() });
    assert_eq!(relabelling.scrape(1, Some(&batch(&[("m", 1.0), ("n", 1.0)]))).unwrap().kept_samples, 1);
}

fn from_name() -> RelabelEntry {
    RelabelEntry { source_labels: Some(vec!["__name__".into()]), ..RelabelEntry::default() }
}

fn rules(entries: &[RelabelEntry]) -> Arc<[RelabelRule]> {
    entries.iter().map(|entry| entry.check(NameScheme::Utf8).unwrap()).collect()
}

#[test]
fn rules_drop_and_rename_series_once_and_count_what_is_left() {
    let drop = RelabelEntry { regex: Some("unnecessary_metric_.*".into()), action: Some("drop".into()), ..from_name() };
    let rename = RelabelEntry {
        regex: Some("old_(.*)".into()),
        target_label: Some("__name__".into()),
        replacement: Some("new_$1".into()),
        ..from_name()
    };
    let mut fixture = fixture(IngestOptions { rules: rules(&[drop, rename]), ..options() });
    let page = [("unnecessary_metric_a", 1.0), ("old_total", 2.0), ("kept", 3.0)];
    for at in 1..=3 {
        let committed = fixture.scrape(at, Some(&batch(&page))).unwrap();
        let added = if at == 1 { 2 } else { 0 };
        assert_eq!((committed.samples, committed.kept_samples, committed.dropped_samples, committed.added_series), (3, 2, 0, added));
    }
    fixture.scrape(4, None).unwrap();
    assert_eq!(fixture.stored("unnecessary_metric_a"), [""; 0]);
    assert_eq!(fixture.stored("new_total"), [r#"new_total{instance="a:1", job="web"} 1=2 2=2 3=2 4=stale"#]);
    let left = r#"scrape_samples_post_metric_relabeling{instance="a:1", job="web"} 1=2 2=2 3=2 4=0"#;
    assert_eq!(fixture.stored("scrape_samples_post_metric_relabeling"), [left]);
}

#[test]
fn a_dropped_series_takes_no_place_of_the_budget() {
    let drop = RelabelEntry { regex: Some("away.*".into()), action: Some("drop".into()), ..from_name() };
    let mut fixture = fixture(options());
    let budget = Arc::<SeriesBudget>::default();
    fixture.series = TargetSeries::new(IngestOptions { rules: rules(&[drop]), ..options() }, Arc::clone(&budget));
    for at in 1..=2 {
        fixture.scrape(at, Some(&batch(&[("away_1", 1.0), ("away_2", 1.0), ("m", 1.0)]))).unwrap();
        assert_eq!(budget.living(), 1);
    }
}

#[test]
fn labels_beyond_the_limits_fail_the_scrape() {
    let f = |limits: JobLimits, want: &str| {
        let mut fixture = fixture(IngestOptions { limits, ..options() });
        let error = fixture.scrape(1, Some(&batch(&[("m{path=\"/long\"}", 1.0)]))).unwrap_err();
        assert_eq!(error.to_string(), format!("series \"m{{path=\"/long\"}}\": {want}"));
        assert_eq!(fixture.stored("m"), [""; 0]);
    };
    f(JobLimits { labels: 3, ..JobLimits::default() }, "it has 4 labels; label_limit is 3");
    f(JobLimits { label_name_bytes: 7, ..JobLimits::default() }, "a label's name has 8 bytes; label_name_length_limit is 7");
    f(JobLimits { label_value_bytes: 4, ..JobLimits::default() }, "the value of \"path\" has 5 bytes; label_value_length_limit is 4");
}

#[test]
fn names_of_the_legacy_scheme_are_checked_when_the_job_says_so() {
    let page = batch(&[("{\"a.b\"}", 1.0)]);
    assert!(fixture(options()).scrape(1, Some(&page)).is_ok());
    let error = fixture(IngestOptions { names: NameScheme::Legacy, ..options() }).scrape(1, Some(&page)).unwrap_err();
    assert!(matches!(error, IngestError::Labels { .. }), "{error}");
}

#[test]
fn extra_metrics_come_when_they_are_asked_for() {
    let extra_timeout = Some(Duration::from_secs(10));
    let mut fixture = fixture(IngestOptions { extra_timeout, limits: JobLimits { samples: 9, ..JobLimits::default() }, ..options() });
    fixture.scrape(1, Some(&batch(&[("m", 1.0)]))).unwrap();
    let stored = |metric: &str| fixture.stored(metric)[0].rsplit(' ').next().unwrap().to_owned();
    assert_eq!((stored("scrape_timeout_seconds"), stored("scrape_sample_limit")), ("1=10".to_owned(), "1=9".to_owned()));
    assert_eq!(stored("scrape_body_size_bytes"), "1=1");
}

#[test]
fn a_guest_cannot_forge_up_and_a_label_named_value_is_a_label() {
    let mut fixture = fixture(options());
    fixture.scrape(1, Some(&batch(&[("up", 7.0), ("m{value=\"x\",job=\"mine\"}", 1.0)]))).unwrap();
    assert_eq!(fixture.stored("up"), [r#"up{instance="a:1", job="web"} 1=1"#]);
    assert_eq!(fixture.stored("exported_up"), [r#"exported_up{instance="a:1", job="web"} 1=7"#]);
    assert_eq!(fixture.stored("m"), [r#"m{exported_job="mine", instance="a:1", job="web", value="x"} 1=1"#]);
}

#[test]
fn own_times_are_kept_when_honoured_and_end_without_a_mark() {
    let mut fixture = fixture(options());
    let mut timed = batch(&[("m", 1.0), ("n", 1.0)]);
    timed.timestamps = vec![500, i64::MIN];
    fixture.scrape(1_000, Some(&timed)).unwrap();
    fixture.scrape(2_000, Some(&batch(&[]))).unwrap();
    assert_eq!(fixture.stored("m"), [r#"m{instance="a:1", job="web"} 500=1"#]);
    assert_eq!(fixture.stored("n"), [r#"n{instance="a:1", job="web"} 1000=1 2000=stale"#]);
}

#[test]
fn a_removed_target_ends_everything_it_had() {
    let mut fixture = fixture(options());
    fixture.scrape(1, Some(&batch(&[("m", 1.0)]))).unwrap();
    fixture.series.end(&fixture.storage, 2).unwrap();
    assert_eq!(fixture.stored("m"), [r#"m{instance="a:1", job="web"} 1=1 2=stale"#]);
    assert_eq!(fixture.stored("up"), [r#"up{instance="a:1", job="web"} 1=1 2=stale"#]);
}

#[test]
fn a_plugin_over_its_budget_keeps_its_series_and_gets_no_new_ones() {
    let mut fixture = fixture(options());
    let budget = Arc::new(SeriesBudget::default());
    budget.set_limit(Some(2));
    fixture.series = TargetSeries::new(options(), Arc::clone(&budget));
    let first = fixture.scrape(1_000, Some(&batch(&[("a", 1.0), ("b", 1.0)]))).unwrap();
    assert_eq!((first.dropped_samples, budget.living()), (0, 2));
    let more = batch(&[("c", 1.0), ("a", 2.0), ("b", 2.0), ("d", 1.0)]);
    let second = fixture.scrape(2_000, Some(&more)).unwrap();
    assert_eq!((second.samples, second.dropped_samples, budget.dropped_samples()), (4, 2, 2));
    assert!(fixture.stored("c").is_empty() && fixture.stored("d").is_empty());
    assert_eq!(fixture.stored("a"), ["a{instance=\"a:1\", job=\"web\"} 1000=1 2000=2"]);
    let kept = fixture.stored("scrape_samples_post_metric_relabeling");
    assert!(kept[0].ends_with("1000=2 2000=2"), "{kept:?}");

    // Another target of the same plugin finds no place, until a series of the first one ends.
    let mut other = TargetSeries::new(options(), Arc::clone(&budget));
    let scraped = |at, batch| Scraped { at, duration: Duration::from_millis(1), batch };
    let one = batch(&[("e", 1.0)]);
    assert_eq!(other.commit(&fixture.storage, &scraped(2_500, Some(&one))).unwrap().dropped_samples, 1);
    fixture.scrape(3_000, Some(&batch(&[("a", 3.0)]))).unwrap();
    assert_eq!(other.commit(&fixture.storage, &scraped(3_500, Some(&one))).unwrap().dropped_samples, 0);
    assert_eq!(budget.living(), 2);
    // A scrape that fails ends its series; a target that is gone holds no place.
    fixture.scrape(4_000, None).unwrap();
    assert_eq!(budget.living(), 1);
    drop(other);
    assert_eq!(budget.living(), 0);
}

#[test]
fn times_that_cannot_be_are_counted_and_not_stored() {
    let mut fixture = fixture(options());
    let mut timed = batch(&[("m", 1.0), ("n", 1.0), ("o", 1.0), ("p", 1.0)]);
    timed.timestamps = vec![i64::MAX, i64::MIN + 1, -1, 601_000];
    let outcome = fixture.scrape(1_000, Some(&timed)).unwrap().outcome;
    assert_eq!(outcome.too_old, 3);
    assert_eq!(fixture.stored("m").len() + fixture.stored("n").len() + fixture.stored("o").len(), 0);
    assert_eq!(fixture.stored("p"), [r#"p{instance="a:1", job="web"} 601000=1"#]);
    fixture.scrape(2_000, Some(&batch(&[("m", 2.0)]))).unwrap();
    assert_eq!(fixture.stored("m"), [r#"m{instance="a:1", job="web"} 2000=2"#], "a later scrape is as good as any");
}

#[test]
fn the_same_series_twice_counts_once_and_bytes_that_are_no_text_fail_the_scrape() {
    let mut fixture = fixture(options());
    let outcome = fixture.scrape(1, Some(&batch(&[("m", 1.0), ("m", 1.0), ("m", 2.0)]))).unwrap().outcome;
    assert_eq!((outcome.duplicates, outcome.conflicts), (1, 1));
    assert_eq!(fixture.stored("m"), [r#"m{instance="a:1", job="web"} 1=1"#]);
    let mut bytes = batch(&[("m{a=\"x\"}", 1.0)]);
    bytes.text[5] = 0xff;
    let error = fixture.scrape(2, Some(&bytes)).unwrap_err();
    assert!(error.to_string().ends_with("cannot read the series text at byte 5: not UTF-8"), "{error}");
}

#[test]
fn series_with_times_of_their_own_end_with_a_mark_when_the_job_tracks_them() {
    for (ends_timed_series, want) in [(false, "5=1"), (true, "5=1 20=stale")] {
        let mut fixture = fixture(IngestOptions { ends_timed_series, ..options() });
        let timed = SampleBatch { timestamps: vec![5], ..batch(&[("m", 1.0)]) };
        fixture.scrape(10, Some(&timed)).unwrap();
        fixture.scrape(20, Some(&batch(&[("n", 1.0)]))).unwrap();
        assert_eq!(fixture.stored("m"), [format!(r#"m{{instance="a:1", job="web"}} {want}"#)]);
    }
}

#[test]
fn an_exemplar_is_stored_when_it_is_new_and_short() {
    let mut fixture = fixture(options());
    let page = |trace: &str, timestamp: Option<i64>| {
        let mut batch = batch(&[("m{a=\"1\"}", 1.5), ("m{a=\"2\"}", 2.0)]);
        let labels = format!("{{trace_id=\"{trace}\"}}");
        let span = Span { start: batch.text.len() as u32, len: labels.len() as u32 };
        batch.text.extend_from_slice(labels.as_bytes());
        batch.exemplars = vec![Exemplar { sample: 1, labels: span, value: 0.5, timestamp }];
        batch
    };
    let mut scrape = |at, batch: SampleBatch| {
        let counts = fixture.scrape(at, Some(&batch)).unwrap().exemplars;
        let found = fixture.storage.snapshot().exemplars(&[Vec::new()], 0, i64::MAX, 100).unwrap();
        let lines = found.iter().map(|exemplar| format!("{} {} {}", exemplar.series, exemplar.timestamp, exemplar.labels));
        ((counts.stored, counts.refused), lines.collect::<Vec<_>>())
    };
    let first = r#"m{a="2", instance="a:1", job="web"} 1000 {trace_id="x"}"#.to_owned();
    assert_eq!(scrape(1_000, page("x", None)), ((1, 0), vec![first.clone()]));
    // Still there: the time of the scrape alone makes nothing new.
    assert_eq!(scrape(2_000, page("x", None)), ((0, 0), vec![first.clone()]));
    let second = r#"m{a="2", instance="a:1", job="web"} 2500 {trace_id="y"}"#.to_owned();
    let both = vec![first, second];
    assert_eq!(scrape(3_000, page("y", Some(2_500))), ((1, 0), both.clone()));
    assert_eq!(scrape(4_000, page(&"z".repeat(121), None)), ((0, 1), both.clone()));
    assert_eq!(scrape(5_000, page("far", Some(4_000_000))), ((0, 1), both));
}
