//! The SQL tables `plugins`, `plugin_uses`, `plugin_audit` and `targets`: what runs right now, made into rows when they are asked for.

use std::error::Error;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use cepmon_model::FailureKind;
use cepmon_plugin::{Capability, Finding, PluginHost, PluginState, PluginStatus, audit};
use cepmon_sql::LiveTable;
use cepmon_storage::Storage;

use crate::ingest::SeriesBudget;
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
pub(crate) struct PluginsTable {
    plugins: Arc<PluginHost>,
    pool: Arc<ScrapePool>,
    storage: Arc<Storage>,
}

impl PluginsTable {
    /// Over what runs plugins, what scrapes with them and what stores their samples.
    pub(crate) fn new(plugins: Arc<PluginHost>, pool: Arc<ScrapePool>, storage: Arc<Storage>) -> Self {
        Self { plugins, pool, storage }
    }
}

/// A plugin and what became of its samples.
struct PluginRow {
    plugin: PluginStatus,
    series: Arc<SeriesBudget>,
    /// At the average of all blocks; none while there is no block.
    stored_bytes: Option<f64>,
}

const PLUGIN_COLUMNS: [ColumnOf<PluginRow>; 28] = [
    ("name", DataType::Utf8, |rows| text(rows, |row| Some(row.plugin.name.clone()))),
    ("version", DataType::Utf8, |rows| text(rows, |row| Some(row.plugin.version.clone()))),
    ("kind", DataType::Utf8, |rows| text(rows, |row| row.plugin.kind.map(|kind| kind.to_string()))),
    ("digest", DataType::Utf8, |rows| text(rows, |row| row.plugin.digest.as_ref().map(ToString::to_string))),
    ("state", DataType::Utf8, |rows| text(rows, |row| Some(row.plugin.state.as_str().to_owned()))),
    ("problem", DataType::Utf8, |rows| text(rows, |row| problem(&row.plugin))),
    ("granted", DataType::Utf8, |rows| text(rows, |row| Some(row.plugin.granted.to_string()))),
    ("missing", DataType::Utf8, |rows| text(rows, |row| (!row.plugin.missing.is_empty()).then(|| row.plugin.missing.to_string()))),
    ("calls", DataType::UInt64, |rows| count(rows, |row| row.plugin.stats.calls)),
    ("failures", DataType::UInt64, |rows| count(rows, |row| row.plugin.stats.failures.iter().sum())),
    ("failures_by_kind", DataType::Utf8, |rows| text(rows, failures_by_kind)),
    ("last_failure_kind", DataType::Utf8, |rows| {
        text(rows, |row| row.plugin.stats.last_failure.as_ref().map(|failure| failure.error.kind.as_str().to_owned()))
    }),
    ("last_failure", DataType::Utf8, |rows| {
        text(rows, |row| row.plugin.stats.last_failure.as_ref().map(|failure| failure.error.to_string()))
    }),
    ("denials", DataType::UInt64, |rows| count(rows, |row| row.plugin.stats.denials)),
    ("cpu_seconds", DataType::Float64, |rows| seconds(rows, |row| row.plugin.stats.cpu.as_secs_f64())),
    ("wall_seconds", DataType::Float64, |rows| seconds(rows, |row| row.plugin.stats.wall.as_secs_f64())),
    ("compile_seconds", DataType::Float64, |rows| seconds(rows, |row| row.plugin.compile_time.as_secs_f64())),
    ("peak_memory_bytes", DataType::UInt64, |rows| count(rows, |row| row.plugin.stats.peak_memory_bytes)),
    ("host_calls", DataType::UInt64, |rows| count(rows, |row| row.plugin.stats.host_calls)),
    ("bytes_in", DataType::UInt64, |rows| count(rows, |row| row.plugin.stats.bytes_in)),
    ("bytes_out", DataType::UInt64, |rows| count(rows, |row| row.plugin.stats.bytes_out)),
    ("log_lines", DataType::UInt64, |rows| count(rows, |row| row.plugin.stats.log_lines)),
    ("guests_started", DataType::UInt64, |rows| count(rows, |row| row.plugin.stats.guests_started)),
    ("series", DataType::UInt64, |rows| count(rows, |row| row.series.living())),
    ("dropped_samples", DataType::UInt64, |rows| count(rows, |row| row.series.dropped_samples())),
    ("stored_samples", DataType::UInt64, |rows| count(rows, |row| row.series.stored_samples())),
    ("stored_bytes_estimate", DataType::Float64, |rows| Arc::new(rows.iter().map(|row| row.stored_bytes).collect::<Float64Array>())),
    ("is_bundled", DataType::Boolean, |rows| Arc::new(rows.iter().map(|row| Some(row.plugin.is_bundled)).collect::<BooleanArray>())),
];

impl LiveTable for PluginsTable {
    fn name(&self) -> &str {
        "plugins"
    }

    fn schema(&self) -> SchemaRef {
        schema(&PLUGIN_COLUMNS)
    }

    fn batch(&self) -> Result<RecordBatch, Box<dyn Error + Send + Sync>> {
        let stats = self.storage.stats();
        let bytes_per_sample = (stats.block_samples > 0).then(|| stats.sample_block_bytes as f64 / stats.block_samples as f64);
        let row = |plugin: PluginStatus| {
            let series = self.pool.budget(&plugin.name);
            let stored_bytes = bytes_per_sample.map(|bytes| bytes * series.stored_samples() as f64);
            PluginRow { plugin, series, stored_bytes }
        };
        let rows: Vec<_> = self.plugins.plugins().into_iter().map(row).collect();
        batch(&PLUGIN_COLUMNS, &rows)
    }
}

/// `cpu=3, trap=1`; nothing when nothing failed.
fn failures_by_kind(row: &PluginRow) -> Option<String> {
    let failures = FailureKind::ALL.into_iter().zip(row.plugin.stats.failures).filter(|(_, count)| *count > 0);
    let words: Vec<String> = failures.map(|(kind, count)| format!("{}={count}", kind.as_str())).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// `plugin_uses`: what each plugin used of its grants since the start, on which `cepmon plugin audit` is founded.
#[derive(Debug)]
pub(crate) struct PluginUsesTable(Arc<PluginHost>);

impl PluginUsesTable {
    /// Over the plugin host.
    pub(crate) fn new(plugins: Arc<PluginHost>) -> Self {
        Self(plugins)
    }
}

/// Plugin, capability, what was used of it, how often.
type UseRow = (String, Capability, String, u64);

const USE_COLUMNS: [ColumnOf<UseRow>; 4] = [
    ("plugin", DataType::Utf8, |rows| text(rows, |row| Some(row.0.clone()))),
    ("capability", DataType::Utf8, |rows| text(rows, |row| Some(row.1.to_string()))),
    ("object", DataType::Utf8, |rows| text(rows, |row| Some(row.2.clone()))),
    ("uses", DataType::UInt64, |rows| count(rows, |row| row.3)),
];

impl LiveTable for PluginUsesTable {
    fn name(&self) -> &str {
        "plugin_uses"
    }

    fn schema(&self) -> SchemaRef {
        schema(&USE_COLUMNS)
    }

    fn batch(&self) -> Result<RecordBatch, Box<dyn Error + Send + Sync>> {
        let uses = |plugin: PluginStatus| {
            let name = plugin.name;
            plugin.uses.into_iter().map(move |(capability, object, uses)| (name.clone(), capability, object, uses))
        };
        let rows: Vec<UseRow> = self.0.plugins().into_iter().flat_map(uses).collect();
        batch(&USE_COLUMNS, &rows)
    }
}

/// `plugin_audit`: grants that were never used since the start, or are wider than their use; plugins that were never asked are left out.
#[derive(Debug)]
pub(crate) struct PluginAuditTable(Arc<PluginHost>);

impl PluginAuditTable {
    /// Over the plugin host.
    pub(crate) fn new(plugins: Arc<PluginHost>) -> Self {
        Self(plugins)
    }
}

/// Plugin and what is wrong with a word of its grant.
type AuditRow = (String, Finding);

const AUDIT_COLUMNS: [ColumnOf<AuditRow>; 3] = [
    ("plugin", DataType::Utf8, |rows| text(rows, |row| Some(row.0.clone()))),
    ("word", DataType::Utf8, |rows| text(rows, |row| Some(format!("{}:{}", row.1.capability, row.1.word)))),
    ("enough", DataType::Utf8, |rows| {
        let words = |row: &AuditRow| row.1.enough.iter().map(|word| format!("{}:{word}", row.1.capability)).collect::<Vec<_>>().join(" ");
        text(rows, |row| (!row.1.enough.is_empty()).then(|| words(row)))
    }),
];

impl LiveTable for PluginAuditTable {
    fn name(&self) -> &str {
        "plugin_audit"
    }

    fn schema(&self) -> SchemaRef {
        schema(&AUDIT_COLUMNS)
    }

    fn batch(&self) -> Result<RecordBatch, Box<dyn Error + Send + Sync>> {
        let plugins = self.0.plugins().into_iter().filter(|plugin| plugin.stats.calls > 0);
        let findings = plugins.flat_map(|plugin| {
            let findings = audit(&plugin.granted, &plugin.uses);
            findings.into_iter().map(move |finding| (plugin.name.clone(), finding))
        });
        batch(&AUDIT_COLUMNS, &findings.collect::<Vec<AuditRow>>())
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
