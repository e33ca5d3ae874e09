//! One task per log source: looks for files, reads what is new, stores it, remembers the position.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cepmon_model::{Clock, TimestampMs};
use cepmon_plugin::{LogStreamSpec, PluginHost};
use cepmon_storage::Storage;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::parse::Parser;
use super::tail::{Position, Tail};
use crate::chain::chain;
use crate::config::LogSource;
use crate::glob::matching_files;
use crate::web::ServerStats;

/// Time between two looks at the files of a source.
const POLL_MS: i64 = 250;
/// Time between two looks for new files.
const GLOB_MS: i64 = 5_000;
/// Time until a source is tried again after storage or a file refused.
const RETRY_MS: i64 = 2_000;
/// Space of storage's key-value part that holds how far each file was read.
const POSITIONS: &str = "log_position";

/// The log sources that are followed.
#[derive(Debug)]
pub(crate) struct LogAgent {
    clock: Arc<dyn Clock>,
    storage: Arc<Storage>,
    plugins: Arc<PluginHost>,
    stats: Arc<ServerStats>,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    sources: Vec<(LogSource, Arc<str>)>,
    tasks: Vec<(watch::Sender<bool>, JoinHandle<()>)>,
}

impl LogAgent {
    /// An agent without sources.
    pub(crate) fn new(clock: Arc<dyn Clock>, storage: Arc<Storage>, plugins: Arc<PluginHost>, stats: Arc<ServerStats>) -> Self {
        Self { clock, storage, plugins, stats, running: Mutex::default() }
    }

    /// Follows these sources from now on and no others; unchanged sources as a whole go on as they are. `settings` are theirs as
    /// their parsers take them, in the same order.
    pub(crate) async fn apply(&self, sources: &[LogSource], settings: &[Arc<str>]) {
        let wanted: Vec<_> = sources.iter().cloned().zip(settings.iter().cloned()).collect();
        if self.lock().sources == wanted {
            return;
        }
        self.stop().await;
        let mut running = self.lock();
        for (source, settings) in &wanted {
            let (stop, stopped) = watch::channel(false);
            let follower = Follower {
                clock: Arc::clone(&self.clock),
                storage: Arc::clone(&self.storage),
                plugins: Arc::clone(&self.plugins),
                stats: Arc::clone(&self.stats),
                source: source.clone(),
                settings: Arc::clone(settings),
                files: BTreeMap::new(),
            };
            running.tasks.push((stop, tokio::spawn(follower.run(stopped))));
        }
        running.sources = wanted;
    }

    /// Stops all sources; returns when what they read is stored.
    pub(crate) async fn stop(&self) {
        let running = std::mem::take(&mut *self.lock());
        for (stop, _) in &running.tasks {
            stop.send_replace(true);
        }
        for (_, task) in running.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a log source ended badly");
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Follower {
    clock: Arc<dyn Clock>,
    storage: Arc<Storage>,
    plugins: Arc<PluginHost>,
    stats: Arc<ServerStats>,
    source: LogSource,
    settings: Arc<str>,
    files: BTreeMap<PathBuf, (Tail, Parser)>,
}

impl Follower {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut next_glob = self.clock.now();
        loop {
            let now = self.clock.now();
            if now >= next_glob {
                self.look_for_files();
                next_glob = now + GLOB_MS;
            }
            let next = match self.read_files(&stop).await {
                Ok(()) => self.clock.now() + POLL_MS,
                Err(error) => {
                    tracing::warn!(source = self.source.name, error = chain(&error), "log lines wait in their file; trying again");
                    self.clock.now() + RETRY_MS
                }
            };
            tokio::select! {
                () = self.clock.sleep_until(next) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
    }

    /// Opens files that are new. A file that is gone is followed until its end, and for its successor.
    fn look_for_files(&mut self) {
        let known: BTreeMap<_, _> = self.storage.kv_list(POSITIONS).into_iter().collect();
        let found: Vec<_> = self.source.paths.iter().flat_map(|pattern| matching_files(pattern)).collect();
        for path in found {
            if self.files.contains_key(&path) {
                continue;
            }
            let last = known.get(&self.position_key(&path)).and_then(|value| Position::decode(std::str::from_utf8(value).ok()?));
            match Tail::open(&path, last) {
                Ok(tail) => {
                    tracing::info!(source = self.source.name, path = %path.display(), "following log file");
                    let parser = self.parser(&path);
                    self.files.insert(path, (tail, parser));
                }
                Err(error) => tracing::warn!(source = self.source.name, path = %path.display(), %error, "cannot open log file"),
            }
        }
    }

    fn parser(&self, path: &Path) -> Parser {
        let labels = self.source.labels.to_builder().set("filename", &path.to_string_lossy()).build();
        let pairs = labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Parser {
            plugins: Arc::clone(&self.plugins),
            plugin: self.source.plugin.clone(),
            stream: LogStreamSpec { labels: pairs, settings: Arc::clone(&self.settings) },
            labels: Arc::new(labels),
        }
    }

    /// Reads every file to its end, batch by batch, a batch of each in turn.
    async fn read_files(&mut self, stop: &watch::Receiver<bool>) -> Result<(), FollowError> {
        let paths: Vec<_> = self.files.keys().cloned().collect();
        let mut has_more = true;
        while has_more && !*stop.borrow() {
            has_more = false;
            for path in &paths {
                has_more |= self.read_batch(path).await?;
            }
        }
        Ok(())
    }

    async fn read_batch(&mut self, path: &Path) -> Result<bool, FollowError> {
        let key = self.position_key(path);
        let Some((tail, parser)) = self.files.get_mut(path) else { return Ok(false) };
        let lines = tokio::task::block_in_place(|| tail.read())?;
        if lines.len() == 0 {
            tail.advance(&lines);
            return Ok(false);
        }
        let read_at_ns = nanoseconds(self.clock.now());
        let parsed = parser.parse(&lines, read_at_ns).await;
        let position = tail.position_after(&lines).encode();
        tokio::task::block_in_place(|| self.storage.append_logs_from(&parsed.entries, POSITIONS, &key, position.as_bytes()))?;
        tail.advance(&lines);
        self.stats.log_lines.add(lines.len() as u64);
        self.stats.log_bytes.add(lines.bytes.len() as u64);
        self.stats.unparsed_log_lines.add(parsed.unparsed);
        Ok(true)
    }

    fn position_key(&self, path: &Path) -> String {
        format!("{}\0{}", self.source.name, path.display())
    }
}

#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error("cannot read a log file: {0}")]
    Read(#[from] std::io::Error),
    #[error(transparent)]
    Storage(#[from] cepmon_storage::Error),
}

fn nanoseconds(time: TimestampMs) -> i64 {
    time.saturating_mul(1_000_000)
}
