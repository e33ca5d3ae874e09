//! The engine: one statement in, batches out, within a time, a memory and a concurrency limit. Parsing and planning are `guard` and `session`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use cepmon_storage::Storage;
use datafusion::common::DataFusionError;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::catalog::{Catalog, OnlyCatalog};
use crate::diagnosis::diagnose;
use crate::function::promql::PromqlFunction;
use crate::guard::Checked;
use crate::parameter::{Parameter, bind};
use crate::{Error, LiveTable, Promql, guard, session};

/// Limits of all statements of one engine together, but for the time.
#[derive(Debug, Clone)]
pub struct SqlOptions {
    /// Memory of operators and collected answers of all running statements, in bytes.
    pub memory_bytes: usize,
    /// How long one statement may take, waiting for its turn included.
    pub timeout: Duration,
    /// A directory that only this engine uses: sorts and aggregations over the memory limit spill here. Made if it is missing; what a killed
    /// process left in it is removed.
    pub spill_dir: PathBuf,
}

impl SqlOptions {
    /// 128 MiB and 30 s.
    pub fn new(spill_dir: impl Into<PathBuf>) -> Self {
        Self { memory_bytes: 128 << 20, timeout: Duration::from_secs(30), spill_dir: spill_dir.into() }
    }
}

/// How one statement is to be run.
#[derive(Debug, Clone, Default)]
pub struct QueryOptions {
    /// Rules run before their metrics exist: an unseen table of schema `metrics` is empty, with a warning, instead of an error.
    pub unseen_is_empty: bool,
    /// Values for the places `$1`, `$2`, … of the statement, in their order.
    pub parameters: Vec<Parameter>,
    /// Stop after so many rows and say so in [`QueryResult::truncated`].
    pub max_rows: Option<usize>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct QueryResult {
    /// Its columns; also there when there are no rows.
    pub schema: SchemaRef,
    /// Its rows.
    pub batches: Vec<RecordBatch>,
    /// Whether rows are missing because of [`QueryOptions::max_rows`].
    pub truncated: bool,
    /// What the reader should know: unseen tables that were taken as empty.
    pub warnings: Vec<String>,
}

impl QueryResult {
    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// Statements that run at once; the others wait for their turn within their time limit.
const MAX_CONCURRENT_STATEMENTS: usize = 8;

/// An answer may take one in so many bytes of the memory limit: it is still to be written out in a format, which takes as much again.
const MAX_ANSWER_SHARE: usize = 2;

/// Threads that read storage. A statement has one per table that it reads at a time; more scans wait.
const MAX_SCAN_THREADS: usize = 128;

/// How much longer than its limit a statement is waited for, to learn why it ended.
const GRACE: Duration = Duration::from_secs(1);

/// Stack of the engine's threads. Planning walks expressions recursively, and in a debug build a level costs some 20 KiB (2000 levels
/// overflowed this stack, `guard` allows 500); only what is touched becomes memory.
const THREAD_STACK_BYTES: usize = 32 << 20;

/// Runs SQL over one storage. Cheap to share behind an `Arc`.
///
/// It has threads of its own: a statement that computes for seconds must not delay scrapes and HTTP on the caller's runtime.
#[derive(Debug)]
pub struct SqlEngine {
    /// Taken when the engine is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
    work: Arc<Work>,
    timeout: Duration,
    memory_bytes: usize,
}

/// What a statement's task needs.
#[derive(Debug)]
struct Work {
    storage: Arc<Storage>,
    promql: Option<Arc<dyn Promql>>,
    live: Arc<[Arc<dyn LiveTable>]>,
    environment: Arc<RuntimeEnv>,
    turns: Semaphore,
}

impl SqlEngine {
    /// An engine over a storage. Live tables stand in the default schema beside the stored ones and win over them. Without somebody who
    /// answers PromQL there is no function `promql`.
    pub fn new(
        storage: Arc<Storage>,
        live: Vec<Arc<dyn LiveTable>>,
        promql: Option<Arc<dyn Promql>>,
        options: SqlOptions,
    ) -> Result<Self, Error> {
        let environment = session::environment(options.memory_bytes, &options.spill_dir)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(session::cores())
            .thread_name("cepmon-sql")
            .thread_stack_size(THREAD_STACK_BYTES)
            .max_blocking_threads(MAX_SCAN_THREADS)
            .enable_time()
            .build()
            .map_err(|source| Error::Start { spill_dir: options.spill_dir.clone(), source: Box::new(source) })?;
        let turns = Semaphore::new(MAX_CONCURRENT_STATEMENTS);
        let work = Arc::new(Work { storage, promql, live: live.into(), environment, turns });
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Some(runtime), handle, work, timeout: options.timeout, memory_bytes: options.memory_bytes })
    }

    /// The answer to one read-only statement, collected. When the future is dropped, the statement is cancelled. To be awaited on a tokio
    /// runtime with time enabled.
    pub async fn query(&self, sql: &str) -> Result<QueryResult, Error> {
        self.query_with(sql, QueryOptions::default()).await
    }

    /// The same with options.
    pub async fn query_with(&self, sql: &str, options: QueryOptions) -> Result<QueryResult, Error> {
        let (work, sql, timeout) = (Arc::clone(&self.work), sql.to_owned(), self.timeout);
        let memory_bytes = self.memory_bytes;
        let statement = async move {
            let answer = async {
                let _turn = work.turns.acquire().await.expect("BUG: the semaphore of SQL statements is never closed");
                run(&work, &sql, &options, memory_bytes).await
            };
            tokio::time::timeout(timeout, answer).await.unwrap_or(Err(Error::Timeout { limit: timeout }))
        };
        // A set, because a dropped set aborts its task.
        let mut tasks = JoinSet::new();
        tasks.spawn_on(statement, &self.handle);
        match tokio::time::timeout(timeout + GRACE, tasks.join_next()).await {
            Ok(Some(Ok(result))) => result,
            Ok(Some(Err(failure))) => Err(Error::Engine(Box::new(failure))),
            // Some step computes on and on without giving way: its answer is not waited for, and it ends after that step.
            Ok(None) | Err(_) => Err(Error::Timeout { limit: timeout }),
        }
    }
}

/// A runtime cannot be waited for where futures run; statements that are still there are cancelled.
impl Drop for SqlEngine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn run(work: &Work, sql: &str, options: &QueryOptions, memory_bytes: usize) -> Result<QueryResult, Error> {
    let Checked { statement, identifiers } = guard::check(sql)?;
    let catalog = Catalog::new(work.storage.snapshot(), Arc::clone(&work.live), options.unseen_is_empty.then_some(identifiers));
    let diagnose = |error: DataFusionError| diagnose(error, &catalog, memory_bytes);
    let end = EndOfStatement::default();
    let promql = work.promql.as_ref().map(|promql| PromqlFunction {
        promql: Arc::clone(promql),
        memory_bytes,
        memory_pool: Arc::clone(&work.environment.memory_pool),
        is_abandoned: Arc::clone(&end.is_reached),
    });
    let state = session::state(&work.environment, memory_bytes, Arc::new(OnlyCatalog(Arc::clone(&catalog))), promql);
    let plan = state.statement_to_plan(statement).await.map_err(diagnose)?;
    guard::check_plan(&plan)?;
    let plan = bind(plan, &options.parameters).map_err(diagnose)?;
    let plan = state.create_physical_plan(&plan).await.map_err(diagnose)?;
    let schema = plan.schema();
    let mut stream = execute_stream(plan, state.task_ctx()).map_err(diagnose)?;

    // The collected answer counts like any operator: SELECT * of everything ends in an error, not in the out-of-memory killer.
    let memory = MemoryConsumer::new("answer").register(&work.environment.memory_pool);
    let mut rows_left = options.max_rows.unwrap_or(usize::MAX);
    let (mut batches, mut truncated) = (Vec::new(), false);
    while let Some(batch) = stream.next().await {
        let mut batch = batch.map_err(diagnose)?;
        if batch.num_rows() > rows_left {
            batch = batch.slice(0, rows_left);
            truncated = true;
        }
        rows_left -= batch.num_rows();
        memory.try_grow(answer_bytes(&batch)).map_err(diagnose)?;
        if memory.size() > memory_bytes / MAX_ANSWER_SHARE {
            let detail = format!("the answer alone takes more than {} bytes", memory_bytes / MAX_ANSWER_SHARE);
            return Err(Error::Memory { limit_bytes: memory_bytes, detail });
        }
        batches.push(batch);
        if truncated {
            break;
        }
    }
    Ok(QueryResult { schema, batches, truncated, warnings: catalog.take_warnings() })
}

/// Tells those who compute on threads of their own that a statement has ended, also where its future was dropped.
#[derive(Debug, Default)]
struct EndOfStatement {
    is_reached: Arc<AtomicBool>,
}

impl Drop for EndOfStatement {
    fn drop(&mut self) {
        self.is_reached.store(true, Ordering::Relaxed);
    }
}

/// What a batch takes in memory, but text that many rows share counts for each: that is what it takes once it is written as JSON.
fn answer_bytes(batch: &RecordBatch) -> usize {
    let column_bytes = |column: &ArrayRef| match column.as_string_view_opt() {
        Some(texts) => texts.lengths().map(|length| size_of::<u128>() + length as usize).sum(),
        None => column.get_array_memory_size(),
    };
    batch.columns().iter().map(column_bytes).sum()
}

#[cfg(test)]
mod tests;
