//! For the corpus: a probe whose target is up if its address says so.

use cepmon_sdk::{Batch, Error, Target, Verdict};

#[cepmon_sdk::probe]
fn check(target: &Target, batch: &mut Batch) -> Result<Verdict, Error> {
    batch.gauge("corpus_address_bytes", "Length of the target's address.", target.address.len() as f64);
    let is_up = target.address.starts_with("up.");
    Ok(Verdict { is_up, detail: format!("asked about {}", target.address) })
}
