//! Exemplars through memory, log and blocks, and out again with their series.

use super::*;
use crate::{Deletion, SeriesExemplar};

fn exemplar(timestamp: i64, series: &str, trace: &str) -> SeriesExemplar {
    let series = Arc::new(LabelSet::from_pairs([("__name__", "m"), ("n", series)]));
    SeriesExemplar { timestamp, series, value: 0.25, labels: Arc::new(LabelSet::from_pairs([("trace_id", trace)])) }
}

fn found(storage: &Storage, matcher: Matcher, (start, end): (i64, i64)) -> Vec<String> {
    let exemplars = storage.snapshot().exemplars(&[vec![matcher]], start, end, 100).unwrap();
    exemplars.iter().map(|exemplar| format!("{} {} {}", exemplar.series, exemplar.timestamp, exemplar.labels)).collect()
}

#[test]
fn exemplars_are_found_by_series_and_time_wherever_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    storage.append_exemplars(&[exemplar(20, "1", "b"), exemplar(10, "1", "a"), exemplar(10, "2", "c")]).unwrap();
    let want = [r#"m{n="1"} 10 {trace_id="a"}"#, r#"m{n="1"} 20 {trace_id="b"}"#];
    let first = || Matcher::equal("n", "1");
    assert_eq!(found(&storage, first(), (0, 100)), want);
    storage.flush().unwrap();
    // A sender that repeats itself.
    storage.append_exemplars(&[exemplar(20, "1", "b")]).unwrap();
    assert_eq!(found(&storage, first(), (0, 100)), want);
    assert_eq!(found(&storage, first(), (11, 20)), want[1..]);
    assert_eq!(found(&storage, Matcher::equal("__name__", "other"), (0, 100)), [""; 0]);
    let problem = storage.snapshot().exemplars(&[vec![first()]], 0, 100, 2).unwrap_err().to_string();
    assert_eq!(problem, "cannot use \"exemplars\": more than 2 exemplars; ask for a shorter time or fewer series");
}

#[test]
fn exemplars_go_with_their_series() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    storage.append_exemplars(&[exemplar(10, "1", "a"), exemplar(20, "1", "b"), exemplar(20, "2", "c")]).unwrap();
    storage.flush().unwrap();
    storage.append_exemplars(&[exemplar(30, "1", "d")]).unwrap();
    let deletion = Deletion { selectors: vec![vec![Matcher::equal("n", "1")]], start: 15, end: i64::MAX };
    let report = storage.delete_series(&deletion, "127.0.0.1", 7).unwrap();
    assert_eq!((report.rows, report.blocks), (0, 2));
    let all = Matcher::equal("__name__", "m");
    assert_eq!(found(&storage, all, (0, 100)), [r#"m{n="1"} 10 {trace_id="a"}"#, r#"m{n="2"} 20 {trace_id="c"}"#]);
}
