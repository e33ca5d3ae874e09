//! What tests of this crate share: a storage with samples in blocks and in the head, and an engine over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use cepmon_model::{LabelSet, MetricKind, MetricMetadata, SeriesId, stale_nan};
use cepmon_storage::{Cell, LogEntry, SCRAPES, SeriesSamples, Storage, StorageOptions};
use tempfile::TempDir;

use crate::{Error, LiveTable, Promql, PromqlQuestion, QueryOptions, QueryResult, SqlEngine, SqlOptions, format};

/// 2026-01-01T00:00:00Z.
pub(crate) const START_MS: i64 = 1_767_225_600_000;

/// A storage and an engine in a directory that goes with them.
pub(crate) struct Fixture {
    pub(crate) storage: Arc<Storage>,
    pub(crate) engine: SqlEngine,
    directory: TempDir,
}

impl Fixture {
    /// Nothing stored.
    pub(crate) fn empty() -> Self {
        Self::with_limits(64 << 20, Duration::from_secs(60))
    }

    /// Nothing stored, and these limits.
    pub(crate) fn with_limits(memory_bytes: usize, timeout: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (storage, _) = Storage::open(StorageOptions::new(directory.path().join("data"))).unwrap();
        let storage = Arc::new(storage);
        let options = SqlOptions { memory_bytes, timeout, spill_dir: directory.path().join("spill") };
        let live: Vec<Arc<dyn LiveTable>> = vec![Arc::new(Plugins)];
        let engine = SqlEngine::new(Arc::clone(&storage), live, Some(Arc::new(Doubling)), options).unwrap();
        Self { storage, engine, directory }
    }

    /// A small host: half of its samples in a block, half in the head.
    pub(crate) fn host() -> Self {
        let fixture = Self::empty();
        for (cpu, mode, rate) in [("0", "idle", 10.0), ("0", "user", 2.0), ("1", "idle", 8.0), ("1", "user", 4.0)] {
            let labels = [("__name__", "node_cpu_seconds_total"), ("cpu", cpu), ("mode", mode), ("job", "node")];
            fixture.append(&labels, (0..4).map(|step| (START_MS + step * 15_000, rate * step as f64)));
        }
        fixture.append(&[("__name__", "up"), ("job", "node"), ("value", "yes")], [(START_MS, 1.0), (START_MS + 15_000, stale_nan())]);
        fixture.storage.flush().unwrap();
        for (cpu, mode, rate) in [("0", "idle", 10.0), ("0", "user", 2.0), ("1", "idle", 8.0), ("1", "user", 4.0)] {
            let labels = [("__name__", "node_cpu_seconds_total"), ("cpu", cpu), ("mode", mode), ("job", "node")];
            fixture.append(&labels, (4..8).map(|step| (START_MS + step * 15_000, rate * step as f64)));
        }
        fixture.append(&[("__name__", "node_memory_MemTotal_bytes"), ("job", "node")], [(START_MS, 8e9)]);
        fixture.append(&[("__name__", "select"), ("job", "words")], [(START_MS, 1.5)]);
        fixture.append(&[("__name__", "odd"), ("kind", "nan")], [(START_MS, f64::NAN), (START_MS + 1, f64::INFINITY)]);
        fixture
    }

    /// Appends the samples of one series.
    pub(crate) fn append(&self, labels: &[(&str, &str)], samples: impl IntoIterator<Item = (i64, f64)>) {
        let labels = LabelSet::from_pairs(labels.iter().copied());
        let metadata = MetricMetadata { kind: MetricKind::Counter, unit: "seconds".to_owned(), help: "for tests".to_owned() };
        let series = self.storage.series_ref(&labels, &metadata).unwrap();
        let batch: Vec<_> = samples.into_iter().map(|(time, value)| (series, time, value)).collect();
        assert_eq!(self.storage.append(&batch).unwrap().appended, batch.len());
    }

    /// Appends log lines of one stream, a second apart.
    pub(crate) fn append_lines(&self, stream: &[(&str, &str)], lines: &[Line]) {
        let stream = Arc::new(LabelSet::from_pairs(stream.iter().copied()));
        let entries: Vec<LogEntry> = (0i64..)
            .zip(lines)
            .map(|(second, Line { level, line, fields })| LogEntry {
                timestamp_ns: START_MS * 1_000_000 + second * 1_000_000_000,
                stream: Arc::clone(&stream),
                level: (*level).to_owned(),
                line: (*line).to_owned(),
                fields: fields.iter().map(|(name, value)| (Arc::from(*name), (*value).to_owned())).collect(),
            })
            .collect();
        self.storage.append_logs(&entries).unwrap();
    }

    /// Appends an empty row to the table of scrapes at each of these times.
    pub(crate) fn append_scrapes(&self, times: &[i64]) {
        let row = |time: &i64| {
            let mut cells = vec![Cell::Null; SCRAPES.columns.len()];
            cells[0] = Cell::Time(*time);
            cells
        };
        self.storage.append_rows(&SCRAPES, &times.iter().map(row).collect::<Vec<_>>()).unwrap();
    }

    /// The answer.
    pub(crate) async fn query(&self, sql: &str) -> QueryResult {
        self.engine.query(sql).await.unwrap()
    }

    /// The answer as a text table.
    pub(crate) async fn answer(&self, sql: &str) -> String {
        format::table(&self.query(sql).await)
    }

    /// Why there is no answer, with causes.
    pub(crate) async fn failure(&self, sql: &str) -> Error {
        self.engine.query(sql).await.unwrap_err()
    }

    /// What the scans of a plan hand down to storage, unseen metrics allowed.
    pub(crate) async fn scans(&self, sql: &str) -> String {
        let options = QueryOptions { unseen_is_empty: true, ..QueryOptions::default() };
        let plan = format::table(&self.engine.query_with(&format!("EXPLAIN FORMAT INDENT {sql}"), options).await.unwrap());
        let plan = plan.replace("\\n", "\n");
        let keep = |line: &&str| {
            ["StorageScan", "FilterExec"].iter().any(|node| line.trim_start_matches("physical_plan").trim().starts_with(node))
        };
        let lines: Vec<&str> = plan.lines().filter(keep).map(|line| line.trim_start_matches("physical_plan").trim()).collect();
        lines.join("\n")
    }

    /// The directory for spill files.
    pub(crate) fn spill_dir(&self) -> std::path::PathBuf {
        self.directory.path().join("spill")
    }
}

/// A log line of a test.
pub(crate) struct Line {
    pub(crate) level: &'static str,
    pub(crate) line: &'static str,
    pub(crate) fields: &'static [(&'static str, &'static str)],
}

/// A live table as the server has them.
#[derive(Debug)]
struct Plugins;

impl LiveTable for Plugins {
    fn name(&self) -> &'static str {
        "plugins"
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("name", DataType::Utf8, false), Field::new("guests", DataType::Int64, false)]))
    }

    fn batch(&self) -> Result<RecordBatch, Box<dyn std::error::Error + Send + Sync>> {
        let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(vec!["node", "prometheus"])), Arc::new(Int64Array::from(vec![1, 3]))];
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}

/// Answers every expression with twice the time in seconds since [`START_MS`]; `endless` never, `nonsense` with an error.
#[derive(Debug)]
struct Doubling;

impl Promql for Doubling {
    fn labels(&self, expr: &str) -> Result<Vec<String>, Error> {
        match expr {
            "nonsense" => Err(Error::Plan { position: None, message: "not PromQL".to_owned() }),
            _ => Ok(vec!["host".to_owned()]),
        }
    }

    fn answer(&self, question: &PromqlQuestion) -> Result<Vec<SeriesSamples>, Error> {
        while question.expr == "endless" && !question.is_abandoned.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let step = question.step_ms.unwrap_or(i64::MAX);
        let times = std::iter::successors(Some(question.start), |time| time.checked_add(step)).take_while(|time| *time <= question.end);
        let timestamps: Vec<i64> = times.take(question.max_samples + 1).collect();
        let values = timestamps.iter().map(|time| (time - START_MS) as f64 / 500.0).collect();
        let labels = Arc::new(LabelSet::from_pairs([("host", "a"), ("value", "x")]));
        ABANDONED.fetch_add(u64::from(question.is_abandoned.load(Ordering::Relaxed)), Ordering::Relaxed);
        Ok(vec![SeriesSamples { id: SeriesId(1), labels, timestamps, values, histograms: Vec::new() }])
    }
}

/// How many questions of all tests were given up.
pub(crate) static ABANDONED: AtomicU64 = AtomicU64::new(0);
