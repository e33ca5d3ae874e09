//! Tables of facts that storage keeps typed: scrapes, probes, alerts, notifications, audit. Columns come from their definition.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use cepmon_storage::{Snapshot, TableDef};
use datafusion::common::Result;

use crate::Error;
use crate::condition::Subject;
use crate::pushdown::Pushdown;
use crate::scan::{Batches, Source};
use crate::table::TableKind;

/// A typed table.
#[derive(Debug)]
pub(crate) struct Typed {
    /// What it reads.
    pub(crate) snapshot: Snapshot,
    /// Its definition.
    pub(crate) definition: &'static TableDef,
}

impl TableKind for Typed {
    fn schema(&self) -> SchemaRef {
        self.definition.schema()
    }

    fn subject_of(&self, column: &str) -> Option<Subject> {
        (column == "ts").then_some(Subject::Time)
    }

    fn source(&self, projection: &[usize], pushdown: Pushdown) -> Result<Arc<dyn Source>> {
        let schema = Arc::new(self.schema().project(projection)?);
        let (snapshot, definition) = (self.snapshot.clone(), self.definition);
        Ok(Arc::new(TypedSource { snapshot, definition, projection: projection.to_vec(), schema, pushdown }))
    }
}

#[derive(Debug)]
struct TypedSource {
    snapshot: Snapshot,
    definition: &'static TableDef,
    projection: Vec<usize>,
    schema: SchemaRef,
    pushdown: Pushdown,
}

impl Source for TypedSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn describe(&self) -> String {
        format!("{}, {}", self.definition.name, self.pushdown)
    }

    fn estimate(&self) -> Option<u64> {
        let (start, end) = self.pushdown.milliseconds();
        Some(self.snapshot.estimate_table(self.definition, start, end))
    }

    fn open(&self) -> Result<Batches, Error> {
        let (start, end) = self.pushdown.milliseconds();
        let batches = self.snapshot.scan_table(self.definition, start, end).map_err(|error| Error::Storage(Box::new(error)))?;
        let projection = self.projection.clone();
        Ok(Box::new(batches.into_iter().map(move |batch| batch.project(&projection).map_err(|error| Error::Engine(Box::new(error))))))
    }
}
