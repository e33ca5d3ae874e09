//! An endless loop: the host ends the call at its CPU budget or its deadline.

use cepmon_sdk::{Batch, Error, Target};

#[cepmon_sdk::exporter]
fn collect(_target: &Target, _batch: &mut Batch) -> Result<(), Error> {
    let mut round: u64 = 0;
    loop {
        round = std::hint::black_box(round.wrapping_add(1));
    }
}
