//! `cepmon import prometheus`: a TSDB, block after block. Each block that is done is remembered in the data directory, so that an import
//! that was killed goes on where it was.

use std::path::{Path, PathBuf};

use cepmon_import::{BlockInfo, Tsdb};
use cepmon_storage::utc;
use clap::Args;

use super::{ImportOptions, finish, progress, warn_of_retention};
use crate::cli::Failure;
use crate::cli::output::Output;

/// Options of `cepmon import prometheus`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cepmon import prometheus /var/lib/prometheus\n  \
    cepmon import prometheus prometheus_2026-11-01.tar.gz --data-dir data --match '{job=\"node\"}'\n  \
    cepmon import prometheus /var/lib/docker/volumes/prometheus_data --url http://127.0.0.1:9090\n\n\
    Stop Prometheus first, or give it a snapshot: what it writes meanwhile may be missed. Importing twice doubles nothing.")]
pub(crate) struct PrometheusArgs {
    /// The folder that --storage.tsdb.path named (or one above it), or a tar or tar.gz archive of it
    #[arg(value_name = "PATH")]
    path: PathBuf,
    #[command(flatten)]
    options: ImportOptions,
}

pub(super) fn run(args: &PrometheusArgs, output: &mut Output) -> Result<(), Failure> {
    let options = &args.options;
    let selection = options.selection()?;
    let tsdb = Tsdb::open(&args.path, &scratch_folder(options))?;
    let blocks = tsdb.blocks();
    if let Some(first) = blocks.first() {
        let what = format!("the oldest of {} blocks begins at {}", blocks.len(), utc(first.min_time));
        warn_of_retention(options.retention()?, first.min_time.max(selection.start), &what);
    }
    let mut destination = options.destination()?;
    let mut findings = tsdb.findings().clone();
    for (index, block) in blocks.iter().enumerate() {
        let name = format!("{}/{} {}", index + 1, blocks.len(), describe(block));
        // Part of a block is not the block.
        let key = format!("{} {:?} {} {}", block.ulid, options.selectors, selection.start, selection.end);
        if destination.has_done(&key) {
            progress(&format!("{name}: imported before"));
            continue;
        }
        let found = tsdb.read_block(block, &selection, &mut |labels, samples| destination.take(labels, samples).map_err(Into::into))?;
        destination.settle()?;
        if found.problems.is_empty() {
            destination.remember(&key)?;
        }
        progress(&format!("{name}: {} samples of {} series", found.samples, found.series));
        findings.add(found);
    }
    if tsdb.has_head() {
        let found = tsdb.read_head(&selection, &mut |labels, samples| destination.take(labels, samples).map_err(Into::into))?;
        destination.settle()?;
        progress(&format!("head: {} samples", found.samples));
        findings.add(found);
    }
    destination.finish()?;
    finish(output, &findings, &destination)
}

/// A compressed archive becomes several times as large; the disk of the data has room, the system's temporary folder may be memory.
fn scratch_folder(options: &ImportOptions) -> PathBuf {
    let beside = options.data_dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if options.url.is_none() && beside.is_dir() { beside.to_owned() } else { std::env::temp_dir() }
}

fn describe(block: &BlockInfo) -> String {
    format!("{} ({} to {})", block.ulid, utc(block.min_time), utc(block.max_time))
}
