//! The SQL tables `plugins` and `targets`: what runs right now, made into rows when they are asked for.

use std::error::Error;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use cepmon_plugin::{PluginHost, PluginState, PluginStatus};
use cepmon_sql::LiveTable;

use crate::schedule::{ScrapePool, TargetStatus};

/// A column: its name, its type, and its values from the rows.
type ColumnOf<T> = (&'static str, DataType, fn(&[T]) -> ArrayRef);

const TIME: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);

/// `targets`: every target and its last scrape.
#[derive(Debug)]
pub(crate) struct TargetsTable(Arc<ScrapePool>);

impl TargetsTable {
    /// Over the pool.
    pub(crate) fn new(pool: Arc<ScrapePool>) -> Self {
        Self(pool)
    }
}

const TARGET_COLUMNS: [ColumnOf<TargetStatus>; 12] = [
    ("job", DataType::Utf8, |rows| text(rows, |row| Some(row.job.clone()))),
    ("instance", DataType::Utf8, |rows| text(rows, |row| Some(row.instance.clone()))),
    ("plugin", DataType::Utf8, |rows| text(rows, |row| Some(row.plugin.clone()))),
    ("health", DataType::Utf8, |rows| text(rows, |row| Some(row.health.as_str().to_owned()))),
    ("last_scrape", TIME, |rows| Arc::new(rows.iter().map(|row| row.last_scrape).collect::<TimestampMillisecondArray>())),
    ("last_duration_seconds", DataType::Float64, |rows| seconds(rows, |row| row.last_duration.as_secs_f64())),
    ("samples", DataType::Int64, |rows| Arc::new(rows.iter().map(|row| Some(row.samples as i64)).collect::<Int64Array>())),
    ("scrapes", DataType::UInt64, |rows| count(rows, |row| row.scrapes_total)),
    ("failed_scrapes", DataType::UInt64, |rows| count(rows, |row| row.failed_scrapes_total)),
    ("missed_scrapes", DataType::UInt64, |rows| count(rows, |row| row.missed_scrapes_total)),
    ("interval_seconds", DataType::Float64, |rows| seconds(rows, |row| row.interval.as_secs_f64())),
    ("last_error", DataType::Utf8, |rows| text(rows, |row| row.last_error.clone())),
];

impl LiveTable for TargetsTable {
    fn name(&self) -> &str {
        "targets"
    }

    fn schema(&self) -> SchemaRef {
        schema(&TARGET_COLUMNS)
    }

    fn batch(&self) -> Result<RecordBatch, Box<dyn Error + Send + Sync>> {
        batch(&TARGET_COLUMNS, &self.0.targets())
    }
}

/// `plugins`: every plugin, what it may do and what it costs.
#[derive(Debug)]
pub(crate) struct PluginsTable(Arc<PluginHost>);

impl PluginsTable {
    /// Over the plugin host.
    pub(crate) fn new(plugins: Arc<PluginHost>) -> Self {
        Self(plugins)
    }
}

const PLUGIN_COLUMNS: [ColumnOf<PluginStatus>; 20] = [
    ("name", DataType::Utf8, |rows| text(rows, |row| Some(row.name.clone()))),
    ("version", DataType::Utf8, |rows| text(rows, |row| Some(row.version.clone()))),
    ("kind", DataType::Utf8, |rows| text(rows, |row| row.kind.map(|kind| kind.to_string()))),
    ("digest", DataType::Utf8, |rows| text(rows, |row| row.digest.as_ref().map(ToString::to_string))),
    ("state", DataType::Utf8, |rows| text(rows, |row| Some(row.state.as_str().to_owned()))),
    ("problem", DataType::Utf8, |rows| text(rows, problem)),
    ("granted", DataType::Utf8, |rows| text(rows, |row| Some(row.granted.to_string()))),
    ("missing", DataType::Utf8, |rows| text(rows, |row| (!row.missing.is_empty()).then(|| row.missing.to_string()))),
    ("calls", DataType::UInt64, |rows| count(rows, |row| row.stats.calls)),
    ("failures", DataType::UInt64, |rows| count(rows, |row| row.stats.failures.iter().sum())),
    ("last_failure_kind", DataType::Utf8, |rows| {
        text(rows, |row| row.stats.last_failure.as_ref().map(|failure| failure.error.kind.as_str().to_owned()))
    }),
    ("last_failure", DataType::Utf8, |rows| text(rows, |row| row.stats.last_failure.as_ref().map(|failure| failure.error.to_string()))),
    ("denials", DataType::UInt64, |rows| count(rows, |row| row.stats.denials)),
    ("cpu_seconds", DataType::Float64, |rows| seconds(rows, |row| row.stats.cpu.as_secs_f64())),
    ("wall_seconds", DataType::Float64, |rows| seconds(rows, |row| row.stats.wall.as_secs_f64())),
    ("compile_seconds", DataType::Float64, |rows| seconds(rows, |row| row.compile_time.as_secs_f64())),
    ("peak_memory_bytes", DataType::UInt64, |rows| count(rows, |row| row.stats.peak_memory_bytes)),
    ("bytes_in", DataType::UInt64, |rows| count(rows, |row| row.stats.bytes_in)),
    ("bytes_out", DataType::UInt64, |rows| count(rows, |row| row.stats.bytes_out)),
    ("is_bundled", DataType::Boolean, |rows| Arc::new(rows.iter().map(|row| Some(row.is_bundled)).collect::<BooleanArray>())),
];

impl LiveTable for PluginsTable {
    fn name(&self) -> &str {
        "plugins"
    }

    fn schema(&self) -> SchemaRef {
        schema(&PLUGIN_COLUMNS)
    }

    fn batch(&self) -> Result<RecordBatch, Box<dyn Error + Send + Sync>> {
        batch(&PLUGIN_COLUMNS, &self.0.plugins())
    }
}

/// Why it does not run, or why the newer file beside it does not.
fn problem(plugin: &PluginStatus) -> Option<String> {
    match &plugin.state {
        PluginState::Refused(problem) => Some(problem.clone()),
        PluginState::Ready => plugin.reload_problem.clone(),
    }
}

fn schema<T>(columns: &[ColumnOf<T>]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(|(name, kind, _)| Field::new(*name, kind.clone(), true)).collect::<Vec<_>>()))
}

fn batch<T>(columns: &[ColumnOf<T>], rows: &[T]) -> Result<RecordBatch, Box<dyn Error + Send + Sync>> {
    Ok(RecordBatch::try_new(schema(columns), columns.iter().map(|(_, _, values)| values(rows)).collect())?)
}

fn text<T>(rows: &[T], value: impl Fn(&T) -> Option<String>) -> ArrayRef {
    Arc::new(rows.iter().map(value).collect::<StringArray>())
}

fn count<T>(rows: &[T], value: impl Fn(&T) -> u64) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(value(row))).collect::<UInt64Array>())
}

fn seconds<T>(rows: &[T], value: impl Fn(&T) -> f64) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(value(row))).collect::<Float64Array>())
}
