//! The table `logs`: time, stream labels, level, line, all fields as a map, and the promoted fields as columns of their own.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use cepmon_storage::{LogScan, PROMOTED_PREFIX, Snapshot, log_schema};
use datafusion::common::Result;

use crate::Error;
use crate::condition::Subject;
use crate::pushdown::Pushdown;
use crate::scan::{Batches, Source};
use crate::table::TableKind;

/// The stream's labels are called `labels` in SQL, as they are for samples.
const STREAM: &str = "stream";
const LABELS: &str = "labels";

/// The table of all log entries.
#[derive(Debug)]
pub(crate) struct Logs {
    snapshot: Snapshot,
    schema: SchemaRef,
    /// Names in storage, column by column.
    stored_names: Vec<String>,
}

impl Logs {
    /// A table of log entries. A promoted field that is called like a fixed column is reached through the map `fields`.
    pub(crate) fn new(snapshot: Snapshot, promoted_fields: Vec<String>) -> Self {
        let stored = log_schema();
        let mut stored_names: Vec<String> = stored.fields().iter().map(|field| field.name().clone()).collect();
        let rename = |field: &Arc<Field>| {
            if field.name() == STREAM { Arc::new(field.as_ref().clone().with_name(LABELS)) } else { Arc::clone(field) }
        };
        let mut fields: Vec<Arc<Field>> = stored.fields().iter().map(rename).collect();
        for name in promoted_fields {
            if !fields.iter().any(|field| *field.name() == name) {
                stored_names.push(format!("{PROMOTED_PREFIX}{name}"));
                fields.push(Arc::new(Field::new(name, DataType::Utf8, true)));
            }
        }
        Self { snapshot, schema: Arc::new(Schema::new(fields)), stored_names }
    }
}

impl TableKind for Logs {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn subject_of(&self, column: &str) -> Option<Subject> {
        match column {
            "ts" => Some(Subject::Time),
            LABELS => Some(Subject::LabelMap),
            _ => None,
        }
    }

    fn source(&self, projection: &[usize], pushdown: Pushdown) -> Result<Arc<dyn Source>> {
        let stored_names = projection.iter().map(|index| self.stored_names[*index].clone()).collect();
        let schema = Arc::new(self.schema.project(projection)?);
        Ok(Arc::new(LogSource { snapshot: self.snapshot.clone(), stored_names, schema, pushdown }))
    }
}

#[derive(Debug)]
struct LogSource {
    snapshot: Snapshot,
    stored_names: Vec<String>,
    schema: SchemaRef,
    pushdown: Pushdown,
}

impl Source for LogSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn describe(&self) -> String {
        format!("logs, {}", self.pushdown)
    }

    fn estimate(&self) -> Option<u64> {
        let (start_ns, end_ns) = self.pushdown.nanoseconds();
        Some(self.snapshot.estimate_logs(start_ns, end_ns))
    }

    fn open(&self) -> Result<Batches, Error> {
        let (start_ns, end_ns) = self.pushdown.nanoseconds();
        // Only rows are counted: the cheapest column carries their number.
        let columns = if self.stored_names.is_empty() { vec!["ts".to_owned()] } else { self.stored_names.clone() };
        let scan = LogScan { matchers: self.pushdown.matchers.clone(), start_ns, end_ns, columns: Some(columns) };
        let batches = self.snapshot.scan_logs(&scan).map_err(|error| Error::Storage(Box::new(error)))?;
        let schema = Arc::clone(&self.schema);
        Ok(Box::new(batches.map(move |batch| {
            let batch = batch.map_err(|error| Error::Storage(Box::new(error)))?;
            with_schema(&batch, &schema)
        })))
    }
}

/// The same columns under the names of SQL; no columns at all if none are wanted.
fn with_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Error> {
    let columns = batch.columns()[..schema.fields().len().min(batch.num_columns())].to_vec();
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(|error| Error::Engine(Box::new(error)))
}
