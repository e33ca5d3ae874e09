//! `cepmon import`: history of other systems, into a data directory that no server uses or to a running server.

mod destination;
mod openmetrics;
mod prometheus;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use cepmon_import::{Findings, Selection};
use cepmon_model::{Clock, LabelSet, Sample, TimestampMs, format_duration, parse_duration};
use cepmon_storage::utc;
use clap::{Args, Subcommand};

use super::Failure;
use super::http_client;
use super::output::Output;
use super::time::parse_time;
use crate::clock::SystemClock;
use crate::config;
use crate::selector::parse_selector;
use destination::Destination;

/// What `cepmon import` takes.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Samples of a Prometheus data directory, or of a tar or tar.gz archive of one
    Prometheus(prometheus::PrometheusArgs),
    /// Samples of OpenMetrics text that has times
    Openmetrics(openmetrics::OpenmetricsArgs),
}

/// Where samples go, and which.
#[derive(Debug, Args)]
pub(crate) struct ImportOptions {
    /// The data directory to write into; no server may be using it
    #[arg(long, value_name = "DIR", default_value = "data", env = "CEPMON_DATA_DIR")]
    pub(super) data_dir: PathBuf,
    /// Send the samples to this running server instead (remote write 1.0)
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// Configuration file whose retention tells what is too old [default: ask the server of --url]
    #[arg(long, value_name = "FILE", env = "CEPMON_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Only these series, as in PromQL; may be given more than once
    #[arg(long = "match", value_name = "SELECTOR")]
    pub(super) selectors: Vec<String>,
    /// First time, as Unix seconds or RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(super) start: Option<String>,
    /// Last time
    #[arg(long, value_name = "TIME")]
    pub(super) end: Option<String>,
}

pub(crate) fn run(command: &ImportCommand, output: &mut Output) -> Result<(), Failure> {
    match command {
        ImportCommand::Prometheus(args) => prometheus::run(args, output),
        ImportCommand::Openmetrics(args) => openmetrics::run(args, output),
    }
}

/// Imports a file of OpenMetrics text into a data directory; gives a line about it.
pub(super) fn import_openmetrics(file: &Path, data_dir: &Path) -> anyhow::Result<String> {
    let mut destination = Destination::directory(data_dir)?;
    let found = openmetrics::import(file, &Selection::default(), &mut destination)?;
    destination.finish()?;
    Ok(format!("imported {} samples{}", found.samples, destination.outcome()))
}

/// Puts series into a data directory; gives a line about them.
pub(super) fn import_series(
    data_dir: &Path,
    fill: impl FnOnce(&mut dyn FnMut(&LabelSet, &[Sample]) -> anyhow::Result<()>) -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    let mut destination = Destination::directory(data_dir)?;
    let mut count = 0;
    fill(&mut |labels, samples| {
        count += samples.len();
        destination.take(labels, samples)
    })?;
    destination.finish()?;
    Ok(format!("imported {count} samples{}", destination.outcome()))
}

impl ImportOptions {
    fn selection(&self) -> Result<Selection, Failure> {
        let selectors = self.selectors.iter().map(|text| parse_selector(text)).collect::<Result<_, _>>().map_err(Failure::usage)?;
        let time = |text: &Option<String>| text.as_deref().map(parse_time).transpose().map_err(Failure::usage);
        let (start, end) = (time(&self.start)?.unwrap_or(TimestampMs::MIN), time(&self.end)?.unwrap_or(TimestampMs::MAX));
        if start > end {
            return Err(Failure::usage(anyhow!("cannot import from --start to --end: the end is before the start")));
        }
        Ok(Selection { selectors, start, end })
    }

    fn destination(&self) -> anyhow::Result<Destination> {
        match &self.url {
            Some(url) => Destination::server(url),
            None => Destination::directory(&self.data_dir),
        }
    }

    /// How long samples are kept where they go; `None` = for ever, or it cannot be known.
    fn retention(&self) -> Result<Option<Duration>, Failure> {
        if let Some(path) = &self.config {
            return Ok(config::load(Some(path)).map_err(Failure::usage)?.file.storage.metrics.time);
        }
        let Some(url) = &self.url else { return Ok(None) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
        let answer = runtime.block_on(http_client::get(url, "/api/v1/status/runtimeinfo", "application/json"))?;
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = body["data"]["storageRetention"].as_str().unwrap_or_default();
        Ok(text.split_whitespace().next().and_then(|age| parse_duration(age).ok()))
    }
}

/// A line about how it goes, for whoever watches.
fn progress(line: &str) {
    // Whoever closed standard error does not want to know either.
    writeln!(io::stderr(), "{line}").ok();
}

/// Says it before anything is done when some of it will not be kept.
fn warn_of_retention(retention: Option<Duration>, oldest: TimestampMs, what: &str) {
    let Some(retention) = retention else { return };
    let limit = SystemClock.now().saturating_sub(i64::try_from(retention.as_millis()).unwrap_or(i64::MAX));
    if oldest < limit {
        let (age, limit) = (format_duration(retention), utc(limit));
        progress(&format!(
            "cepmon: warning: {what}; samples older than {age} will not be kept: raise storage.retention.metrics.time before the server \
             starts, or leave them out with --start {limit}"
        ));
    }
}

/// Prints the damage; fails if there is any, since not everything is there then.
fn finish(output: &mut Output, findings: &Findings, destination: &Destination) -> Result<(), Failure> {
    writeln!(output, "imported {} samples{}", findings.samples, destination.outcome())?;
    if findings.histograms > 0 {
        writeln!(output, "left out {} native histograms: cepmon does not store them yet", findings.histograms)?;
    }
    let problems: Vec<&str> = findings.problems.iter().chain(destination.problems()).map(String::as_str).collect();
    if problems.is_empty() {
        return Ok(());
    }
    let more = if findings.more_problems > 0 { format!("\nand {} more", findings.more_problems) } else { String::new() };
    Err(anyhow!("not everything could be imported:\n{}{more}", problems.join("\n")).into())
}
