//! A memory bomb: every allocation stays, so the host refuses one of them.

use cepmon_sdk::{Batch, Error, Target};

const MIB: usize = 1 << 20;

#[cepmon_sdk::exporter]
fn collect(_target: &Target, _batch: &mut Batch) -> Result<(), Error> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(std::hint::black_box(vec![1; MIB]));
    }
}
