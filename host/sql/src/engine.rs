//! The engine: one statement in, batches out, within a time, a memory and a concurrency limit. Parsing and planning are `guard` and `session`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use cepmon_storage::Storage;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::diagnosis::{Names, diagnose};
use crate::session::{self, Session};
use crate::{Error, LiveTable, guard};

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

/// Stack of the engine's threads. Planning walks expressions recursively, and in a debug build a level costs kilobytes; only what is touched
/// becomes memory.
const THREAD_STACK_BYTES: usize = 32 << 20;

/// Runs SQL over one storage. Cheap to share behind an `Arc`.
///
/// It has threads of its own: a statement that computes for seconds must not delay scrapes and HTTP on the caller's runtime.
#[derive(Debug)]
pub struct SqlEngine {
    runtime: Option<Runtime>,
    work: Arc<Work>,
    timeout: Duration,
    memory_bytes: usize,
}

/// What a statement's task needs.
#[derive(Debug)]
struct Work {
    storage: Arc<Storage>,
    live: Arc<[Arc<dyn LiveTable>]>,
    environment: Arc<RuntimeEnv>,
    turns: Semaphore,
}

impl SqlEngine {
    /// An engine over a storage. Live tables stand in the default schema beside the stored ones and win over them.
    pub fn new(storage: Arc<Storage>, live: Vec<Arc<dyn LiveTable>>, options: SqlOptions) -> Result<Self, Error> {
        let environment = session::environment(options.memory_bytes, &options.spill_dir)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(session::cores())
            .thread_name("cepmon-sql")
            .thread_stack_size(THREAD_STACK_BYTES)
            .enable_time()
            .build()
            .map_err(|source| Error::Start { spill_dir: options.spill_dir.clone(), source: Box::new(source) })?;
        let turns = Semaphore::new(MAX_CONCURRENT_STATEMENTS);
        let work = Arc::new(Work { storage, live: live.into(), environment, turns });
        Ok(Self { runtime: Some(runtime), work, timeout: options.timeout, memory_bytes: options.memory_bytes })
    }

    /// The answer to one read-only statement, collected. When the future is dropped, the statement is cancelled.
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
        let runtime = self.runtime.as_ref().expect("BUG: the runtime lives as long as the engine");
        // A set, because a dropped set aborts its task.
        let mut tasks = JoinSet::new();
        tasks.spawn_on(statement, runtime.handle());
        match tokio::time::timeout(self.timeout + LATE, tasks.join_next()).await {
            Ok(Some(Ok(result))) => result,
            Ok(Some(Err(failure))) => Err(Error::Engine(Box::new(failure))),
            Ok(None) => unreachable!("BUG: one task was spawned"),
            // The statement computes without ever giving way; its task ends at its next step.
            Err(_) => Err(Error::Timeout { limit: timeout }),
        }
    }
}
