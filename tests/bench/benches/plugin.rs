//! What the sandbox costs: a fresh guest per call, samples that cross the border, parsing in a guest against the same code native.
//!
//! `make bench` runs it; guests are looked for in the folder `guests` of the target directory.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot start says so by panicking")]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cepmon_plugin::{Limits, Options, PluginHost, TargetSpec};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tokio::runtime::Runtime;

use page::{exposition, parse_page};

#[path = "../../guests/parse/src/page.rs"]
mod page;

const PAGE_BYTES: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

static PLUGINS: LazyLock<PluginHost> = LazyLock::new(|| {
    let guests = target_dir().join("guests");
    let options = Options {
        plugins_dir: guests.clone(),
        bundled_dir: None,
        cache_dir: target_dir().join("bench-cache"),
        compiler: None,
        host_name: "bench".to_owned(),
        external_labels: Vec::new(),
        limits: Limits::default(),
        overrides: Default::default(),
        state: std::sync::Arc::new(cepmon_plugin::NoState),
    };
    let host = PluginHost::open(options).unwrap();
    assert!(host.plugins().iter().any(|plugin| plugin.name == "sample"), "no guests in {}; run: make bench", guests.display());
    host
});

fn main() {
    divan::main();
}

/// Store, instantiate, one call that makes one sample, drop.
#[divan::bench]
fn fresh_guest_per_call(bencher: Bencher<'_, '_>) {
    call(bencher, "sample", r#"{"samples": 1}"#, 1);
}

/// Samples with five labels made in a fresh guest, lifted, verified and converted.
#[divan::bench(args = [1_000, 10_000])]
fn crossing(bencher: Bencher<'_, '_>, samples: usize) {
    call(bencher, "sample", &format!(r#"{{"samples": {samples}}}"#), samples);
}

/// A page of 1 MiB parsed in a guest that is reused, as the scraper is.
#[divan::bench]
fn parse_in_guest(bencher: Bencher<'_, '_>) {
    let samples = parse_page(&exposition(PAGE_BYTES));
    call(bencher, "parse", &format!(r#"{{"body_bytes": {PAGE_BYTES}}}"#), samples);
}

/// The same page parsed by the same code outside the sandbox.
#[divan::bench]
fn parse_native(bencher: Bencher<'_, '_>) {
    let page = exposition(PAGE_BYTES);
    bencher.counter(ItemsCount::new(parse_page(&page))).bench(|| parse_page(black_box(&page)));
}

fn call(bencher: Bencher<'_, '_>, plugin: &str, settings: &str, samples: usize) {
    let target = TargetSpec { address: String::new(), parameters: Vec::new(), settings: Arc::from(settings), is_static: true, http: None };
    bencher.counter(ItemsCount::new(samples)).bench(|| RUNTIME.block_on(PLUGINS.collect(black_box(plugin), &target, TIMEOUT)).unwrap());
}

/// The target directory that this benchmark was built into: `…/release/deps/plugin-…` lies three levels below it.
fn target_dir() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}
