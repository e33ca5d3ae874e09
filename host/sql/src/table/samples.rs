//! Samples as rows: `samples` with all metrics, and a table of schema `metrics` with one. Stale marks are not rows.

mod batches;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use cepmon_model::{METRIC_NAME, Matcher};
use cepmon_storage::{SampleScan, Snapshot};
use datafusion::common::Result;

use crate::Error;
use crate::condition::Subject;
use crate::label_column::SeriesColumn;
use crate::pushdown::Pushdown;
use crate::scan::{Batches, Source, Wanted};
use crate::table::TableKind;

pub(crate) use batches::SampleBatches;

/// A column of samples.
#[derive(Debug, Clone)]
pub(crate) enum SampleColumn {
    /// When, Unix milliseconds.
    Ts,
    /// What.
    Value,
    /// Of which series.
    Series(SeriesColumn),
}

/// One in so many samples is taken to be what matchers select.
const SELECTED_PART: u64 = 16;

/// Columns that every table of a metric has; labels of these names are reached through the map.
pub(crate) const FIXED_COLUMNS: [&str; 3] = ["ts", "value", "labels"];

/// A table of samples.
#[derive(Debug)]
pub(crate) struct Samples {
    snapshot: Snapshot,
    metric: Option<String>,
    columns: Arc<[SampleColumn]>,
}

impl Samples {
    /// Samples of all metrics.
    pub(crate) fn all(snapshot: Snapshot) -> Self {
        let columns = [
            SampleColumn::Series(SeriesColumn::Metric),
            SampleColumn::Series(SeriesColumn::Labels),
            SampleColumn::Ts,
            SampleColumn::Value,
            SampleColumn::Series(SeriesColumn::SeriesId),
        ];
        Self { snapshot, metric: None, columns: columns.into() }
    }

    /// Samples of one metric, with its labels as columns.
    pub(crate) fn of_metric(snapshot: Snapshot, metric: String, labels: Vec<String>) -> Self {
        Self { snapshot, metric: Some(metric), columns: sample_columns(labels).into() }
    }
}

impl TableKind for Samples {
    fn schema(&self) -> SchemaRef {
        schema_of(&self.columns)
    }

    fn subject_of(&self, column: &str) -> Option<Subject> {
        self.columns.iter().find(|found| found.field().name() == column).and_then(|column| match column {
            SampleColumn::Ts => Some(Subject::Time),
            SampleColumn::Series(SeriesColumn::Labels) => Some(Subject::LabelMap),
            SampleColumn::Series(SeriesColumn::Label(name)) => Some(Subject::Label(name.clone())),
            SampleColumn::Series(SeriesColumn::Metric) => Some(Subject::Label(METRIC_NAME.to_owned())),
            SampleColumn::Value | SampleColumn::Series(SeriesColumn::SeriesId) => None,
        })
    }

    fn source(&self, projection: &[usize], mut pushdown: Pushdown) -> Result<Arc<dyn Source>> {
        if let Some(metric) = &self.metric {
            pushdown.matchers.insert(0, Matcher::equal(METRIC_NAME, metric));
        }
        let columns: Vec<SampleColumn> = projection.iter().map(|index| self.columns[*index].clone()).collect();
        Ok(Arc::new(SampleSource { snapshot: self.snapshot.clone(), schema: schema_of(&columns), columns, pushdown }))
    }
}

impl SampleColumn {
    fn field(&self) -> FieldRef {
        match self {
            Self::Ts => Arc::new(Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), false)),
            Self::Value => Arc::new(Field::new("value", DataType::Float64, false)),
            Self::Series(column) => column.field(),
        }
    }
}

/// The columns of samples with these labels.
pub(crate) fn sample_columns(labels: Vec<String>) -> Vec<SampleColumn> {
    let fixed = [SampleColumn::Ts, SampleColumn::Value, SampleColumn::Series(SeriesColumn::Labels)];
    let labels = labels.into_iter().filter(|label| !FIXED_COLUMNS.contains(&label.as_str()));
    fixed.into_iter().chain(labels.map(|label| SampleColumn::Series(SeriesColumn::Label(label)))).collect()
}

pub(crate) fn schema_of(columns: &[SampleColumn]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(SampleColumn::field).collect::<Vec<_>>()))
}

#[derive(Debug)]
struct SampleSource {
    snapshot: Snapshot,
    columns: Vec<SampleColumn>,
    schema: SchemaRef,
    pushdown: Pushdown,
}

impl Source for SampleSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn describe(&self) -> String {
        format!("samples, {}", self.pushdown)
    }

    fn estimate(&self) -> Option<u64> {
        let (start, end) = self.pushdown.milliseconds();
        let samples = self.snapshot.estimate_samples(start, end);
        // Most metrics have few of all series; what is asked for by name is a small part.
        Some(if self.pushdown.matchers.is_empty() { samples } else { samples / SELECTED_PART })
    }

    fn with_columns(&self, wanted: &[Wanted<'_>], schema: SchemaRef) -> Option<Arc<dyn Source>> {
        let column_of = |wanted: &Wanted<'_>| match *wanted {
            Wanted::Column(index) => self.columns.get(index).cloned(),
            Wanted::MapValue { column, key } => {
                // The map has no name of the metric.
                let is_label = matches!(self.columns.get(column)?, SampleColumn::Series(SeriesColumn::Labels)) && key != METRIC_NAME;
                is_label.then(|| SampleColumn::Series(SeriesColumn::Label(key.to_owned())))
            }
        };
        let columns: Vec<SampleColumn> = wanted.iter().map(column_of).collect::<Option<_>>()?;
        let has_types = schema.fields().iter().zip(&columns).all(|(field, column)| field.data_type() == column.field().data_type());
        let (snapshot, pushdown) = (self.snapshot.clone(), self.pushdown.clone());
        has_types.then(|| Arc::new(Self { snapshot, columns, schema, pushdown }) as Arc<dyn Source>)
    }

    fn open(&self) -> Result<Batches, Error> {
        let (start, end) = self.pushdown.milliseconds();
        let scan = SampleScan { matchers: self.pushdown.matchers.clone(), start, end };
        let series = self.snapshot.scan_samples(&scan).map_err(|error| Error::Storage(Box::new(error)))?;
        Ok(Box::new(SampleBatches::new(series, Arc::clone(&self.schema), self.columns.clone())))
    }
}
