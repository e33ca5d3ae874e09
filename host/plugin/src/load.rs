//! From a package and its grants to a plugin that can be called: compile, link what is granted, nothing else. Nothing is run.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::Error;
use crate::abi::{self, wit};
use crate::access::Access;
use crate::capability::http::HttpClient;
use crate::compile::Aside;
use crate::error::joined;
use crate::failures::Failures;
use crate::grant::Capability;
use crate::guest::{Guest, GuestPre, GuestState, PluginContext, Shared};
use crate::limits::CallLimits;
use crate::lock::Effective;
use crate::package::{Digest, Package};
use crate::record::Record;
use crate::tape::tap::{Tapped, tap};

/// A compiled and linked plugin.
pub(crate) struct LoadedPlugin {
    pub(crate) engine: Engine,
    pub(crate) context: Arc<PluginContext>,
    pub(crate) pre: GuestPre,
    /// Guests between two calls, of a `reuse` plugin.
    pub(crate) idle: Mutex<Vec<Guest>>,
    /// Bounds the guests at work.
    pub(crate) permits: Semaphore,
    pub(crate) compile_time: Duration,
    pub(crate) failures: Arc<Failures>,
    pub(crate) version: String,
    pub(crate) digest: Digest,
}

impl fmt::Debug for LoadedPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedPlugin").field("name", &self.context.name).finish_non_exhaustive()
    }
}

impl LoadedPlugin {
    pub(crate) fn load(
        engine: &Engine,
        package: &Package,
        effective: &Effective,
        limits: CallLimits,
        shared: &Arc<Shared>,
        record: &Record,
        aside: Option<&Aside<'_>>,
    ) -> Result<Self, Error> {
        let (manifest, guests) = (&package.manifest, limits.guests);
        check_grants(package, effective)?;
        let fail = |error: wasmtime::Error| Error::Compile { plugin: manifest.name.clone(), problem: joined(&error) };
        let began = Instant::now();
        if let Some(aside) = aside {
            aside.compile(package)?;
        }
        let component = Component::new(engine, &package.bytes).map_err(fail)?;
        let compile_time = began.elapsed();
        let linker = link(engine, package).map_err(fail)?;
        let pre = linker.instantiate_pre(&component).and_then(|pre| GuestPre::new(manifest.kind, pre)).map_err(fail)?;
        let context = PluginContext {
            name: manifest.name.clone(),
            limits,
            access: Access::new(&effective.grants),
            uses: Arc::clone(&record.uses),
            http: HttpClient::default(),
            state: Arc::clone(&record.state),
            counters: Arc::clone(&record.counters),
            shared: Arc::clone(shared),
            memory: Arc::new(shared.total_memory.share()),
            is_foreign: package.is_foreign(),
        };
        Ok(Self {
            engine: engine.clone(),
            context: Arc::new(context),
            pre,
            idle: Mutex::new(Vec::new()),
            permits: Semaphore::new(guests),
            compile_time,
            failures: Arc::clone(&record.failures),
            version: manifest.version.to_string(),
            digest: package.digest,
        })
    }

    /// Drops what was idle for too long.
    pub(crate) fn sweep(&self, now: Instant, idle_time: Duration) {
        let mut idle = crate::lock_mutex(&self.idle);
        let (keep, drop_them) = idle.drain(..).partition(|guest| now.saturating_duration_since(guest.idle_since) < idle_time);
        *idle = keep;
        drop(idle);
        let _: Vec<Guest> = drop_them;
        self.context.http.sweep(now);
    }
}

fn check_grants(package: &Package, effective: &Effective) -> Result<(), Error> {
    match package.imported_capabilities().find(|&capability| !effective.grants.allows(capability)) {
        None => Ok(()),
        Some(capability) => Err(Error::Ungranted {
            plugin: package.manifest.name.clone(),
            interface: format!("{}/{capability}", abi::PACKAGE),
            capability: capability.to_string(),
            reason: package.manifest.capabilities.reason(capability).unwrap_or_default().to_owned(),
            note: effective.note.clone(),
        }),
    }
}

/// Links the interfaces that every plugin has, and those that this one imports; [`check_grants`] has refused ungranted ones.
fn link(engine: &Engine, package: &Package) -> wasmtime::Result<Linker<GuestState>> {
    let mut linker = Linker::new(engine);
    wit::log::add_to_linker::<_, Tapped>(&mut linker, tap)?;
    wit::config::add_to_linker::<_, Tapped>(&mut linker, tap)?;
    wit::clock::add_to_linker::<_, Tapped>(&mut linker, tap)?;
    wit::types::add_to_linker::<_, Tapped>(&mut linker, tap)?;
    for capability in package.imported_capabilities() {
        match capability {
            Capability::Files => wit::files::add_to_linker::<_, Tapped>(&mut linker, tap)?,
            Capability::Statfs => wit::statfs::add_to_linker::<_, Tapped>(&mut linker, tap)?,
            Capability::Http => wit::http::add_to_linker::<_, Tapped>(&mut linker, tap)?,
            Capability::Tcp => wit::tcp::add_to_linker::<_, Tapped>(&mut linker, tap)?,
            Capability::Udp => wit::udp::add_to_linker::<_, Tapped>(&mut linker, tap)?,
            Capability::Dns => wit::dns::add_to_linker::<_, Tapped>(&mut linker, tap)?,
            Capability::Icmp => wit::icmp::add_to_linker::<_, Tapped>(&mut linker, tap)?,
            Capability::UnixHttp => wit::unix_http::add_to_linker::<_, Tapped>(&mut linker, tap)?,
            Capability::State => wit::state::add_to_linker::<_, Tapped>(&mut linker, tap)?,
            Capability::Secrets => wit::secrets::add_to_linker::<_, Tapped>(&mut linker, tap)?,
        }
    }
    if package.is_foreign() {
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    }
    Ok(linker)
}
