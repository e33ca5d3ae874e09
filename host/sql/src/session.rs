//! DataFusion's settings, functions and memory for a statement. No default of it that reaches files or addresses is kept.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use datafusion::catalog::{CatalogProviderList, TableFunction};
use datafusion::common::DataFusionError;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::context::SessionConfig;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};

use crate::cooperation::YieldAfterMultiplying;
use crate::function::promql::{self, PromqlFunction};
use crate::{Error, function};
use datafusion::execution::memory_pool::FairSpillPool;

/// The only catalogue.
pub(crate) const CATALOG: &str = "cepmon";
/// The schema of tables that are named without one.
pub(crate) const DEFAULT_SCHEMA: &str = "public";
/// The schema with a table per metric.
pub(crate) const METRICS_SCHEMA: &str = "metrics";

/// Rows of a batch: large enough that per-batch work vanishes, small enough that the batches in flight are a few hundred KiB.
pub(crate) const BATCH_ROWS: usize = 8192;

/// Spill files of all statements together.
const MAX_SPILL_BYTES: u64 = 2 << 30;

/// What DataFusion calls its folders inside the spill directory.
const SPILL_FOLDER_PREFIX: &str = "datafusion-";

/// Memory, spill space and object stores (none) of all statements.
pub(crate) fn environment(memory_bytes: usize, spill_dir: &Path) -> Result<Arc<RuntimeEnv>, Error> {
    let start_error = |source: Box<dyn std::error::Error + Send + Sync>| Error::Start { spill_dir: spill_dir.to_owned(), source };
    remove_left_spill_files(spill_dir).map_err(|source| start_error(Box::new(source)))?;
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![spill_dir.to_owned()]))
        .with_max_temp_directory_size(MAX_SPILL_BYTES);
    // Fair: the sorts and aggregations of one statement leave room for those of another.
    let environment = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(memory_bytes)))
        .with_disk_manager_builder(disk)
        .build_arc()
        .map_err(|source| start_error(Box::new(source)))?;
    let files = ObjectStoreUrl::local_filesystem();
    environment.deregister_object_store(files.as_ref()).map_err(|source| start_error(Box::new(source)))?;
    Ok(environment)
}

/// The state that a statement is planned and run with.
pub(crate) fn state(
    environment: &Arc<RuntimeEnv>,
    memory_bytes: usize,
    catalogs: Arc<dyn CatalogProviderList>,
    promql: Option<PromqlFunction>,
) -> SessionState {
    let mut table_functions = SessionStateDefaults::default_table_functions();
    table_functions.extend(promql.map(|promql| Arc::new(TableFunction::new(promql::NAME.to_owned(), Arc::new(promql)))));
    let mut state = SessionStateBuilder::new()
        .with_config(config(memory_bytes))
        .with_runtime_env(Arc::clone(environment))
        .with_catalog_list(catalogs)
        .with_expr_planners(function::planners())
        .with_scalar_functions(function::scalars())
        .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .with_physical_optimizer_rule(Arc::new(YieldAfterMultiplying))
        .with_table_function_list(table_functions)
        .build();
    // From here on `now()` is a constant, so that time ranges reach the scan.
    state.mark_start_execution();
    state
}

/// Threads and partitions.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

fn config(memory_bytes: usize) -> SessionConfig {
    // Held back for the merge after a spilled sort. DataFusion's 10 MiB a partition would be all of a small limit.
    let sort_reserve_bytes = (memory_bytes / 8).min(10 << 20);
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, DEFAULT_SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true)
        .with_target_partitions(cores())
        .with_batch_size(BATCH_ROWS)
        .with_sort_spill_reservation_bytes(sort_reserve_bytes)
        // Sort what is in memory as a whole. The other way, a merge of its batches, takes several times their size at once for keys, and
        // fails where this spills (3 M rows under 32 MiB).
        .with_sort_in_place_threshold_bytes(memory_bytes);
    let options = config.options_mut();
    // Metric names have capital letters.
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.collect_spans = true;
    config
}

fn remove_left_spill_files(spill_dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(spill_dir)?;
    for entry in fs::read_dir(spill_dir)? {
        let entry = entry?;
        let is_spill_folder = entry.file_name().to_str().is_some_and(|name| name.starts_with(SPILL_FOLDER_PREFIX));
        if is_spill_folder && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// DataFusion wraps what sources return; this is how sources hand their own errors over.
pub(crate) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
