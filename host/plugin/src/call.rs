//! One call: a permit, a guest, the question, the clock, and what went wrong in the host's eight words. What the answer is worth is
//! `verify.rs`.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cepmon_model::FailureKind;
use wasmtime::{Trap, WasmBacktrace};

use crate::CallError;
use crate::abi::wit;
use crate::backoff::BackOff;
use crate::capability::log::clipped;
use crate::capability::network::address::TargetAddress;
use crate::cpu::Metered;
use crate::error::joined;
use crate::guest::{Answer, Call, Guest, Request};
use crate::http_options::HttpOptions;
use crate::limits::Refused;
use crate::load::LoadedPlugin;
use crate::tape::Tape;

/// A question on its way.
pub(crate) struct Asking<'a> {
    pub(crate) plugin: &'a Arc<LoadedPlugin>,
    pub(crate) back_off: &'a Mutex<BackOff>,
    /// Whether guests serve many calls, and how many idle ones are kept.
    pub(crate) keep_idle: usize,
    /// The target's address for statistics and back-off; empty for log parsers.
    pub(crate) target_name: &'a str,
    pub(crate) target: Option<TargetAddress>,
    /// What the host adds to requests to the target.
    pub(crate) http: Option<Arc<HttpOptions>>,
    pub(crate) timeout: Duration,
    /// Whether a failure counts towards back-off.
    pub(crate) may_back_off: bool,
    /// Where the guest's host calls go.
    pub(crate) tape: Tape,
    /// Whether what is on the tape of a failed call is kept with the plugin.
    pub(crate) keeps_failures: bool,
}

/// What a question came to.
#[derive(Debug)]
pub(crate) struct Asked<R> {
    pub(crate) result: Result<R, CallError>,
    /// Its host calls; off when they were kept with a failure, or none was made.
    pub(crate) tape: Tape,
    pub(crate) fuel: Option<u64>,
}

impl Asking<'_> {
    /// Asks, and hands the answer to `verify`; whatever fails is counted.
    pub(crate) async fn ask<R>(mut self, request: &Request<'_>, verify: impl FnOnce(Answer) -> Result<R, String>) -> Asked<R> {
        let counters = &self.plugin.context.counters;
        let began = Instant::now();
        if let Some(refusal) = crate::lock_mutex(self.back_off).refusal(self.target_name, began) {
            counters.count_back_off();
            return Asked { result: Err(refusal), tape: Tape::Off, fuel: None };
        }
        let mut fuel = None;
        let result = self.run(request, began, &mut fuel).await.and_then(|answer| {
            verify(answer).map_err(|problem| CallError::new(FailureKind::Output, format!("the plugin's answer is invalid: {problem}")))
        });
        match &result {
            Ok(_) => crate::lock_mutex(self.back_off).succeeded(self.target_name),
            Err(error) => {
                counters.count_failure(error, self.target_name);
                if self.keeps_failures {
                    let tape = std::mem::take(&mut self.tape);
                    self.plugin.failures.keep(request, tape, error, &self.plugin.version, self.plugin.digest);
                }
                if self.may_back_off {
                    crate::lock_mutex(self.back_off).failed(self.target_name, error, Instant::now());
                }
            }
        }
        Asked { result, tape: self.tape, fuel }
    }

    async fn run(&mut self, request: &Request<'_>, began: Instant, fuel: &mut Option<u64>) -> Result<Answer, CallError> {
        let deadline = began + self.timeout;
        let late = || CallError::new(FailureKind::Deadline, format!("the deadline of {} s passed", self.timeout.as_secs_f64()));
        let plugin = self.plugin;
        let permit = tokio::time::timeout_at(deadline.into(), plugin.permits.acquire()).await;
        let _permit = permit.map_err(|_| late())?.map_err(|_| CallError::new(FailureKind::Load, "the plugin is closed"))?;
        let mut call = Call::new(self.target.clone(), deadline, &plugin.context.limits);
        call.tape = std::mem::take(&mut self.tape);
        call.http.clone_from(&self.http);
        let mut guest = self.guest(call);
        let meter = Arc::clone(guest.meter());
        let asked = Metered::new(guest.ask(&plugin.pre, request), Arc::clone(&meter));
        let outcome = tokio::time::timeout_at(deadline.into(), asked).await;
        self.tape = guest.end();
        *fuel = guest.fuel_spent();
        let state = guest.state();
        state.log.settle();
        plugin.context.counters.count_call(meter.spent(), began.elapsed(), state.limiter.peak());
        match outcome {
            // Not even the deadline interrupts a guest; its future was dropped, so the guest is dead.
            Err(_) => Err(late()),
            Ok(Err(error)) => Err(crash(&guest, &error)),
            Ok(Ok(Err(error))) => {
                let error = guest_error(error, guest.state().call.denied.as_deref());
                self.keep(guest);
                Err(error)
            }
            Ok(Ok(Ok(answer))) => {
                self.keep(guest);
                Ok(answer)
            }
        }
    }

    fn guest(&self, call: Call) -> Guest {
        let idle = crate::lock_mutex(&self.plugin.idle).pop();
        match idle {
            Some(mut guest) => {
                guest.begin(call);
                guest
            }
            None => {
                self.plugin.context.counters.count_guest();
                // Drawn at random, so that guests that began together do not all end together.
                let calls = 96 + u32::try_from(RandomState::new().hash_one(0u8) % 64).unwrap_or(0);
                Guest::new(&self.plugin.engine, &self.plugin.context, call, calls)
            }
        }
    }

    fn keep(&self, mut guest: Guest) {
        guest.calls_left = guest.calls_left.saturating_sub(1);
        let state = guest.state();
        let is_too_large = state.limiter.is_too_large_to_keep() || state.context.shared.total_memory.is_short();
        if self.keep_idle == 0 || guest.calls_left == 0 || is_too_large {
            return;
        }
        guest.idle_since = Instant::now();
        let mut idle = crate::lock_mutex(&self.plugin.idle);
        if idle.len() < self.keep_idle {
            idle.push(guest);
        }
    }
}

/// What ended a guest. Out of memory, a spent budget and a panic all look like a trap from outside; the host's own records tell.
fn crash(guest: &Guest, error: &wasmtime::Error) -> CallError {
    let state = guest.state();
    let limits = &state.context.limits;
    if guest.meter().was_spent() {
        return CallError::new(FailureKind::Cpu, format!("the CPU budget of {} s is spent", limits.cpu.as_secs_f64()));
    }
    if let Some(refused) = state.limiter.refused() {
        let message = match refused {
            Refused::Memory => format!("the plugin asked for more memory than its limit of {} MiB", limits.memory_bytes >> 20),
            Refused::Share => {
                "the guests of the plugin have taken half of the memory of all guests; fewer at once, or smaller ones".to_owned()
            }
            Refused::Total => "the memory of all guests together is taken".to_owned(),
            Refused::Table => format!("the plugin asked for a table of more than {} elements", limits.table_elements),
        };
        return CallError::new(FailureKind::Memory, message);
    }
    let said = state.log.last_words().map(|words| format!("; it said: {words}")).unwrap_or_default();
    let reason = joined(error);
    if let Some(trap) = error.downcast_ref::<Trap>() {
        let frames: Vec<String> = error.downcast_ref::<WasmBacktrace>().map_or(Vec::new(), |backtrace| {
            let names = backtrace.frames().iter().filter_map(wasmtime::FrameInfo::func_name);
            names.take(3).map(|name| without_hash(name).to_owned()).collect()
        });
        let at = if frames.is_empty() { String::new() } else { format!(" in {}", frames.join(" < ")) };
        return CallError::new(FailureKind::Trap, clip(&format!("the plugin crashed: {trap}{at}{said}")));
    }
    if error.downcast_ref::<wasmtime_wasi::I32Exit>().is_some() {
        return CallError::new(FailureKind::Trap, clip(&format!("the plugin ended itself{said}")));
    }
    // A host function refused what it was called with: it carries the guest's frames, an answer that cannot be lifted does not.
    if error.downcast_ref::<WasmBacktrace>().is_some() {
        return CallError::new(FailureKind::Trap, clip(&format!("the plugin crashed in a function of the host: {}", error.root_cause())));
    }
    // wasmtime gives no type to these: no guest could be made, or the answer could not be lifted, or was larger than the crossing allows.
    let kind = if guest.has_started() { FailureKind::Output } else { FailureKind::Load };
    CallError::new(kind, clip(&reason))
}

/// The guest's own error. Whoever was denied something and then fails has failed because of it.
fn guest_error(error: wit::types::Error, denied: Option<&str>) -> CallError {
    use wit::types::Error as E;
    let (kind, message) = match error {
        E::Denied(message) => (FailureKind::Denied, message),
        E::Timeout => (FailureKind::Deadline, "the target did not answer in time".to_owned()),
        E::Config(message) => (FailureKind::Guest, format!("settings: {message}")),
        E::Unreachable(message) | E::Protocol(message) | E::Other(message) => (FailureKind::Guest, message),
    };
    match denied {
        // The way out stands at the end of the host's own words, so only the guest's are cut.
        Some(denied) if kind != FailureKind::Denied => CallError::new(FailureKind::Denied, format!("{}; {denied}", clip(&message))),
        _ => CallError::new(kind, clip(&message)),
    }
}

fn without_hash(name: &str) -> &str {
    // `func_name` is demangled by wasmtime; the hash at its end says nothing to people.
    name.rsplit_once("::h").filter(|(_, hash)| hash.len() == 16).map_or(name, |(name, _)| name)
}

/// Messages of guests are of any length.
fn clip(message: &str) -> String {
    clipped(message, 2_000)
}

#[cfg(test)]
mod tests;
