//! A panic after half the work: nothing of the batch may count, and the message stands in the log.

use cepmon_sdk::{Batch, Error, Target};

#[cepmon_sdk::exporter]
fn collect(target: &Target, batch: &mut Batch) -> Result<(), Error> {
    batch.gauge("hostile_trap_never_seen", "Emitted before the panic.", 1.0);
    panic!("hostile guest gives up at target {:?}", target.address);
}
