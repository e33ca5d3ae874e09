//! One plugin by itself, for its author: a file and the grants of this very run, without a folder, a lock or a server. It runs a call
//! against the world and keeps what the host answered, or answers from a recording and reaches nothing. With fuel it counts
//! what a call costs, the same on every machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use cepmon_model::{LogBatch, SampleBatch};
use serde_json::Value;

use crate::abi;
use crate::call::Asking;
use crate::capability::network::address::TargetAddress;
use crate::capability::secrets::Secrets;
use crate::capability::state::StateStore;
use crate::engine;
use crate::exposition::{exposition, failure_text, rows_text, verdict_text};
use crate::guest::{Answer, Shared};
use crate::limits::{CallLimits, Limits, TotalMemory};
use crate::load::LoadedPlugin;
use crate::lock::Effective;
use crate::package::Package;
use crate::record::Record;
use crate::recording::{Asked, Facts, Input, Recording};
use crate::tape::Tape;
use crate::{CallError, Error, Grants, LineBatch, Verdict, verify};

/// Bytes of the host's answers that a recording holds. More would be no fixture that anybody reads.
const MAX_RECORDED_BYTES: usize = 4 << 20;

/// How a trial is set up.
#[derive(Debug)]
pub struct TrialOptions<'a> {
    /// What the plugin may do in this run.
    pub grants: Grants,
    /// Values for the secrets among them.
    pub secrets: Secrets,
    /// wasmtime's cache of compiled code.
    pub cache_dir: &'a Path,
    /// The host's name, for the plugin.
    pub host_name: String,
    /// Whether fuel is counted. It makes code slower, so nothing is timed with it.
    pub counts_fuel: bool,
    /// Whether a guest is used again, whatever its manifest says.
    pub reuses_guests: bool,
}

/// A plugin that can be called.
#[derive(Debug)]
pub struct Trial {
    package: Package,
    plugin: Arc<LoadedPlugin>,
    record: Record,
    back_off: Mutex<crate::backoff::BackOff>,
    limits: Limits,
    reuses_guests: bool,
}

/// What a call came to.
#[derive(Debug)]
pub struct Tried {
    /// The answer, or the failure, as text.
    pub output: String,
    /// How it failed, if it did.
    pub error: Option<CallError>,
    /// Input, host calls and output; without fuel.
    pub recording: Recording,
    /// Where a replay left the recording.
    pub divergence: Option<String>,
    /// What it cost, where it is counted.
    pub fuel: Option<u64>,
    /// Wall time of the call, without what a replay needed to read its recording.
    pub wall: Duration,
    /// The most linear memory of a guest so far, bytes.
    pub peak_memory_bytes: u64,
}

impl Trial {
    /// Compiles and links a plugin. It blocks: not for a thread of the runtime.
    pub fn open(package: &Package, options: TrialOptions<'_>) -> Result<Self, Error> {
        let limits = Limits::default();
        let open = if options.counts_fuel { engine::open_counting_fuel } else { engine::open };
        let engine = open(Some(options.cache_dir), &limits)?;
        let shared = Arc::new(Shared {
            host_name: options.host_name,
            external_labels: Vec::new(),
            total_memory: Arc::new(TotalMemory::new(limits.total_memory_bytes)),
            tokens: crate::credentials::Tokens::default(),
            started: Instant::now(),
            stuck: Default::default(),
            state: Arc::new(KeptForTheRun),
            secrets: RwLock::new(options.secrets),
        });
        let effective = Effective { grants: options.grants, ..Effective::default() };
        let record = Record::default();
        let plugin =
            LoadedPlugin::load(&engine, package, &effective, limits.of(&package.manifest, &Default::default()), &shared, &record, None)?;
        Ok(Self {
            package: package.clone(),
            plugin: Arc::new(plugin),
            record,
            back_off: Mutex::default(),
            limits,
            reuses_guests: options.reuses_guests,
        })
    }

    /// Checks settings against the plugin's schema and fills defaults in.
    pub fn check_settings(&self, settings: &Value) -> Result<Value, crate::SettingsError> {
        let text = crate::settings::check_settings(&self.package.manifest, settings)?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// One call against the world, within what was granted. Its host calls are recorded up to 4 MiB.
    pub async fn run(&self, input: &Input) -> Result<Tried, Error> {
        self.call(input, Tape::recording(MAX_RECORDED_BYTES)).await
    }

    /// The recorded call once more. The host's answers come from the recording, so it is the same every time.
    pub async fn replay(&self, recording: &Recording) -> Result<Tried, Error> {
        self.call(&recording.input, Tape::replaying(&recording.calls)).await
    }

    async fn call(&self, input: &Input, tape: Tape) -> Result<Tried, Error> {
        let manifest = &self.package.manifest;
        let unfit = |problem: String| Error::NotAPlugin { path: self.package.path.clone(), problem };
        let asked = input.asked().map_err(unfit)?;
        let Some(request) = asked.request(manifest.kind) else {
            return Err(unfit(format!("it has kind {}, the input is for another kind", manifest.kind)));
        };
        let (target_name, target, timeout) = match &asked {
            Asked::Target(target, timeout) => (target.address.as_str(), TargetAddress::parse(&target.address, true), *timeout),
            Asked::Lines(..) => ("", None, self.limits.parse_time),
        };
        // Every call is on its own: neither back-off nor the statistics of those before.
        *crate::lock_mutex(&self.back_off) = Default::default();
        let asking = Asking {
            plugin: &self.plugin,
            back_off: &self.back_off,
            keep_idle: if self.reuses_guests { self.limits.idle_guests } else { 0 },
            target_name,
            target,
            http: None,
            timeout,
            may_back_off: false,
            tape,
            keeps_failures: false,
        };
        let lines = match &asked {
            Asked::Lines(lines, _) => Some(lines),
            Asked::Target(..) => None,
        };
        let limits = &self.plugin.context.limits;
        let began = Instant::now();
        let answered = asking.ask(&request, |answer| verified(answer, lines, limits)).await;
        let wall = began.elapsed();
        let (output, error) = match answered.result {
            Ok(answer) => (answer.text(lines), None),
            Err(error) => (failure_text(&error), Some(error)),
        };
        let facts = Facts {
            plugin: &manifest.name,
            version: &manifest.version.to_string(),
            digest: None,
            time_ms: None,
            error: error.as_ref(),
            output: &output,
        };
        let recording = match &answered.tape {
            Tape::Recording(calls) => Recording::of(&facts, input.clone(), calls),
            _ => Recording::of(&facts, input.clone(), &Default::default()),
        };
        let (divergence, reading) = match &answered.tape {
            Tape::Replaying(replayer) => (replayer.problem(), replayer.reading),
            _ => (None, Duration::ZERO),
        };
        let peak_memory_bytes = self.record.counters.read().peak_memory_bytes;
        Ok(Tried { output, error, recording, divergence, fuel: answered.fuel, wall: wall.saturating_sub(reading), peak_memory_bytes })
    }
}

/// An answer that a server would take.
enum Verified {
    Samples(SampleBatch),
    Verdict(Verdict),
    Rows(LogBatch),
}

impl Verified {
    fn text(&self, lines: Option<&LineBatch>) -> String {
        match self {
            Self::Samples(batch) => exposition(batch),
            Self::Verdict(verdict) => verdict_text(verdict),
            Self::Rows(batch) => rows_text(batch, lines.unwrap_or(&LineBatch::default())),
        }
    }
}

fn verified(answer: Answer, lines: Option<&LineBatch>, limits: &CallLimits) -> Result<Verified, String> {
    let samples = |batch| {
        let mut batch = abi::sample_batch(batch);
        verify::samples(&mut batch, limits).map(|()| batch)
    };
    match (answer, lines) {
        (Answer::Batch(batch), _) => samples(batch).map(Verified::Samples),
        (Answer::Outcome(outcome), _) => {
            let detail = crate::capability::log::escaped(&outcome.detail);
            Ok(Verified::Verdict(Verdict { is_up: outcome.is_up, detail, samples: samples(outcome.samples)? }))
        }
        (Answer::Rows(rows), Some(lines)) => {
            let numbers = rows.fields.len();
            let batch = abi::log_batch(rows);
            verify::rows(&batch, numbers, &lines.bytes, lines.len(), limits)?;
            Ok(Verified::Rows(batch))
        }
        (Answer::Rows(_), None) => Err("an answer of another world".to_owned()),
    }
}

/// Values of `state` live as long as the trial, in the plugin's own memory of them.
#[derive(Debug)]
struct KeptForTheRun;

impl StateStore for KeptForTheRun {
    fn load(&self, _: &str) -> BTreeMap<String, Vec<u8>> {
        BTreeMap::new()
    }

    fn put(&self, _: &str, _: &str, _: Option<&[u8]>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
