//! The host's own metrics, with the names, types, labels and help texts of node_exporter 1.7.
//!
//! One file per collector, named as node_exporter names it: each reads its files, emits its families and knows nothing of the others. A
//! collector that fails costs its own metrics only. State between scrapes does not exist here: where node_exporter smooths counters that
//! jump back (cpu after hotplug), these are the kernel's numbers.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

mod settings;
mod source;
mod device;
mod cpu;
mod diskstats;
mod filesystem;
mod loadavg;
mod meminfo;
mod netdev;
mod stat;
mod time;
mod uname;

use cepmon_sdk::clock::Moment;
use cepmon_sdk::{Batch, Error, Kind, Target};
use settings::Settings;
use source::Source;

type Collector = fn(&Source, &Settings, &mut Batch) -> Result<(), Error>;

/// All of them, in the order in which they run.
const COLLECTORS: [(&str, Collector); 9] = [
    ("cpu", cpu::collect),
    ("diskstats", diskstats::collect),
    ("filesystem", filesystem::collect),
    ("loadavg", loadavg::collect),
    ("meminfo", meminfo::collect),
    ("netdev", netdev::collect),
    ("stat", stat::collect),
    ("time", time::collect),
    ("uname", uname::collect),
];

/// One scrape of the host.
#[cepmon_sdk::exporter]
pub fn collect(target: &Target, batch: &mut Batch) -> Result<(), Error> {
    let settings: Settings = target.settings()?;
    if let Some(unknown) = settings.collectors.iter().find(|name| COLLECTORS.iter().all(|(known, _)| known != name)) {
        let known: Vec<&str> = COLLECTORS.iter().map(|(name, _)| *name).collect();
        return Err(Error::Config(format!("cannot run collector \"{unknown}\": there are {}", known.join(", "))));
    }
    let source = Source::new(&settings);
    let mut runs = Vec::new();
    for (name, collector) in COLLECTORS {
        if !settings.collectors.iter().any(|wanted| wanted == name) {
            continue;
        }
        let start = Moment::now();
        let result = collector(&source, &settings, batch);
        runs.push((name, start.elapsed().as_secs_f64(), result.is_ok()));
        if let Err(error) = result {
            batch.warn(format_args!("collector {name} failed: {error}"));
        }
    }
    let mut durations =
        batch.family("node_scrape_collector_duration_seconds", Kind::Gauge, "node_exporter: Duration of a collector scrape.");
    for (name, seconds, _) in &runs {
        durations.sample(&[("collector", name)], *seconds);
    }
    let mut successes = batch.family("node_scrape_collector_success", Kind::Gauge, "node_exporter: Whether a collector succeeded.");
    for (name, _, is_ok) in &runs {
        successes.sample(&[("collector", name)], f64::from(u8::from(*is_ok)));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
