//! A guest: a store with one instance of a plugin in it, and what the host functions need to know while it runs. It knows neither
//! plugins' files nor what is done with answers. After a trap or a cancelled call a guest is dead and is dropped.

use std::sync::{Arc, RwLock};
use std::time::Instant;

use wasmtime::component::InstancePre;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::abi::{exporter, log_parser, probe, wit};
use crate::access::Access;
use crate::capability::http::HttpClient;
use crate::capability::log::LogSink;
use crate::capability::network::address::TargetAddress;
use crate::capability::network::socket::Sockets;
use crate::capability::secrets::Secrets;
use crate::capability::state::{StateStore, Values};
use crate::capability::wasi::Wasi;
use crate::cpu::CpuMeter;
use crate::credentials::Tokens;
use crate::grant::Capability;
use crate::http_options::HttpOptions;
use crate::limits::{CallLimits, MAX_RESOURCES, MemoryLimiter, TotalMemory};
use crate::stats::Counters;
use crate::tape::Tape;
use crate::uses::Uses;

/// What all guests of one plugin share.
#[derive(Debug)]
pub(crate) struct PluginContext {
    pub(crate) name: String,
    pub(crate) limits: CallLimits,
    pub(crate) access: Access,
    pub(crate) uses: Arc<Uses>,
    pub(crate) http: HttpClient,
    pub(crate) state: Arc<Values>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) shared: Arc<Shared>,
    /// Linear memory of this plugin's guests.
    pub(crate) memory: Arc<TotalMemory>,
    pub(crate) is_foreign: bool,
}

/// What all guests of the host share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) host_name: String,
    pub(crate) external_labels: Vec<(String, String)>,
    pub(crate) total_memory: Arc<TotalMemory>,
    /// Tokens that the host has fetched for requests to targets.
    pub(crate) tokens: Tokens,
    /// The zero of the guests' monotonic clock.
    pub(crate) started: Instant,
    pub(crate) stuck: crate::capability::beneath::StuckPaths,
    /// Where the values of `state` are kept.
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) secrets: RwLock<Secrets>,
}

/// One call's circumstances.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) target: Option<TargetAddress>,
    /// What the host adds to requests to the target.
    pub(crate) http: Option<Arc<HttpOptions>>,
    pub(crate) deadline: Instant,
    /// What was denied last in this call.
    pub(crate) denied: Option<String>,
    pub(crate) network_bytes_left: usize,
    pub(crate) state_bytes_written: usize,
    /// Where its host calls go.
    pub(crate) tape: Tape,
}

impl Call {
    pub(crate) fn new(target: Option<TargetAddress>, deadline: Instant, limits: &CallLimits) -> Self {
        Self {
            target,
            http: None,
            deadline,
            denied: None,
            network_bytes_left: limits.network_bytes,
            state_bytes_written: 0,
            tape: Tape::Off,
        }
    }
}

/// The data of a store.
pub(crate) struct GuestState {
    pub(crate) context: Arc<PluginContext>,
    pub(crate) call: Call,
    pub(crate) log: LogSink,
    pub(crate) limiter: MemoryLimiter,
    pub(crate) sockets: Sockets,
    wasi: Option<Box<Wasi>>,
}

impl GuestState {
    /// Counts a call of a host function that the grants allow, and what of them it used.
    pub(crate) fn used(&self, capability: Capability, object: &str) {
        self.context.counters.count_host_call();
        self.context.uses.record(capability, object);
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.as_mut().expect("BUG: WASI is linked for a guest that is not foreign");
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.table }
    }
}

/// A pre-instantiated component of one of the worlds.
pub(crate) enum GuestPre {
    Exporter(exporter::ExporterPre<GuestState>),
    Probe(probe::ProbePre<GuestState>),
    LogParser(log_parser::LogParserPre<GuestState>),
}

impl GuestPre {
    pub(crate) fn new(kind: crate::PluginKind, pre: InstancePre<GuestState>) -> wasmtime::Result<Self> {
        Ok(match kind {
            crate::PluginKind::Exporter => Self::Exporter(exporter::ExporterPre::new(pre)?),
            crate::PluginKind::Probe => Self::Probe(probe::ProbePre::new(pre)?),
            crate::PluginKind::LogParser => Self::LogParser(log_parser::LogParserPre::new(pre)?),
        })
    }
}

enum World {
    Exporter(exporter::Exporter),
    Probe(probe::Probe),
    LogParser(log_parser::LogParser),
}

/// A question to a guest.
pub(crate) enum Request<'a> {
    Collect(wit::types::Target),
    Check(wit::types::Target),
    Parse { lines: &'a crate::LineBatch, stream: wit::types::LogStream },
}

/// Its answer, not yet verified.
pub(crate) enum Answer {
    Batch(wit::types::Batch),
    Outcome(wit::types::Outcome),
    Rows(wit::types::LogBatch),
}

/// A running instance.
pub(crate) struct Guest {
    store: Store<GuestState>,
    world: Option<World>,
    meter: Arc<CpuMeter>,
    /// Calls that it may still serve.
    pub(crate) calls_left: u32,
    pub(crate) idle_since: Instant,
}

impl Guest {
    /// A store without an instance yet: [`Guest::ask`] starts it, so that starting is metered and timed with the first call.
    pub(crate) fn new(engine: &Engine, context: &Arc<PluginContext>, call: Call, calls_left: u32) -> Self {
        let limiter = MemoryLimiter::new(&context.limits, Arc::clone(&context.memory), Arc::clone(&context.shared.total_memory));
        let log = LogSink::new(Arc::clone(context));
        let wasi = context.is_foreign.then(|| Box::new(Wasi::new(&log)));
        let mut store =
            Store::new(engine, GuestState { context: Arc::clone(context), call, log, limiter, sockets: Sockets::default(), wasi });
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(context.limits.crossing_bytes);
        store.set_max_component_handles(MAX_RESOURCES);
        let meter = Arc::new(CpuMeter::new(context.limits.cpu));
        let watched = Arc::clone(&meter);
        // Each tick the guest lets others run; when its budget is spent it ends.
        store.epoch_deadline_callback(move |_| match watched.is_spent() {
            true => Ok(UpdateDeadline::Interrupt),
            false => Ok(UpdateDeadline::Yield(1)),
        });
        store.set_epoch_deadline(1);
        let mut guest = Self { store, world: None, meter, calls_left, idle_since: Instant::now() };
        guest.refuel();
        guest
    }

    /// Fuel without end: it counts, it does not limit. Without effect where the engine counts none.
    fn refuel(&mut self) {
        self.store.set_fuel(u64::MAX).ok();
    }

    /// What the call has cost so far, if the engine counts it.
    pub(crate) fn fuel_spent(&self) -> Option<u64> {
        self.store.get_fuel().ok().map(|left| u64::MAX - left)
    }

    /// Readies a reused guest for its next call.
    pub(crate) fn begin(&mut self, call: Call) {
        self.meter.reset();
        self.refuel();
        self.store.set_epoch_deadline(1);
        let state = self.store.data_mut();
        state.call = call;
        state.limiter.reset();
        state.log.reset();
    }

    /// Puts one question. The error of the outer result means that the guest is dead.
    pub(crate) async fn ask(&mut self, pre: &GuestPre, request: &Request<'_>) -> wasmtime::Result<Result<Answer, wit::types::Error>> {
        if self.world.is_none() {
            self.world = Some(match pre {
                GuestPre::Exporter(pre) => World::Exporter(pre.instantiate_async(&mut self.store).await?),
                GuestPre::Probe(pre) => World::Probe(pre.instantiate_async(&mut self.store).await?),
                GuestPre::LogParser(pre) => World::LogParser(pre.instantiate_async(&mut self.store).await?),
            });
        }
        let store = &mut self.store;
        Ok(match (self.world.as_ref(), request) {
            (Some(World::Exporter(world)), Request::Collect(target)) => {
                world.cepmon_plugin_exporter_api().call_collect(store, target).await?.map(Answer::Batch)
            }
            (Some(World::Probe(world)), Request::Check(target)) => {
                world.cepmon_plugin_probe_api().call_check(store, target).await?.map(Answer::Outcome)
            }
            (Some(World::LogParser(world)), Request::Parse { lines, stream }) => {
                let api = world.cepmon_plugin_log_parser_api();
                api.call_parse(store, &lines.bytes, &lines.offsets, &lines.times_ns, stream).await?.map(Answer::Rows)
            }
            _ => return Err(wasmtime::Error::msg("BUG: a question for another world")),
        })
    }

    /// Whether the component was instantiated; what fails before is not an answer.
    pub(crate) fn has_started(&self) -> bool {
        self.world.is_some()
    }

    pub(crate) fn state(&self) -> &GuestState {
        self.store.data()
    }

    /// The call is over; what it opened ends with it, and what it wrote without a newline goes to the log. Gives the tape of its host
    /// calls.
    pub(crate) fn end(&mut self) -> Tape {
        let state = self.store.data_mut();
        state.sockets.close_all();
        if let Some(wasi) = &state.wasi {
            wasi.end_call();
        }
        std::mem::take(&mut state.call.tape)
    }

    #[cfg(test)]
    pub(crate) fn state_mut(&mut self) -> &mut GuestState {
        self.store.data_mut()
    }

    pub(crate) fn meter(&self) -> &Arc<CpuMeter> {
        &self.meter
    }
}
