//! The one wasmtime engine: which WebAssembly it accepts, how guests are allocated, where compiled code is cached, and the thread
//! that makes epochs tick. Upgrading wasmtime must not widen the sandbox, so every feature is named.

use std::path::Path;
use std::time::Duration;

use wasmtime::{Cache, CacheConfig, Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmFeatures};

use crate::Error;
use crate::error::joined;
use crate::limits::{Limits, MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};

/// Time between two epochs: how long a guest may keep a thread before it yields, and how often its CPU budget is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Guests that can live at once, over all plugins. Each reserves address space, not memory.
const MAX_GUESTS: u32 = 512;

/// What Rust's `wasm32-unknown-unknown` and `wasm32-wasip2` emit, plus SIMD and tail calls. Not threads, memory64, garbage
/// collection, exceptions, several memories in one module: no guest of ours needs them, and each has had its advisory.
pub(crate) fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::FLOATS
        | WasmFeatures::SIMD
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::COMPONENT_MODEL
}

/// What wasmtime's own adapters between the parts of a component need: they copy from one memory to another, and wasmtime panics
/// where it cannot make them. Guests do not get it: a file whose modules use it was refused before ([`features`]).
const OF_ADAPTERS: WasmFeatures = WasmFeatures::MULTI_MEMORY;

/// Makes the engine and starts its ticker, which ends with the engine's last clone.
pub(crate) fn open(cache_dir: Option<&Path>, limits: &Limits) -> Result<Engine, Error> {
    start(cache_dir, limits, false)
}

/// An engine that runs no guest: its code is the same, but it reserves no address space, so it fits into a process whose memory is
/// bounded.
pub(crate) fn open_to_compile(cache_dir: &Path) -> Result<Engine, Error> {
    let mut config = config(false);
    use_cache(&mut config, cache_dir)?;
    Engine::new(&config).map_err(fail)
}

/// The same, and fuel is counted: it costs speed, and is the same on every machine.
pub(crate) fn open_counting_fuel(cache_dir: Option<&Path>, limits: &Limits) -> Result<Engine, Error> {
    start(cache_dir, limits, true)
}

fn start(cache_dir: Option<&Path>, limits: &Limits, counts_fuel: bool) -> Result<Engine, Error> {
    let mut config = config(counts_fuel);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)));
    if let Some(folder) = cache_dir {
        use_cache(&mut config, folder)?;
    }
    let engine = Engine::new(&config).map_err(fail)?;
    start_ticker(&engine)?;
    Ok(engine)
}

fn fail(error: wasmtime::Error) -> Error {
    Error::Engine { problem: joined(&error) }
}

/// What code is compiled to; nothing here depends on the process.
fn config(counts_fuel: bool) -> Config {
    let mut config = Config::new();
    let features = features() | OF_ADAPTERS;
    config.wasm_features(WasmFeatures::all().difference(features), false);
    config.wasm_features(features, true);
    // Guests are synchronous; parallelism comes from many guests. Component-model async would tax every call.
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.consume_fuel(counts_fuel);
    config.cranelift_opt_level(OptLevel::Speed);
    config.max_wasm_stack(512 << 10);
    config.async_stack_size(1 << 20);
    config.memory_init_cow(true);
    // Data segments far apart become one image with zeros between them. At the default of 16 MiB a file of 14 KB with 400 modules takes
    // 7 GB to compile; beyond this, an image is at most twice its segments.
    config.memory_guaranteed_dense_image_size(64 << 10);
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(8));
    config
}

/// Keeps compiled code in the folder `code` of a folder; wasmtime removes whatever else would lie there.
fn use_cache(config: &mut Config, cache_dir: &Path) -> Result<(), Error> {
    let folder = cache_dir.join("code");
    std::fs::create_dir_all(&folder).map_err(Error::file("create cache folder", &folder))?;
    // wasmtime wants an absolute path; whoever can write here can run code, so nobody else may.
    let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(cache_dir, owner_only).map_err(Error::file("protect cache folder", cache_dir))?;
    let folder = folder.canonicalize().map_err(Error::file("open cache folder", &folder))?;
    let mut cache = CacheConfig::new();
    cache.with_directory(folder).with_files_total_size_soft_limit(256 << 20);
    config.cache(Some(Cache::new(cache).map_err(fail)?));
    Ok(())
}

fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(MAX_GUESTS)
        // What every guest may have, so that no plugin with many instances and tables leaves too few for others. A table reserves
        // 160 KiB of address space, an instance none. Memories reserve 4 GiB each: one per guest, and a plugin's 64 guests have at
        // most half of them.
        .total_core_instances(MAX_GUESTS * MAX_CORE_INSTANCES)
        .total_memories(MAX_GUESTS)
        .total_tables(MAX_GUESTS * MAX_TABLES)
        .total_stacks(MAX_GUESTS)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_tables_per_component(MAX_TABLES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_module(8)
        .max_memories_per_module(1)
        .table_elements(limits.table_elements)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .max_memory_size(limits.plugin_memory_bytes())
        // Pages that a slot keeps for its next guest instead of giving them back: a small exporter touches about that much. Which
        // ones were touched the kernel tells (Linux 6.7): without that, wasmtime wipes the lowest ones, in Rust's layout the unused
        // end of the stack, and still gives the touched ones back. A fresh guest with one call: 24 instead of 45 µs.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(32 << 10)
        .max_unused_warm_slots(16);
    pool
}

/// An OS thread, not a task of the runtime that it guards.
fn start_ticker(engine: &Engine) -> Result<(), Error> {
    let weak = engine.weak();
    let tick = move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    // An allocation of jemalloc without optimisation takes 50 KiB of stack; what is not touched costs nothing.
    let started = std::thread::Builder::new().name("cepmon-epoch".to_owned()).stack_size(512 << 10).spawn(tick);
    started.map(drop).map_err(|error| Error::Engine { problem: format!("cannot start the ticker: {error}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made as componentize-qjs makes its stubs: one part of the component hands a string to another one.
    #[test]
    fn parts_of_a_component_may_talk_to_each_other() {
        let component = wat::parse_str(
            r#"(component
              (component $hears
                (core module $m (memory (export "memory") 1)
                  (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
                  (func (export "hear") (param i32 i32)))
                (core instance $i (instantiate $m))
                (func (export "hear") (param "text" string)
                  (canon lift (core func $i "hear") (memory $i "memory") (realloc (func $i "realloc")))))
              (component $says
                (import "hear" (func $hear (param "text" string)))
                (core module $memory (memory (export "memory") 1))
                (core instance $memory (instantiate $memory))
                (core func $hear (canon lower (func $hear) (memory $memory "memory")))
                (core module $m (import "" "hear" (func $hear (param i32 i32)))
                  (func (export "say") (call $hear (i32.const 0) (i32.const 0))))
                (core instance $i (instantiate $m (with "" (instance (export "hear" (func $hear))))))
                (func (export "say") (canon lift (core func $i "say"))))
              (instance $hears (instantiate $hears))
              (instance $says (instantiate $says (with "hear" (func $hears "hear"))))
              (export "say" (func $says "say")))"#,
        );
        let engine = open(None, &Limits::default()).unwrap();
        wasmtime::component::Component::new(&engine, component.unwrap()).unwrap();
    }

    #[test]
    fn a_module_with_two_memories_is_not_for_guests() {
        let module = wat::parse_str("(module (memory 1) (memory 1))").unwrap();
        assert!(wasmparser::Validator::new_with_features(features()).validate_all(&module).is_err());
    }
}
