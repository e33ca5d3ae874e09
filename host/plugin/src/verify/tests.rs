//! Answers of guests that lie.

use super::*;
use cepmon_model::{Exemplar, Family, Severity, is_stale};

use crate::limits::Limits;
use crate::manifest::Manifest;

fn limits() -> CallLimits {
    let manifest = "name='a'\nversion='1.0.0'\nkind='exporter'\ndescription='d'\nlicense='x'";
    Limits { samples: 4, series_bytes: 20, ..Limits::default() }
        .of(&Manifest::parse(manifest.as_bytes(), "t").unwrap(), &crate::LimitOverrides::default())
}

fn good() -> SampleBatch {
    SampleBatch {
        text: b"a{x=\"1\"}a{x=\"2\"}".to_vec(),
        families: vec![Family { name: Span { start: 0, len: 1 }, samples: 2, ..Family::default() }],
        series: vec![0, 8, 8, 8],
        values: vec![1.0, 2.0],
        ..SampleBatch::default()
    }
}

#[test]
fn a_good_batch_passes_and_stale_marks_become_canonical() {
    let mut batch = good();
    batch.values = vec![stale_nan(), 2.0];
    batch.stale = vec![1];
    samples(&mut batch, &limits()).unwrap();
    assert!(batch.values[0].is_nan() && !is_stale(batch.values[0]), "a guest cannot make a stale mark by its bits");
    assert!(is_stale(batch.values[1]));
}

#[test]
fn a_lying_batch_is_refused_with_what_is_wrong() {
    let check = |change: fn(&mut SampleBatch), want: &str| {
        let mut batch = good();
        change(&mut batch);
        let problem = samples(&mut batch, &limits()).unwrap_err();
        assert!(problem.contains(want), "{problem}");
    };
    check(|batch| batch.values = vec![0.0; 5], "5 samples, the limit is 4");
    check(|batch| batch.series = vec![0, 8], "2 numbers of series spans");
    check(|batch| batch.series[3] = u32::MAX, "sample 1 lies outside");
    check(|batch| batch.series = vec![u32::MAX, u32::MAX, 0, 1], "sample 0 lies outside");
    check(|batch| batch.series = vec![0, 16, 0, 16], "32 bytes of series texts, the limit is 20");
    check(|batch| batch.series[1] = 0, "is empty");
    check(|batch| batch.timestamps = vec![1], "1 timestamps for 2 samples");
    check(|batch| batch.stale = vec![2], "stale mark with index 2 of 2");
    check(|batch| batch.stale = vec![1, 1], "ascending");
    check(|batch| batch.families[0].samples = 3, "the families hold 3 samples, the batch 2");
    check(|batch| batch.families[0].help = Span { start: 17, len: 1 }, "help of a family lies outside");
    check(
        |batch| batch.exemplars = vec![Exemplar { sample: 9, labels: Span::default(), value: 0.0, timestamp: None }],
        "exemplar with index 9",
    );
}

#[test]
fn warnings_are_clipped_at_a_character() {
    let mut batch = good();
    batch.warnings = vec!["ä".repeat(1000); 20];
    samples(&mut batch, &limits()).unwrap();
    assert_eq!(batch.warnings.len(), 17);
    assert_eq!(batch.warnings[0].len(), 1024);
    assert_eq!(batch.warnings[16], "4 more warnings");
    let mut batch = SampleBatch { warnings: vec!["a\nb".to_owned()], ..good() };
    samples(&mut batch, &limits()).unwrap();
    assert_eq!(batch.warnings, ["a\\nb"], "no guest forges a line of the log");
}

#[test]
fn log_fields_lie_in_their_buffers_and_are_text() {
    let lines = "GET ä".as_bytes();
    let good = LogBatch {
        keys: vec!["method".to_owned()],
        rows: vec![0],
        severities: vec![Severity(9)],
        fields: vec![LogField::Input { start: 0, len: 3 }],
        ..LogBatch::default()
    };
    rows(&good, 2, lines, 1, &limits()).unwrap();
    let check = |change: fn(&mut LogBatch), lines: &[u8], want: &str| {
        let mut batch = good.clone();
        change(&mut batch);
        let problem = rows(&batch, 2, lines, 1, &limits()).unwrap_err();
        assert!(problem.contains(want), "{problem}");
    };
    check(|batch| batch.fields[0] = LogField::Input { start: 5, len: 2 }, lines, "outside the lines");
    check(|batch| batch.fields[0] = LogField::Extra { start: 0, len: 1 }, lines, "outside the lines");
    check(|batch| batch.fields[0] = LogField::Input { start: 4, len: 1 }, lines, "not UTF-8");
    check(|batch| batch.fields[0] = LogField::Input { start: 0, len: 1 }, b"\xff", "not UTF-8");
    check(|batch| batch.rows[0] = 1, lines, "row with index 1 of 1");
    check(|batch| batch.severities[0] = Severity(25), lines, "severity above 24");
    check(|batch| batch.keys[0].clear(), lines, "a field name of 0 bytes");
    check(|batch| batch.times_ns = vec![1, 2], lines, "2 times for 1 rows");
    check(|batch| batch.keys.push("x".to_owned()), lines, "2 numbers of field spans for 1 rows of 2 fields");
}
