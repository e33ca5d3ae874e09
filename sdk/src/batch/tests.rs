//! What the writers make, read back as text.

use super::*;
use crate::testing::exposition;

#[test]
fn families_and_samples_come_out_as_exposition_text() {
    let mut batch = Batch::new();
    let mut cpu = batch.family("node_cpu_seconds_total", Kind::Counter, "Seconds the CPUs spent in each mode.");
    cpu.sample(&[("cpu", "0"), ("mode", "idle")], 1.5).sample(&[("cpu", "0"), ("mode", "user")], 2.0);
    batch.gauge("node_load1", "1m load average.", 0.25);
    assert_eq!(
        exposition(&batch.into_columns()),
        "# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.\n# TYPE node_cpu_seconds_total counter\n\
         node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 1.5\nnode_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 2\n\
         # HELP node_load1 1m load average.\n# TYPE node_load1 gauge\nnode_load1 0.25\n"
    );
}

#[test]
fn label_values_are_escaped() {
    let mut batch = Batch::new();
    batch.family("m", Kind::Gauge, "").sample(&[("path", "C:\\ \"x\"\ny")], 1.0);
    assert!(exposition(&batch.into_columns()).ends_with("m{path=\"C:\\\\ \\\"x\\\"\\ny\"} 1\n"));
}

#[test]
fn bad_names_are_left_out_with_a_warning() {
    let mut batch = Batch::new();
    batch.family("9lives", Kind::Gauge, "").sample(&[], 1.0);
    batch.family("ok", Kind::Gauge, "").sample(&[("a-b", "")], 1.0).sample(&[("a", "1"), ("a", "2")], 1.0).sample(&[], 3.0);
    let columns = batch.into_columns();
    assert_eq!(columns.values, [3.0]);
    assert_eq!(columns.families.len(), 1);
    assert_eq!(
        columns.warnings,
        [
            "cannot emit metric \"9lives\": names match [a-zA-Z_:][a-zA-Z0-9_:]*",
            "cannot emit a sample of \"ok\": label name \"a-b\" does not match [a-zA-Z_][a-zA-Z0-9_]*",
            "cannot emit a sample of \"ok\": label \"a\" stands twice",
        ]
    );
}

#[test]
fn one_timestamp_makes_the_column_whole() {
    let mut batch = Batch::new();
    batch
        .family("m", Kind::Gauge, "")
        .sample(&[("a", "1")], 1.0)
        .sample_at(&[("a", "2")], 2.0, 1_700_000_000_000)
        .sample(&[("a", "3")], 3.0);
    assert_eq!(batch.into_columns().timestamps_ms, [NO_TIME, 1_700_000_000_000, NO_TIME]);
}

#[test]
fn warnings_are_bounded() {
    let mut batch = Batch::new();
    (0..1000).for_each(|index| batch.warn(index));
    let warnings = batch.into_columns().warnings;
    assert_eq!(warnings.len(), MAX_WARNINGS + 1);
    assert_eq!(warnings.last().unwrap(), "more warnings were dropped");
}
