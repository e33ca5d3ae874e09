//! For the corpus: what most exporters do, a counter with labels, a gauge, a line in the log and a warning.

use cepmon_sdk::{Batch, Error, Kind, Target};

#[cepmon_sdk::exporter]
fn collect(target: &Target, batch: &mut Batch) -> Result<(), Error> {
    batch.gauge("corpus_clock_runs", "Whether the host's clock runs.", f64::from(u8::from(cepmon_sdk::clock::now_ns() > 0)));
    let mut family = batch.family("corpus_requests_total", Kind::Counter, "Requests by method.");
    for (method, count) in [("GET", 7.0), ("PUT", 2.0)] {
        family.sample(&[("method", method), ("target", target.address.as_str())], count);
    }
    batch.warn(format!("on {}", cepmon_sdk::config::host_name()));
    Ok(())
}
