//! Doors for `tests/fuzz`: checks that are private otherwise, under the default limits of a `reuse` exporter. Not for use; no promise.

use cepmon_model::{LogBatch, SampleBatch};

use crate::limits::{CallLimits, LimitOverrides, Limits};
use crate::manifest::Manifest;

fn limits() -> CallLimits {
    let manifest = b"name='a'\nversion='1.0.0'\nkind='exporter'\ndescription='d'\nlicense='x'\nreuse=true";
    Limits::default().of(&Manifest::parse(manifest, "fuzz").expect("BUG: the manifest of the fuzzer is wrong"), &LimitOverrides::default())
}

/// Checks a batch of samples as a guest's answer is checked.
pub fn samples(batch: &mut SampleBatch) -> Result<(), String> {
    crate::verify::samples(batch, &limits())
}

/// Checks rows over the lines that went in; `numbers` is how many numbers of field spans came.
pub fn rows(batch: &LogBatch, numbers: usize, lines: &[u8], line_count: usize) -> Result<(), String> {
    crate::verify::rows(batch, numbers, lines, line_count, &limits())
}
