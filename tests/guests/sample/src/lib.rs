//! As many samples as the setting says, fifty to a family, five labels each: what crosses the border in the benchmark.

use cepmon_sdk::{Batch, Error, Kind, Target};
use serde::Deserialize;

const PER_FAMILY: u32 = 50;

#[derive(Debug, Deserialize)]
struct Settings {
    samples: u32,
}

#[cepmon_sdk::exporter]
fn collect(target: &Target, batch: &mut Batch) -> Result<(), Error> {
    let settings: Settings = target.settings()?;
    let pools: Vec<String> = (0..7).map(|pool| format!("pool-{pool}")).collect();
    for first in (0..settings.samples).step_by(PER_FAMILY as usize) {
        let name = format!("sample_disk_metric_{}_total", first / PER_FAMILY);
        let mut family = batch.family(&name, Kind::Counter, "Number of things done by the disk.");
        for index in first..settings.samples.min(first + PER_FAMILY) {
            let device = format!("sd{}", index % PER_FAMILY);
            let labels = [
                ("cluster", "ceph-prod-1"),
                ("device", device.as_str()),
                ("host", "10.0.0.12:9100"),
                ("mode", if index % 2 == 0 { "read" } else { "write" }),
                ("pool", pools[index as usize % pools.len()].as_str()),
            ];
            family.sample(&labels, f64::from(index) * 1.25);
        }
    }
    Ok(())
}
