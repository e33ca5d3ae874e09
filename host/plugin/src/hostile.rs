//! The hostile set: tiny guests, one per way to misbehave. Each ends with its kind of failure, its neighbour goes on, and memory is
//! back afterwards. What needs a capability or a whole server stands beside that capability, in `call/tests.rs` and in `tests/it`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cepmon_model::{FailureKind, SampleBatch};

use crate::testing::*;
use crate::{CallError, Grants, Limits, PluginHost, PluginState, wrap};

const LONG: Duration = Duration::from_secs(20);

/// A core module of an exporter; the parts that a hostile one changes.
struct Module<'a> {
    imports: &'a str,
    /// Functions, tables, a start.
    fields: &'a str,
    /// Body of `cabi_realloc`: old, old size, alignment, new size → place.
    realloc: &'a str,
    /// Body of `collect`.
    body: &'a str,
}

const HONEST: Module<'_> = Module {
    imports: "",
    fields: "",
    // Eight is enough of an alignment for everything.
    realloc: "(global.get $heap) (global.set $heap (i32.and (i32.add (global.get $heap) (i32.add (local.get 3) (i32.const 7))) (i32.const -8)))",
    body: "i32.const 1024",
};

const LOG: &str = r#"(import "cepmon:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#;
const NOW: &str = r#"(import "cepmon:plugin/clock@0.1.0" "now-ns" (func $now (result i64)))"#;

impl Module<'_> {
    fn plugin(&self, name: &str) -> Vec<u8> {
        let Module { imports, fields, realloc, body } = self;
        let text = format!(
            r#"(module {imports}
              (memory (export "memory") 2)
              (global $heap (mut i32) (i32.const 8192))
              {fields}
              (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) {realloc})
              (func (export "cepmon:plugin/exporter-api@0.1.0#collect") (param i32 i32 i32 i32 i32 i32 i64) (result i32) {body}))"#
        );
        let mut resolve = wit_parser::Resolve::default();
        let package = resolve.push_str("plugin.wit", include_str!("../../../wit/plugin.wit")).unwrap();
        let world = resolve.select_world(&[package], Some("exporter")).unwrap();
        let mut module = wat::parse_str(text).unwrap();
        wit_component::embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8).unwrap();
        wrap(&module, &manifest(name, ""), Path::new("test.wasm")).unwrap()
    }
}

async fn collect(host: &PluginHost, plugin: &str) -> Result<SampleBatch, CallError> {
    host.collect(plugin, &target("localhost:1"), LONG).await
}

/// A host of one hostile plugin and a good neighbour.
fn beside_a_neighbour(hostile: Vec<u8>, limits: Limits) -> TestHost {
    let good = plugin(&manifest("good", ""), ONE_SAMPLE);
    TestHost::with_limits(&[("hostile", hostile, Grants::default()), ("good", good, Grants::default())], limits)
}

fn short_of_cpu() -> Limits {
    Limits { cpu: Duration::from_millis(200), ..Limits::default() }
}

/// Calls it; then the neighbour answers and no memory is held.
async fn call(hostile: &Module<'_>) -> (Result<SampleBatch, CallError>, TestHost) {
    let test = beside_a_neighbour(hostile.plugin("hostile"), short_of_cpu());
    let result = collect(&test.host, "hostile").await;
    assert_eq!(collect(&test.host, "good").await.unwrap().values, [7.0]);
    assert_eq!(test.host.guest_memory_bytes(), 0, "memory is back");
    (result, test)
}

async fn fails(hostile: Module<'_>, kind: FailureKind, message: &str) {
    let error = call(&hostile).await.0.unwrap_err();
    assert!(error.kind == kind && error.message.contains(message), "{:?}: {error}", error.kind);
}

#[tokio::test]
async fn loops_end_by_their_cpu_budget_wherever_they_are() {
    const LOOP: &str = "(loop $again (br $again)) unreachable";
    let spent = |hostile| fails(hostile, FailureKind::Cpu, "the CPU budget of 0.2 s is spent");
    spent(Module { body: LOOP, ..HONEST }).await;
    spent(Module { fields: "(start $start) (func $start (loop $again (br $again)))", ..HONEST }).await;
    spent(Module { realloc: LOOP, ..HONEST }).await;
    let after = r#"(func (export "cabi_post_cepmon:plugin/exporter-api@0.1.0#collect") (param i32) (loop $again (br $again)))"#;
    spent(Module { fields: after, ..HONEST }).await;
    // A tail call needs no stack, so it is a loop too.
    spent(Module { fields: "(func $round (return_call $round))", body: "(call $round) unreachable", ..HONEST }).await;
    spent(Module { imports: NOW, body: "(loop $again (drop (call $now)) (br $again)) unreachable", ..HONEST }).await;
    // Most of the time goes into the host's side of the crossing, which is charged all the same.
    let shouts = "(loop $again (call $log (i32.const 4) (i32.const 0) (i32.const 131072)) (br $again)) unreachable";
    spent(Module { imports: LOG, body: shouts, ..HONEST }).await;
}

#[tokio::test]
async fn crashes_are_traps_wherever_they_are() {
    fails(Module { fields: "(start $start) (func $start unreachable)", ..HONEST }, FailureKind::Trap, "`unreachable`").await;
    fails(Module { realloc: "unreachable", ..HONEST }, FailureKind::Trap, "`unreachable`").await;
    let after = r#"(func (export "cabi_post_cepmon:plugin/exporter-api@0.1.0#collect") (param i32) unreachable)"#;
    fails(Module { fields: after, ..HONEST }, FailureKind::Trap, "`unreachable`").await;
    let deep = "(func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))";
    fails(Module { fields: deep, body: "(call $deep (i32.const 0))", ..HONEST }, FailureKind::Trap, "call stack exhausted").await;
    // The host's own function runs at every depth, so also where hardly any stack is left.
    let deep = "(func $deep (param i32) (result i32) (call $log (i32.const 0) (i32.const 0) (i32.const 1)) \
                (i32.add (call $deep (local.get 0)) (i32.const 1)))";
    let host_in_the_depth = Module { imports: LOG, fields: deep, body: "(call $deep (i32.const 0))", ..HONEST };
    fails(host_in_the_depth, FailureKind::Trap, "call stack exhausted").await;
    let outside = "(call $log (i32.const 4) (i32.const -8) (i32.const 64)) unreachable";
    fails(Module { imports: LOG, body: outside, ..HONEST }, FailureKind::Trap, "in a function of the host").await;
    let no_level = "(call $log (i32.const 99) (i32.const 0) (i32.const 1)) unreachable";
    fails(Module { imports: LOG, body: no_level, ..HONEST }, FailureKind::Trap, "in a function of the host").await;
    let no_text = "(i32.store8 (i32.const 0) (i32.const 255)) (call $log (i32.const 4) (i32.const 0) (i32.const 1)) unreachable";
    fails(Module { imports: LOG, body: no_text, ..HONEST }, FailureKind::Trap, "in a function of the host").await;
}

#[tokio::test]
async fn what_grows_is_refused() {
    let memory = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    fails(Module { body: memory, ..HONEST }, FailureKind::Memory, "its limit of 64 MiB").await;
    fails(Module { realloc: memory, ..HONEST }, FailureKind::Memory, "its limit of 64 MiB").await;
    let table = "(loop $again (br_if $again (i32.ne (table.grow (ref.null func) (i32.const 999)) (i32.const -1)))) unreachable";
    fails(Module { fields: "(table 1 funcref)", body: table, ..HONEST }, FailureKind::Memory, "a table of more than 20000").await;
}

#[tokio::test]
async fn places_that_a_guest_names_are_looked_at() {
    fails(Module { realloc: "i32.const -16", ..HONEST }, FailureKind::Output, "realloc").await;
    fails(Module { realloc: "i32.const 4097", ..HONEST }, FailureKind::Output, "realloc").await;
    fails(Module { body: "i32.const -4", ..HONEST }, FailureKind::Output, "out of bounds").await;
    fails(Module { body: "i32.const 1026", ..HONEST }, FailureKind::Output, "not aligned").await;
    fails(Module { body: "(i32.store8 (i32.const 1024) (i32.const 9)) i32.const 1024", ..HONEST }, FailureKind::Output, "discriminant")
        .await;
}

/// Grows the memory to about 60 MiB, then says that one list of the answer lies in the new part, and how long it is. All of it is zeros.
fn answers(list_length_at: u32, length: u32) -> String {
    let list_at = list_length_at - 4;
    format!(
        "(drop (memory.grow (i32.const 950))) (i32.store (i32.const {list_at}) (i32.const 131072)) \
         (i32.store (i32.const {list_length_at}) (i32.const {length})) i32.const 1024"
    )
}

/// Where the length of a list of the batch lies.
const TEXT: u32 = 1032;
const FAMILIES: u32 = 1040;
const VALUES: u32 = 1056;
const EXEMPLARS: u32 = 1088;
const HISTOGRAMS: u32 = 1096;
const WARNINGS: u32 = 1104;

#[tokio::test]
async fn an_answer_is_bounded_before_the_host_makes_room_for_it() {
    for (list, length) in
        [(TEXT, 58 << 20), (FAMILIES, 700_000), (VALUES, 4_000_000), (EXEMPLARS, 700_000), (HISTOGRAMS, 2_000_000), (WARNINGS, 1_000_000)]
    {
        fails(Module { body: &answers(list, length), ..HONEST }, FailureKind::Output, "too much data is being copied").await;
    }
    fails(Module { body: &answers(VALUES, 1_000_000), ..HONEST }, FailureKind::Output, "1000000 samples, the limit is 50000").await;
    // The guest has one text of 1 MiB and names it 65,536 times; to the host that would be 64 GiB.
    let repeats = "(drop (memory.grow (i32.const 32))) (local.set 0 (i32.const 1114112)) \
        (loop $next (i32.store (local.get 0) (i32.const 0)) (i32.store offset=4 (local.get 0) (i32.const 1048576)) \
          (br_if $next (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 8))) (i32.const 1638400)))) \
        (i32.store (i32.const 1100) (i32.const 1114112)) (i32.store (i32.const 1104) (i32.const 65536)) i32.const 1024";
    fails(Module { body: repeats, ..HONEST }, FailureKind::Output, "too much data is being copied").await;
}

#[tokio::test]
async fn empty_things_in_great_numbers_are_harmless() {
    let batch = call(&Module { body: &answers(WARNINGS, 300_000), ..HONEST }).await.0.unwrap();
    assert_eq!((batch.warnings.len(), batch.warnings[16].as_str()), (17, "299984 more warnings"));
    let batch = call(&Module { body: &answers(FAMILIES, 100_000), ..HONEST }).await.0.unwrap();
    assert!(batch.is_empty());
}

#[tokio::test]
async fn a_log_flood_is_cut_and_counted() {
    let flood = "(loop $again (call $log (i32.const 2) (i32.const 0) (i32.const 1)) \
                 (br_if $again (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 3000)))) i32.const 1024";
    let (result, test) = call(&Module { imports: LOG, body: &format!("(local.set 0 (i32.const 0)) {flood}"), ..HONEST }).await;
    result.unwrap();
    let stats = &test.host.plugins().into_iter().find(|plugin| plugin.name == "hostile").unwrap().stats;
    assert_eq!((stats.log_lines, stats.log_bytes_dropped), (1024, 3000 - 1024));
}

#[tokio::test]
async fn a_guests_error_neither_steers_a_terminal_nor_fills_the_log() {
    // 1 MiB of U+0001, as its own error.
    let error = "(drop (memory.grow (i32.const 32))) (memory.fill (i32.const 65536) (i32.const 1) (i32.const 1048576)) \
                 (i32.store8 (i32.const 1024) (i32.const 1)) (i32.store8 (i32.const 1028) (i32.const 5)) \
                 (i32.store (i32.const 1032) (i32.const 65536)) (i32.store (i32.const 1036) (i32.const 1048576)) i32.const 1024";
    let error = call(&Module { body: error, ..HONEST }).await.0.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (FailureKind::Guest, "\\u{1}".repeat(2_000).as_str()));
}

#[tokio::test]
async fn one_plugin_cannot_take_the_memory_of_the_others() {
    let holds = "(drop (memory.grow (i32.const 950))) (loop $again (br $again)) unreachable";
    let limits = Limits { total_memory_bytes: 256 << 20, cpu: LONG, ..Limits::default() };
    let test = beside_a_neighbour(Module { body: holds, ..HONEST }.plugin("hostile"), limits);
    let address = target("localhost:1");
    let calls: Vec<_> = (0..16).map(|_| test.host.collect("hostile", &address, Duration::from_millis(500))).collect();
    let neighbour = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        (test.host.guest_memory_bytes(), collect(&test.host, "good").await)
    };
    let (results, (held, neighbour)) = futures::join!(futures::future::join_all(calls), neighbour);
    assert!(held > 100 << 20 && held <= 128 << 20, "half of it, not {held}");
    neighbour.unwrap();
    assert!(results.iter().all(Result::is_err));
    assert_eq!(test.host.guest_memory_bytes(), 0);
}

#[tokio::test]
async fn one_plugin_cannot_take_the_guests_of_the_others() {
    let limits = Limits { cpu: LONG, guests_per_plugin: 64, ..Limits::default() };
    let test = beside_a_neighbour(Module { body: "(loop $again (br $again)) unreachable", ..HONEST }.plugin("hostile"), limits);
    let address = target("localhost:1");
    let calls: Vec<_> = (0..600).map(|_| test.host.collect("hostile", &address, Duration::from_secs(1))).collect();
    let neighbour = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        collect(&test.host, "good").await
    };
    let (results, neighbour) = futures::join!(futures::future::join_all(calls), neighbour);
    neighbour.unwrap();
    assert!(results.iter().all(|result| result.as_ref().unwrap_err().kind == FailureKind::Deadline), "600 calls, 64 guests at a time");
}

/// A component of its own making that exports what an exporter does, and holds `parts`.
fn component(parts: &str) -> Vec<u8> {
    let text = format!(r#"(component {parts} (instance $api) (export "cepmon:plugin/exporter-api@0.1.0" (instance $api)))"#);
    wrap(&wat::parse_str(text).unwrap(), &manifest("hostile", ""), Path::new("test.wasm")).unwrap()
}

/// It is refused when it is loaded, and that hinders nobody.
async fn is_refused(hostile: Vec<u8>, want: &str) {
    let test = beside_a_neighbour(hostile, Limits::default());
    let state = test.host.plugins().into_iter().find(|plugin| plugin.name == "hostile").unwrap().state;
    assert!(matches!(&state, PluginState::Refused(problem) if problem.contains(want)), "{state:?}");
    assert_eq!(collect(&test.host, "hostile").await.unwrap_err().kind, FailureKind::Load);
    collect(&test.host, "good").await.unwrap();
}

#[tokio::test]
async fn components_that_promise_nothing_good_are_not_loaded() {
    let many = |part: &str, count: usize| part.repeat(count);
    let memories = format!("(core module $m (memory 1)) {}", many("(core instance (instantiate $m))", 40));
    is_refused(component(&memories), "memories").await;
    let instances = format!("(core module $m) {}", many("(core instance (instantiate $m))", 900));
    is_refused(component(&instances), "900 core module instances").await;
    is_refused(component("(core module $m (memory 65536)) (core instance (instantiate $m))"), "memory").await;
    is_refused(component("(core module $m (table 9000000 funcref)) (core instance (instantiate $m))"), "table").await;
    is_refused(component(&format!("(core module {})", many("(memory 1)", 90))), "multi").await;
    let nested = format!("{}{}", many("(component ", 90), many(")", 90));
    is_refused(component(&nested), "does not have export").await;
    let wide = (0..40).fold(String::from("(type $t0 (tuple u8 u8))"), |text, depth| {
        format!("{text} (type $t{} (tuple $t{depth} $t{depth} $t{depth} $t{depth}))", depth + 1)
    });
    is_refused(component(&wide), "type size").await;
    let bare = wat::parse_str("(component)").unwrap();
    is_refused(wrap(&bare, &manifest("hostile", ""), Path::new("test.wasm")).unwrap(), "another world").await;
    let honest = HONEST.plugin("hostile");
    is_refused(honest[..honest.len() / 2].to_vec(), "damaged").await;
    // Wrapping what is a component already adds a manifest.
    let twice = wrap(&honest, &manifest("hostile", ""), Path::new("test.wasm")).unwrap();
    is_refused(twice, "2 custom sections cepmon:manifest").await;
    let long = format!("{}authors = [\"{}\"]\n", manifest("hostile", ""), many("x", 300 << 10));
    is_refused(wrap(&bare, &long, Path::new("test.wasm")).unwrap(), "its manifest has").await;
}

#[test]
fn zeros_between_data_are_not_made_real_by_compiling() {
    // 200 modules of 16 MiB with a byte at each end. As images they would be 3 GiB.
    let one = r#"(core module (memory 255) (data (i32.const 0) "x") (data (i32.const 16711679) "x"))"#;
    let hostile = component(&one.repeat(200));
    let before = peak_kib();
    let test = beside_a_neighbour(hostile, Limits::default());
    assert!(matches!(test.host.plugins()[1].state, PluginState::Refused(_)));
    assert!(peak_kib() < before + (1 << 20), "from {before} to {} KiB", peak_kib());
}

/// The most memory that this process ever had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

#[tokio::test]
async fn two_guests_may_read_the_same_file_at_once() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("facts");
    std::fs::write(&path, "facts").unwrap();
    let grants = files(&[path.to_str().unwrap()]);
    let shared: Arc<dyn crate::StateStore> = Arc::new(crate::NoState);
    let mut guest = guest_with(&grants, "test", shared);
    use crate::abi::wit::files::Host;
    let state = guest.state_mut();
    let stuck = Arc::clone(&state.context);
    // Another call about the path is under way.
    let other = crate::capability::beneath::StuckPaths::run(&stuck, path.display().to_string(), state.call.deadline, |_| {
        std::thread::sleep(Duration::from_millis(50));
        Ok(())
    });
    let (other, own) = tokio::join!(other, state.read(path.display().to_string()));
    assert_eq!((other.is_ok(), own.unwrap()), (true, b"facts".to_vec()));
}
