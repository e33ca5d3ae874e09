//! Tables over storage. One provider serves them all; a [`TableKind`] says what its columns mean and reads them.

mod samples;
mod series;
mod logs;
mod typed;
mod live;

use std::fmt::Debug;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::condition::Subject;
use crate::pushdown::{Pushdown, support};
use crate::scan::{ScanExec, Source};

pub(crate) use live::Live;
pub(crate) use logs::Logs;
pub(crate) use samples::{SampleBatches, SampleColumn, Samples, sample_columns, schema_of};
pub(crate) use series::Series;
pub(crate) use typed::Typed;

/// A table's columns and how they are read.
pub(crate) trait TableKind: Debug + Send + Sync {
    /// All its columns.
    fn schema(&self) -> SchemaRef;

    /// What a column means to storage, if filters on it can be handed down.
    fn subject_of(&self, column: &str) -> Option<Subject>;

    /// A reader of some of its columns, by position, of the rows that the filters let through.
    fn source(&self, projection: &[usize], pushdown: Pushdown) -> Result<Arc<dyn Source>>;
}

/// A kind of table as DataFusion sees it.
#[derive(Debug)]
pub(crate) struct StorageTable<K> {
    kind: K,
    schema: SchemaRef,
}

impl<K: TableKind + 'static> StorageTable<K> {
    /// A table for the catalogue.
    pub(crate) fn provider(kind: K) -> Arc<dyn TableProvider> {
        let schema = kind.schema();
        Arc::new(Self { kind, schema })
    }
}

#[async_trait]
impl<K: TableKind + 'static> TableProvider for StorageTable<K> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(support(filters, &|column| self.kind.subject_of(column)))
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all_columns: Vec<usize>;
        let projection = match projection {
            Some(projection) => projection,
            None => {
                all_columns = (0..self.schema.fields().len()).collect();
                &all_columns
            }
        };
        let pushdown = Pushdown::of(filters, &|column| self.kind.subject_of(column));
        Ok(ScanExec::plan(self.kind.source(projection, pushdown)?, limit))
    }
}
