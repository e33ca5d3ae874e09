//! The table `series`: one row per series, with its metadata and the times of its first and last sample.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringViewArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use cepmon_model::METRIC_NAME;
use cepmon_storage::{SeriesInfo, Snapshot};
use datafusion::common::Result;

use crate::Error;
use crate::condition::Subject;
use crate::label_column::{SeriesColumn, TEXT};
use crate::pushdown::Pushdown;
use crate::scan::{Batches, Source};
use crate::session::BATCH_ROWS;
use crate::table::TableKind;

/// The table of all series.
#[derive(Debug)]
pub(crate) struct Series {
    /// What it reads.
    pub(crate) snapshot: Snapshot,
}

#[derive(Debug, Clone)]
enum Column {
    Of(SeriesColumn),
    Kind,
    Unit,
    Help,
    FirstTs,
    LastTs,
}

const COLUMNS: [Column; 8] = [
    Column::Of(SeriesColumn::SeriesId),
    Column::Of(SeriesColumn::Metric),
    Column::Of(SeriesColumn::Labels),
    Column::Kind,
    Column::Unit,
    Column::Help,
    Column::FirstTs,
    Column::LastTs,
];

impl TableKind for Series {
    fn schema(&self) -> SchemaRef {
        schema_of(&COLUMNS)
    }

    fn subject_of(&self, column: &str) -> Option<Subject> {
        match column {
            "metric" => Some(Subject::Label(METRIC_NAME.to_owned())),
            "labels" => Some(Subject::LabelMap),
            _ => None,
        }
    }

    fn source(&self, projection: &[usize], pushdown: Pushdown) -> Result<Arc<dyn Source>> {
        let columns: Vec<Column> = projection.iter().map(|index| COLUMNS[*index].clone()).collect();
        Ok(Arc::new(SeriesSource { snapshot: self.snapshot.clone(), schema: schema_of(&columns), columns, pushdown }))
    }
}

#[derive(Debug)]
struct SeriesSource {
    snapshot: Snapshot,
    columns: Vec<Column>,
    schema: SchemaRef,
    pushdown: Pushdown,
}

impl Source for SeriesSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn describe(&self) -> String {
        format!("series, {}", self.pushdown)
    }

    fn estimate(&self) -> Option<u64> {
        // A block that cannot be read is the statement's to report.
        self.snapshot.estimate_series().ok()
    }

    fn open(&self) -> Result<Batches, Error> {
        let series = self.snapshot.series(&self.pushdown.matchers).map_err(|error| Error::Storage(Box::new(error)))?;
        let (columns, schema) = (self.columns.clone(), Arc::clone(&self.schema));
        let mut done = 0;
        Ok(Box::new(std::iter::from_fn(move || {
            let rows = &series[done..series.len().min(done + BATCH_ROWS)];
            done += rows.len();
            (!rows.is_empty()).then(|| batch(rows, &columns, &schema).map_err(|error| Error::Engine(Box::new(error))))
        })))
    }
}

impl Column {
    fn field(&self) -> FieldRef {
        let time = DataType::Timestamp(TimeUnit::Millisecond, None);
        Arc::new(match self {
            Self::Of(column) => return column.field(),
            Self::Kind => Field::new("type", TEXT, false),
            Self::Unit => Field::new("unit", TEXT, false),
            Self::Help => Field::new("help", TEXT, false),
            Self::FirstTs => Field::new("first_ts", time, false),
            Self::LastTs => Field::new("last_ts", time, false),
        })
    }

    fn array(&self, rows: &[SeriesInfo]) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::Of(column) => column.per_series(rows.iter().map(|row| (row.id, row.labels.as_ref())))?,
            Self::Kind => Arc::new(StringViewArray::from_iter_values(rows.iter().map(|row| row.metadata.kind.as_str()))),
            Self::Unit => Arc::new(StringViewArray::from_iter_values(rows.iter().map(|row| &row.metadata.unit))),
            Self::Help => Arc::new(StringViewArray::from_iter_values(rows.iter().map(|row| &row.metadata.help))),
            Self::FirstTs => Arc::new(TimestampMillisecondArray::from_iter_values(rows.iter().map(|row| row.min_time))),
            Self::LastTs => Arc::new(TimestampMillisecondArray::from_iter_values(rows.iter().map(|row| row.max_time))),
        })
    }
}

fn schema_of(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>()))
}

fn batch(rows: &[SeriesInfo], columns: &[Column], schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = columns.iter().map(|column| column.array(rows)).collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}
