//! The host's face: plugins by name, and the three questions that can be put to them. Loading and reloading is `reload.rs`, a
//! single call is `call.rs`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use cepmon_model::{FailureKind, LogBatch, SampleBatch};
use wasmtime::Engine;

use crate::abi::{self, wit};
use crate::call::Asking;
use crate::capability::network::address::TargetAddress;
use crate::capability::secrets::Secrets;
use crate::capability::state::StateStore;
use crate::credentials::Tokens;
use crate::error::suggestion;
use crate::guest::{Answer, Request, Shared};
use crate::http_options::HttpOptions;
use crate::limits::{LimitOverrides, Limits, TotalMemory};
use crate::manifest::PluginKind;
use crate::reload::{Entry, Loading};
use crate::tape::Tape;
use crate::watch::FolderState;
use crate::{CallError, Error, PluginStatus, Recording, ReloadReport, SettingsError, engine, failures, verify};

/// How a host is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The operator's plugins and `plugins.lock`; a missing folder is an empty one.
    pub plugins_dir: PathBuf,
    /// Plugins that come with cepmon, and `bundled.lock`. One of the same name in `plugins_dir` wins.
    pub bundled_dir: Option<PathBuf>,
    /// wasmtime's cache of compiled code; made private to the user. Code from here is executed: never share it.
    pub cache_dir: PathBuf,
    /// The program whose command `plugin compile` calls [`crate::compile_for_cache`]; plugins of the operator are compiled by a process
    /// of it, so that a file that is made to be slow to compile is stopped. Without it they are compiled here, without bounds.
    pub compiler: Option<PathBuf>,
    /// The host's name, for guests.
    pub host_name: String,
    /// `global.external_labels`, for guests.
    pub external_labels: Vec<(String, String)>,
    /// Limits of guests.
    pub limits: Limits,
    /// Limits of single plugins, by name.
    pub overrides: BTreeMap<String, LimitOverrides>,
    /// Where the values of `state` are kept.
    pub state: Arc<dyn StateStore>,
}

/// All plugins. Cheap to clone; clones are the same host.
#[derive(Debug, Clone)]
pub struct PluginHost {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) options: Options,
    /// Runs exactly what the lock files say, or nothing.
    pub(crate) is_locked: bool,
    pub(crate) engine: Engine,
    pub(crate) shared: Arc<Shared>,
    pub(crate) plugins: RwLock<BTreeMap<String, Arc<Entry>>>,
    /// By plugin; read at the next load.
    pub(crate) overrides: RwLock<BTreeMap<String, LimitOverrides>>,
    /// Held while a folder is read, so that two reloads do not mix.
    pub(crate) reloading: Mutex<()>,
}

/// What an exporter or a probe is asked about.
#[derive(Debug, Clone)]
pub struct TargetSpec {
    /// `host:port`, a URL or a host; empty for an exporter that looks at the host itself.
    pub address: String,
    /// Query parameters, in order; names may repeat.
    pub parameters: Vec<(String, String)>,
    /// What [`PluginHost::check_settings`] gave.
    pub settings: Arc<str>,
    /// Whether the operator wrote the address down himself, rather than a discovery that others can write to. Only then it may be
    /// a link-local or metadata address.
    pub is_static: bool,
    /// What the host adds to HTTP requests that go to this very target; the guest does not see it.
    pub http: Option<Arc<HttpOptions>>,
}

/// A probe's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Whether the target is up.
    pub is_up: bool,
    /// One line for people: why it is down, or what answered.
    pub detail: String,
    /// The samples (`probe_*`).
    pub samples: SampleBatch,
}

/// Log lines in one buffer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineBatch {
    /// The lines' bytes, line ends left out or not; offsets decide.
    pub bytes: Vec<u8>,
    /// Start and end of each line: two numbers a line.
    pub offsets: Vec<u32>,
    /// When the host read each line, Unix nanoseconds.
    pub times_ns: Vec<i64>,
}

impl LineBatch {
    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.offsets.len() / 2
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }
}

/// Where lines come from.
#[derive(Debug, Clone)]
pub struct LogStreamSpec {
    /// The stream's labels.
    pub labels: Vec<(String, String)>,
    /// What [`PluginHost::check_settings`] gave.
    pub settings: Arc<str>,
}

impl PluginHost {
    /// Starts the engine and loads all plugins. A file that cannot be loaded is no error: it stands in [`PluginHost::plugins`] with
    /// its reason. Compiling takes about 30 ms per 50 KiB the first time; the cache makes it a millisecond.
    /// It blocks: not for a thread of the runtime.
    pub fn open(options: Options) -> Result<Self, Error> {
        Self::open_with(options, false)
    }

    /// The same, but exactly what the lock files say and nothing else: with a file that is in no lock, has another digest or is
    /// missing it does not start, and a reload that would lead there changes nothing.
    pub fn open_locked(options: Options) -> Result<Self, Error> {
        Self::open_with(options, true)
    }

    fn open_with(options: Options, is_locked: bool) -> Result<Self, Error> {
        let engine = engine::open(Some(&options.cache_dir), &options.limits)?;
        let shared = Arc::new(Shared {
            host_name: options.host_name.clone(),
            external_labels: options.external_labels.clone(),
            total_memory: Arc::new(TotalMemory::new(options.limits.total_memory_bytes)),
            tokens: Tokens::default(),
            started: Instant::now(),
            stuck: Default::default(),
            state: Arc::clone(&options.state),
            secrets: RwLock::default(),
        });
        let overrides = RwLock::new(options.overrides.clone());
        let inner =
            Arc::new(Inner { overrides, options, is_locked, engine, shared, plugins: RwLock::default(), reloading: Mutex::new(()) });
        Loading::new(&inner)?.run();
        start_sweeper(&inner)?;
        Ok(Self { inner })
    }

    /// Reads the folders and lock files again. New and changed files are compiled and linked beside the running ones and then take
    /// their place; calls under way end on the old ones; a file that cannot be loaded never replaces one that runs. It blocks while it
    /// compiles: not for a thread of the runtime.
    pub fn reload(&self) -> ReloadReport {
        match Loading::new(&self.inner) {
            Ok(loading) => loading.run(),
            Err(error) => ReloadReport { failed: vec![(String::new(), error.line())], ..ReloadReport::default() },
        }
    }

    /// Limits of single plugins from now on, by name; plugins whose limits change are linked anew, calls under way end on the old ones.
    /// It blocks like [`PluginHost::reload`].
    pub fn set_limits(&self, overrides: BTreeMap<String, LimitOverrides>) {
        let mut current = self.inner.overrides.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *current == overrides {
            return;
        }
        *current = overrides;
        drop(current);
        self.reload();
    }

    /// What can be seen of the folders now; when it has changed and stays the same, it is time for a [`PluginHost::reload`].
    pub fn folder_state(&self) -> FolderState {
        let options = &self.inner.options;
        let folders: Vec<&std::path::Path> =
            [Some(&options.plugins_dir), options.bundled_dir.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect();
        FolderState::of(&folders)
    }

    /// The secrets that guests may ask for from now on, by the names that the configuration gives them.
    pub fn set_secrets(&self, secrets: Secrets) {
        *self.inner.shared.secrets.write().unwrap_or_else(std::sync::PoisonError::into_inner) = secrets;
    }

    /// The operator's folder.
    pub fn plugins_dir(&self) -> &std::path::Path {
        &self.inner.options.plugins_dir
    }

    /// All plugins, sorted by name.
    pub fn plugins(&self) -> Vec<PluginStatus> {
        let now = Instant::now();
        self.entries().values().map(|entry| entry.status(now)).collect()
    }

    /// Linear memory of all guests now, bytes.
    pub fn guest_memory_bytes(&self) -> usize {
        self.inner.shared.total_memory.used()
    }

    /// The kind of a plugin, if it is there and its file could be read.
    pub fn kind(&self, plugin: &str) -> Option<PluginKind> {
        Some(self.entries().get(plugin)?.package.as_ref()?.manifest.kind)
    }

    /// Checks settings against the plugin's schema and fills defaults in; the text goes into [`TargetSpec::settings`].
    pub fn check_settings(&self, plugin: &str, settings: &serde_json::Value) -> Result<String, SettingsError> {
        let entries = self.entries();
        let Some(entry) = entries.get(plugin) else {
            return Err(SettingsError::whole(plugin, unknown_plugin(plugin, &entries).to_string()));
        };
        match (&entry.package, &entry.loaded) {
            (Some(package), _) => crate::settings::check_settings(&package.manifest, settings),
            (None, Err(problem)) => Err(SettingsError::whole(plugin, problem.clone())),
            (None, Ok(_)) => Err(SettingsError::whole(plugin, "its file cannot be read".to_owned())),
        }
    }

    /// Asks an exporter for its samples. Safe to drop: the guest ends with it.
    pub async fn collect(&self, plugin: &str, target: &TargetSpec, timeout: Duration) -> Result<SampleBatch, CallError> {
        let entry = self.entry(plugin, PluginKind::Exporter)?;
        let asking = self.asking(&entry, Some(target), timeout)?;
        let loaded = Arc::clone(asking.plugin);
        let request = Request::Collect(target.to_wit(timeout));
        let answer = asking.ask(&request, |answer| match answer {
            Answer::Batch(batch) => verified(batch, &loaded),
            _ => Err("an answer of another world".to_owned()),
        });
        answer.await.result
    }

    /// Asks a probe for its verdict. Safe to drop: the guest ends with it.
    pub async fn probe(&self, plugin: &str, target: &TargetSpec, timeout: Duration) -> Result<Verdict, CallError> {
        let entry = self.entry(plugin, PluginKind::Probe)?;
        let asking = self.asking(&entry, Some(target), timeout)?;
        let loaded = Arc::clone(asking.plugin);
        let request = Request::Check(target.to_wit(timeout));
        let answer = asking.ask(&request, |answer| match answer {
            Answer::Outcome(outcome) => {
                let detail = crate::capability::log::clipped(&outcome.detail, 1024);
                Ok(Verdict { is_up: outcome.is_up, detail, samples: verified(outcome.samples, &loaded)? })
            }
            _ => Err("an answer of another world".to_owned()),
        });
        answer.await.result
    }

    /// Has a log parser make rows of lines. Fields point into `lines`. When it fails, the caller keeps the lines as they are: no line
    /// is lost because a parser is bad. The deadline is [`Limits::parse_time`].
    pub async fn parse(&self, plugin: &str, lines: &LineBatch, stream: &LogStreamSpec) -> Result<LogBatch, CallError> {
        let entry = self.entry(plugin, PluginKind::LogParser)?;
        let mut asking = self.asking(&entry, None, self.inner.options.limits.parse_time)?;
        // Callers halve a batch that fails until the bad line is alone; backing off on the way there would punish its neighbours.
        asking.may_back_off = lines.len() <= 1;
        let loaded = Arc::clone(asking.plugin);
        let (labels, settings) = (stream.labels.clone(), stream.settings.to_string());
        let request = Request::Parse { lines, stream: wit::types::LogStream { labels, settings } };
        let answer = asking.ask(&request, move |answer| match answer {
            Answer::Rows(rows) => {
                let numbers = rows.fields.len();
                let batch = abi::log_batch(rows);
                verify::rows(&batch, numbers, &lines.bytes, lines.len(), &loaded.context.limits)?;
                loaded.context.counters.count_bytes_out(batch.extra.len() + 8 * batch.fields.len());
                Ok(batch)
            }
            _ => Err("an answer of another world".to_owned()),
        });
        answer.await.result
    }

    /// The last failed calls of a plugin, one of each kind of failure, the last one first, with their inputs and the host's answers;
    /// none if there is no such plugin.
    pub fn failures(&self, plugin: &str) -> Option<Vec<Recording>> {
        let entry = Arc::clone(self.entries().get(plugin)?);
        Some(entry.failures(plugin))
    }

    /// Tokens that were fetched for requests.
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.inner.shared.tokens
    }

    fn entries(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Arc<Entry>>> {
        self.inner.plugins.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn entry(&self, plugin: &str, kind: PluginKind) -> Result<Arc<Entry>, CallError> {
        let entries = self.entries();
        let Some(entry) = entries.get(plugin) else {
            return Err(CallError::new(FailureKind::Load, unknown_plugin(plugin, &entries).to_string()));
        };
        match entry.package.as_ref().map(|package| package.manifest.kind) {
            Some(own) if own != kind => {
                let message = format!("plugin \"{plugin}\" has kind {own}, here it would have to be {kind}");
                Err(CallError::new(FailureKind::Load, message))
            }
            _ => Ok(Arc::clone(entry)),
        }
    }

    fn asking<'a>(&self, entry: &'a Entry, target: Option<&'a TargetSpec>, timeout: Duration) -> Result<Asking<'a>, CallError> {
        let plugin = entry.loaded.as_ref().map_err(|problem| CallError::new(FailureKind::Load, problem.clone()))?;
        let is_reused = entry.package.as_ref().is_some_and(|package| package.manifest.reuse);
        Ok(Asking {
            plugin,
            back_off: &entry.back_off,
            keep_idle: if is_reused { self.inner.options.limits.idle_guests } else { 0 },
            target_name: target.map_or("", |target| target.address.as_str()),
            target: target.and_then(|target| TargetAddress::parse(&target.address, target.is_static)),
            http: target.and_then(|target| target.http.clone()),
            timeout,
            may_back_off: true,
            tape: Tape::recording(failures::MAX_BYTES),
            keeps_failures: true,
        })
    }
}

impl TargetSpec {
    pub(crate) fn to_wit(&self, timeout: Duration) -> wit::types::Target {
        wit::types::Target {
            address: self.address.clone(),
            parameters: self.parameters.clone(),
            settings: self.settings.to_string(),
            timeout_ns: u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

fn verified(batch: wit::types::Batch, plugin: &crate::load::LoadedPlugin) -> Result<SampleBatch, String> {
    let mut batch = abi::sample_batch(batch);
    verify::samples(&mut batch, &plugin.context.limits)?;
    plugin.context.counters.count_bytes_out(batch.text.len() + 16 * batch.values.len());
    Ok(batch)
}

fn unknown_plugin(plugin: &str, entries: &BTreeMap<String, Arc<Entry>>) -> Error {
    Error::UnknownPlugin { name: plugin.to_owned(), suggestion: suggestion(plugin, entries.keys().map(String::as_str)) }
}

/// A thread that drops idle guests and connections; it ends within its interval after the host.
fn start_sweeper(inner: &Arc<Inner>) -> Result<(), Error> {
    const INTERVAL: Duration = Duration::from_secs(5);
    let (weak, idle_time) = (Arc::downgrade(inner), inner.options.limits.idle_time);
    let sweep = move || {
        loop {
            std::thread::sleep(INTERVAL);
            let Some(inner) = weak.upgrade() else { return };
            let entries: Vec<Arc<Entry>> =
                inner.plugins.read().unwrap_or_else(std::sync::PoisonError::into_inner).values().cloned().collect();
            for plugin in entries.iter().filter_map(|entry| entry.loaded.as_ref().ok()) {
                plugin.sweep(Instant::now(), idle_time);
            }
        }
    };
    let started = std::thread::Builder::new().name("cepmon-sweep".to_owned()).spawn(sweep);
    started.map(drop).map_err(|error| Error::Engine { problem: format!("cannot start the sweeper: {error}") })
}
