//! `cepmon import openmetrics`: text with times, as `promtool tsdb create-blocks-from openmetrics` takes it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::Context;
use cepmon_import::{Error, Findings, Selection, read_openmetrics};
use cepmon_model::TimestampMs;
use clap::Args;

use super::destination::Destination;
use super::{ImportOptions, finish, progress, warn_of_retention};
use crate::cli::Failure;
use crate::cli::output::Output;

/// Options of `cepmon import openmetrics`.
#[derive(Debug, Args)]
pub(crate) struct OpenmetricsArgs {
    /// Files of OpenMetrics text that end with "# EOF" and whose samples all have times; "-" reads standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    options: ImportOptions,
}

pub(super) fn run(args: &OpenmetricsArgs, output: &mut Output) -> Result<(), Failure> {
    let selection = args.options.selection()?;
    if let Some(retention) = args.options.retention()? {
        warn_of_retention(Some(retention), oldest_time(&args.files, &selection)?, "there are older ones");
    }
    let mut destination = args.options.destination()?;
    let mut findings = Findings::default();
    for path in &args.files {
        let found = import(path, &selection, &mut destination)?;
        progress(&format!("{}: {} samples of {} series", path.display(), found.samples, found.series));
        findings.add(found);
    }
    destination.finish()?;
    finish(output, &findings, &destination)
}

/// Imports one file, or standard input for "-".
pub(super) fn import(path: &Path, selection: &Selection, destination: &mut Destination) -> anyhow::Result<Findings> {
    let found = read(path, selection, &mut |labels, samples| destination.take(labels, samples).map_err(Into::into))?;
    destination.settle()?;
    Ok(found)
}

/// The time of the oldest sample; what is read from standard input cannot be looked at twice.
fn oldest_time(files: &[PathBuf], selection: &Selection) -> anyhow::Result<TimestampMs> {
    let mut oldest = TimestampMs::MAX;
    for path in files.iter().filter(|path| path.as_os_str() != "-") {
        read(path, selection, &mut |_, samples| {
            oldest = samples.iter().fold(oldest, |oldest, sample| oldest.min(sample.timestamp));
            Ok(())
        })?;
    }
    Ok(oldest)
}

fn read(path: &Path, selection: &Selection, sink: &mut cepmon_import::Sink<'_>) -> anyhow::Result<Findings> {
    let read = |text: &mut dyn BufRead, sink: &mut cepmon_import::Sink<'_>| -> Result<Findings, Error> {
        read_openmetrics(path, text, selection, sink)
    };
    if path.as_os_str() == "-" {
        return Ok(read(&mut std::io::stdin().lock(), sink)?);
    }
    let file = File::open(path).with_context(|| format!("cannot open \"{}\"", path.display()))?;
    Ok(read(&mut BufReader::with_capacity(1 << 20, file), sink)?)
}
