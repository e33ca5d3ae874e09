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
use super::tail::{FileId, Position, Tail};
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
/// How long a file is followed after its path leads to another one: programs go on writing until they are told to open anew.
const ROTATED_MS: i64 = 10_000;
/// How long the position of a file that is nowhere to be seen is kept: a folder may be unmounted for a while.
const FORGET_MS: i64 = 30 * 24 * 3_600_000;
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
    files: BTreeMap<FileId, Followed>,
}

/// A file and the way of its lines.
struct Followed {
    tail: Tail,
    parser: Parser,
    /// Since when its path leads to another file.
    rotated_at: Option<TimestampMs>,
}

impl Follower {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        self.open_rotated_while_away();
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

    /// Opens files that are new, under whatever name. A file that is gone is followed until its end.
    fn look_for_files(&mut self) {
        let known = self.positions();
        let found: Vec<_> = self.source.paths.iter().flat_map(|pattern| matching_files(pattern)).collect();
        for path in found {
            self.look_at(&path, &known);
        }
    }

    /// Follows the file that a path leads to, unless it is followed, or was read to its end under the name that it had before.
    fn look_at(&mut self, path: &Path, known: &BTreeMap<FileId, Position>) {
        let opened = std::fs::metadata(path).and_then(|metadata| {
            let id = FileId::of(&metadata);
            let last = known.get(&id);
            let is_read = last.is_some_and(|last| last.path != path && last.offset == metadata.len());
            if self.files.contains_key(&id) || is_read { Ok(None) } else { Tail::open(path, last).map(Some) }
        });
        match opened {
            Ok(Some(tail)) => self.follow(tail),
            Ok(None) => {}
            Err(error) => tracing::warn!(source = self.source.name, path = %path.display(), %error, "cannot open log file"),
        }
    }

    fn follow(&mut self, tail: Tail) {
        tracing::info!(source = self.source.name, path = %tail.path().display(), "following log file");
        let parser = self.parser(tail.path());
        self.files.insert(tail.id(), Followed { tail, parser, rotated_at: None });
    }

    /// Files that were renamed while nobody looked, perhaps to a name that no glob matches: their last lines are still to be read.
    /// Positions of files that nobody has seen for long are forgotten.
    fn open_rotated_while_away(&mut self) {
        for (id, position) in self.positions() {
            let leads_there = |path: &Path| std::fs::metadata(path).is_ok_and(|metadata| FileId::of(&metadata) == id);
            if leads_there(&position.path) {
                continue;
            }
            let Some(path) = siblings(&position.path).into_iter().find(|path| leads_there(path)) else {
                if position.time < self.clock.now() - FORGET_MS {
                    self.forget(&self.position_key(id));
                }
                continue;
            };
            match Tail::open(&path, Some(&position)) {
                // One that begins with something else only has the inode of the file that was meant.
                Ok(tail) if tail.path() == position.path => self.follow(tail),
                Ok(_) => {}
                Err(error) => tracing::warn!(source = self.source.name, path = %path.display(), %error, "cannot open rotated log file"),
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
        let files: Vec<_> = self.files.keys().copied().collect();
        let mut has_more = true;
        while has_more && !*stop.borrow() {
            has_more = false;
            for id in &files {
                has_more |= self.read_lines(*id, false).await?;
            }
        }
        for id in files {
            self.check_rotation(id).await?;
        }
        Ok(())
    }

    /// A file whose path leads to another one now is followed a while longer, for its writer may not know yet, and then let go.
    async fn check_rotation(&mut self, id: FileId) -> Result<(), FollowError> {
        let now = self.clock.now();
        let Some(file) = self.files.get_mut(&id) else { return Ok(()) };
        if !file.tail.is_rotated()? {
            return Ok(());
        }
        let since = *file.rotated_at.get_or_insert(now);
        let path = file.tail.path().to_owned();
        if since == now {
            let known = self.positions();
            self.look_at(&path, &known);
        }
        if now >= since + ROTATED_MS {
            while self.read_lines(id, true).await? {}
            self.files.remove(&id);
        }
        Ok(())
    }

    async fn read_lines(&mut self, id: FileId, is_last: bool) -> Result<bool, FollowError> {
        let key = self.position_key(id);
        let now = self.clock.now();
        let Some(Followed { tail, parser, .. }) = self.files.get_mut(&id) else { return Ok(false) };
        let lines = tokio::task::block_in_place(|| tail.read(is_last))?;
        let position = tail.position_after(&lines, now)?;
        if lines.len() == 0 {
            tail.advance(&position);
            return Ok(false);
        }
        let parsed = parser.parse(&lines, nanoseconds(now)).await;
        let encoded = position.encode();
        tokio::task::block_in_place(|| self.storage.append_logs_from(&parsed.entries, POSITIONS, &key, encoded.as_bytes()))?;
        tail.advance(&position);
        self.stats.log_lines.add(lines.len() as u64);
        self.stats.log_bytes.add(lines.bytes.len() as u64);
        self.stats.unparsed_log_lines.add(parsed.unparsed);
        Ok(true)
    }

    /// How far the files of this source were read.
    fn positions(&self) -> BTreeMap<FileId, Position> {
        let mut positions = BTreeMap::new();
        for (key, value) in self.storage.kv_list(POSITIONS) {
            let Some(("", id)) = key.strip_prefix(&self.source.name).and_then(|rest| rest.split_once('\0')) else { continue };
            let position = std::str::from_utf8(&value).ok().and_then(Position::decode);
            match (FileId::decode(id), position) {
                (Some(id), Some(position)) => drop(positions.insert(id, position)),
                // Written by an earlier version.
                _ => self.forget(&key),
            }
        }
        positions
    }

    fn forget(&self, key: &str) {
        if let Err(error) = self.storage.kv_put(POSITIONS, key, None) {
            tracing::warn!(source = self.source.name, error = chain(&error), "cannot forget a log position");
        }
    }

    fn position_key(&self, id: FileId) -> String {
        format!("{}\0{}", self.source.name, id.encode())
    }
}

/// What lies beside a file and begins with its name, as rotated files do.
fn siblings(path: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let name = name.to_string_lossy().into_owned();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&name)).map(|entry| entry.path()).collect()
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
