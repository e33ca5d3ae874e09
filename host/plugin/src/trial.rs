//! One plugin by itself, for its author: a file and the grants of this very run, without a folder, a lock or a server. It runs a call
//! against the world and keeps what the host answered, or answers from a recording and reaches nothing. With fuel it counts
//! what a call costs, the same on every machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::abi;
use crate::call::{Asked as Answered, Asking};
use crate::capability::network::address::TargetAddress;
use crate::capability::secrets::Secrets;
use crate::capability::state::StateStore;
use crate::engine::{self, Interruption};
use crate::exposition::{exposition, failure_text, rows_text, verdict_text};
use crate::guest::{Answer, Shared};
use crate::limits::{Limits, TotalMemory};
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
    /// Whether a guest is used again, as far as its manifest allows.
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
    /// CPU time of this call, host functions included.
    pub cpu: Duration,
    /// The most linear memory of a guest so far, bytes.
    pub peak_memory_bytes: u64,
}

impl Trial {
    /// Compiles and links a plugin. It blocks: not for a thread of the runtime.
    pub fn open(package: &Package, options: TrialOptions<'_>) -> Result<Self, Error> {
        let limits = Limits::default();
        let interruption = if options.counts_fuel { Interruption::EpochsAndFuel } else { Interruption::Epochs };
        let engine = engine::open(Some(options.cache_dir), &limits, interruption)?;
        let shared = Arc::new(Shared {
            host_name: options.host_name,
            external_labels: Vec::new(),
            total_memory: Arc::new(TotalMemory::new(limits.total_memory_bytes)),
            started: Instant::now(),
            stuck: Default::default(),
            state: Arc::new(KeptForTheRun),
            secrets: RwLock::new(options.secrets),
        });
        let effective = Effective { grants: options.grants, ..Effective::default() };
        let record = Record::default();
        let plugin = LoadedPlugin::load(&engine, package, &effective, &limits, &shared, &record)?;
        let reuses_guests = options.reuses_guests && package.manifest.reuse;
        Ok(Self { package: package.clone(), plugin: Arc::new(plugin), record, back_off: Mutex::default(), limits, reuses_guests })
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
        let before = self.record.counters.read();
        let asking = Asking {
            plugin: &self.plugin,
            back_off: &self.back_off,
            keep_idle: if self.reuses_guests { self.limits.idle_guests } else { 0 },
            target_name,
            target,
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
        let answered = asking.ask(&request, |answer| text(answer, lines, limits)).await;
        let after = self.record.counters.read();
        Ok(self.tried(input, answered, after.cpu.saturating_sub(before.cpu), after.peak_memory_bytes))
    }

    fn tried(&self, input: &Input, answered: Answered<String>, cpu: Duration, peak_memory_bytes: u64) -> Tried {
        let (output, error) = match answered.result {
            Ok(output) => (output, None),
            Err(error) => (failure_text(&error), Some(error)),
        };
        let manifest = &self.package.manifest;
        let facts = Facts {
            plugin: &manifest.name,
            version: &manifest.version.to_string(),
            digest: None,
            time_ms: None,
            error: error.as_ref(),
            output: &output,
        };
        let (recording, divergence) = match &answered.tape {
            Tape::Recording(calls) => (Recording::of(&facts, input.clone(), calls), None),
            Tape::Replaying(replayer) => (Recording::of(&facts, input.clone(), &Default::default()), replayer.problem()),
            Tape::Off => (Recording::of(&facts, input.clone(), &Default::default()), None),
        };
        Tried { output, error, recording, divergence, fuel: answered.fuel, cpu, peak_memory_bytes }
    }
}

/// The answer as text, verified as a server would.
fn text(answer: Answer, lines: Option<&LineBatch>, limits: &crate::limits::CallLimits) -> Result<String, String> {
    let samples = |batch| {
        let mut batch = abi::sample_batch(batch);
        verify::samples(&mut batch, limits).map(|()| batch)
    };
    match (answer, lines) {
        (Answer::Batch(batch), _) => samples(batch).map(|batch| exposition(&batch)),
        (Answer::Outcome(outcome), _) => {
            let detail = crate::capability::log::escaped(&outcome.detail);
            let verdict = Verdict { is_up: outcome.is_up, detail, samples: samples(outcome.samples)? };
            Ok(verdict_text(&verdict))
        }
        (Answer::Rows(rows), Some(lines)) => {
            let numbers = rows.fields.len();
            let batch = abi::log_batch(rows);
            verify::rows(&batch, numbers, &lines.bytes, lines.len(), limits)?;
            Ok(rows_text(&batch, lines))
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
