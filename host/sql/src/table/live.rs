//! Live tables as SQL sees them: one batch, made when the statement reads it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Result;

use crate::condition::Subject;
use crate::pushdown::Pushdown;
use crate::scan::{Batches, Source};
use crate::table::TableKind;
use crate::{Error, LiveTable};

/// A live table.
#[derive(Debug)]
pub(crate) struct Live(pub(crate) Arc<dyn LiveTable>);

impl TableKind for Live {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn subject_of(&self, _: &str) -> Option<Subject> {
        None
    }

    fn source(&self, projection: &[usize], _: Pushdown) -> Result<Arc<dyn Source>> {
        let schema = Arc::new(self.0.schema().project(projection)?);
        Ok(Arc::new(LiveSource { table: Arc::clone(&self.0), projection: projection.to_vec(), schema }))
    }
}

#[derive(Debug)]
struct LiveSource {
    table: Arc<dyn LiveTable>,
    projection: Vec<usize>,
    schema: SchemaRef,
}

impl Source for LiveSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn describe(&self) -> String {
        format!("{}, live", self.table.name())
    }

    fn open(&self) -> Result<Batches, Error> {
        let table = self.table.name();
        let batch = self.table.batch().map_err(|source| Error::Live { table: table.to_owned(), source })?;
        let batch = batch.project(&self.projection).map_err(|error| Error::Engine(Box::new(error)))?;
        Ok(Box::new(std::iter::once(Ok(batch))))
    }
}
