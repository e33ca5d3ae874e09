//! An honest plugin that asks for a file; a test installs it without the grant.

use cepmon_sdk::{Batch, Error, Target, file};

#[cepmon_sdk::exporter]
fn collect(_target: &Target, batch: &mut Batch) -> Result<(), Error> {
    let bytes = file::read("/etc/hostname")?;
    batch.gauge("ungranted_bytes", "Length of the file that was read.", bytes.len() as f64);
    Ok(())
}
