//! The catalogue of one statement: a snapshot of storage, the live tables, and a schema with a table per metric that is made when it is named.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use cepmon_model::is_label_name;
use cepmon_storage::{Snapshot, Storage};
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::TableType;

use crate::session::{CATALOG, DEFAULT_SCHEMA, METRICS_SCHEMA, external};
use crate::table::{Live, Logs, Samples, Series, StorageTable, Typed};
use crate::{Error, LiveTable};

/// Tables of the default schema that are made from samples and logs.
const STORED_TABLES: [&str; 3] = ["logs", "samples", "series"];

/// Everything that a statement can name.
#[derive(Debug)]
pub(crate) struct Catalog {
    snapshot: Snapshot,
    live: Arc<[Arc<dyn LiveTable>]>,
    /// Identifiers of the statement, if unseen metrics are to be empty tables: any of them may be meant as a label.
    unseen_labels: Option<Vec<String>>,
    warnings: Mutex<Vec<String>>,
    metric_names: OnceLock<Vec<String>>,
}

impl Catalog {
    /// The catalogue for one statement.
    pub(crate) fn new(snapshot: Snapshot, live: Arc<[Arc<dyn LiveTable>]>, unseen_labels: Option<Vec<String>>) -> Arc<Self> {
        Arc::new(Self { snapshot, live, unseen_labels, warnings: Mutex::default(), metric_names: OnceLock::new() })
    }

    /// All metrics, sorted. Read once per statement, and only if a statement names a metric.
    pub(crate) fn metric_names(&self) -> Result<&[String], Error> {
        if let Some(names) = self.metric_names.get() {
            return Ok(names);
        }
        let names = self.snapshot.metric_names().map_err(|error| Error::Storage(Box::new(error)))?;
        Ok(self.metric_names.get_or_init(|| names))
    }

    /// All tables that are named without a schema, sorted.
    pub(crate) fn default_table_names(&self) -> Vec<String> {
        let stored = STORED_TABLES.into_iter().chain(Storage::tables().iter().map(|table| table.name));
        let mut names: Vec<String> = stored.chain(self.live.iter().map(|table| table.name())).map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What the reader of the answer should know.
    pub(crate) fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn metric_table(&self, metric: &str) -> Result<Option<Arc<dyn TableProvider>>, Error> {
        let is_seen = self.metric_names()?.binary_search_by(|name| name.as_str().cmp(metric)).is_ok();
        let labels = match (&self.unseen_labels, is_seen) {
            (_, true) => self.snapshot.label_names(metric).map_err(|error| Error::Storage(Box::new(error)))?,
            (None, false) => return Ok(None),
            (Some(identifiers), false) => {
                let warning = format!("table \"{METRICS_SCHEMA}.{metric}\" is unseen and taken as empty");
                self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
                identifiers.iter().filter(|identifier| is_label_name(identifier)).cloned().collect()
            }
        };
        Ok(Some(StorageTable::provider(Samples::of_metric(self.snapshot.clone(), metric.to_owned(), labels))))
    }

    fn default_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, Error> {
        if let Some(table) = self.live.iter().find(|table| table.name() == name) {
            return Ok(Some(StorageTable::provider(Live(Arc::clone(table)))));
        }
        if let Some(definition) = Storage::tables().iter().find(|table| table.name == name) {
            return Ok(Some(StorageTable::provider(Typed { snapshot: self.snapshot.clone(), definition })));
        }
        Ok(match name {
            "samples" => Some(StorageTable::provider(Samples::all(self.snapshot.clone()))),
            "series" => Some(StorageTable::provider(Series { snapshot: self.snapshot.clone() })),
            "logs" => {
                let promoted = self.snapshot.promoted_fields().map_err(|error| Error::Storage(Box::new(error)))?;
                Some(StorageTable::provider(Logs::new(self.snapshot.clone(), promoted)))
            }
            _ => None,
        })
    }
}

/// The list of catalogues: one.
#[derive(Debug)]
pub(crate) struct OnlyCatalog(pub(crate) Arc<Catalog>);

impl CatalogProviderList for OnlyCatalog {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == CATALOG).then(|| Arc::new(Schemas(Arc::clone(&self.0))) as Arc<dyn CatalogProvider>)
    }
}

#[derive(Debug)]
struct Schemas(Arc<Catalog>);

impl CatalogProvider for Schemas {
    fn schema_names(&self) -> Vec<String> {
        vec![METRICS_SCHEMA.to_owned(), DEFAULT_SCHEMA.to_owned()]
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        match name {
            METRICS_SCHEMA => Some(Arc::new(MetricTables(Arc::clone(&self.0)))),
            DEFAULT_SCHEMA => Some(Arc::new(DefaultTables(Arc::clone(&self.0)))),
            _ => None,
        }
    }
}

#[derive(Debug)]
struct MetricTables(Arc<Catalog>);

#[async_trait]
impl SchemaProvider for MetricTables {
    fn table_names(&self) -> Vec<String> {
        self.0.metric_names().map(<[String]>::to_vec).unwrap_or_default()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        self.0.metric_table(name).map_err(external)
    }

    // Without this, SHOW TABLES would make every table.
    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.metric_names().is_ok_and(|names| names.binary_search_by(|found| found.as_str().cmp(name)).is_ok())
    }
}

#[derive(Debug)]
struct DefaultTables(Arc<Catalog>);

#[async_trait]
impl SchemaProvider for DefaultTables {
    fn table_names(&self) -> Vec<String> {
        self.0.default_table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        self.0.default_table(name).map_err(external)
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.default_table_names().iter().any(|found| found == name)
    }
}
