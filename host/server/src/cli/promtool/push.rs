//! `promtool push metrics`: a page of metrics to a remote write receiver.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use cepmon_model::{Clock, Sample, parse_duration};
use clap::{Args, Subcommand};

use super::exposition::parse_page;
use super::{FAILURE, SUCCESS, complain, missing_file};
use crate::cli::http_client;
use crate::cli::output::Output;
use crate::clock::SystemClock;
use crate::ingest::WriteBody;

/// What `promtool push` takes.
#[derive(Debug, Subcommand)]
pub(super) enum PushCommand {
    /// Push metrics to a prometheus remote write (for testing purpose only)
    Metrics(PushArgs),
}

#[derive(Debug, Args)]
pub(super) struct PushArgs {
    /// Remote write URL to push metrics to, such as http://localhost:9090/api/v1/write
    url: String,
    /// The metric files to push; without one, standard input is read
    files: Vec<PathBuf>,
    /// Label to attach to metrics, as NAME=VALUE; can be specified multiple times
    #[arg(long = "label", default_value = "job=promtool")]
    labels: Vec<String>,
    /// The time to wait for pushing metrics
    #[arg(long, default_value = "30s")]
    timeout: String,
    /// Remote write header, as NAME=VALUE
    #[arg(long = "header")]
    headers: Vec<String>,
}

pub(super) fn run(command: &PushCommand, output: &mut Output) -> anyhow::Result<u8> {
    let PushCommand::Metrics(args) = command;
    if let Some(code) = missing_file(&args.files) {
        return Ok(code);
    }
    let labels = pairs(&args.labels)?;
    let headers: Vec<(String, String)> = pairs(&args.headers)?.into_iter().collect();
    let timeout = parse_duration(&args.timeout)?;
    let push = |text: &str| push(text, args, &labels, &headers, timeout);
    if args.files.is_empty() {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text)?;
        writeln!(output, "Parsing standard input")?;
        return match push(&text) {
            Ok(()) => {
                writeln!(output, "  SUCCESS: metrics pushed to remote write.")?;
                Ok(SUCCESS)
            }
            Err(error) => {
                complain(&format!("  FAILED: {error:#}"));
                Ok(FAILURE)
            }
        };
    }
    let mut code = SUCCESS;
    for file in &args.files {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read \"{}\"", file.display()))?;
        writeln!(output, "Parsing metrics file {}", file.display())?;
        match push(&text) {
            Ok(()) => writeln!(output, "  SUCCESS: metrics file {} pushed to remote write.", file.display())?,
            Err(error) => {
                complain(&format!("  FAILED: {error:#}"));
                code = FAILURE;
            }
        }
    }
    Ok(code)
}

fn push(
    text: &str,
    args: &PushArgs,
    labels: &BTreeMap<String, String>,
    headers: &[(String, String)],
    timeout: Duration,
) -> anyhow::Result<()> {
    let page = parse_page(text).map_err(|problem| anyhow!("{problem}"))?;
    let now = SystemClock.now();
    let mut body = WriteBody::default();
    for sample in page.values().flat_map(|family| &family.samples) {
        let mut series = sample.labels.to_builder();
        labels.iter().for_each(|(name, value)| {
            series.set(name, value);
        });
        body.push(&series.build(), &[Sample { timestamp: sample.timestamp.unwrap_or(now), value: sample.value }]);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let url = http_client::with_scheme(&args.url);
    let sent = runtime.block_on(async {
        let sent = http_client::post_write(&url, "", body.encode()?, headers);
        tokio::time::timeout(timeout, sent).await.with_context(|| format!("cannot push within {}", args.timeout))?
    })?;
    if sent.status.is_success() {
        Ok(())
    } else {
        Err(anyhow!("server returned HTTP status {}: {}", sent.status, http_client::problem(&sent)))
    }
}

fn pairs(texts: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let pair = |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    texts.iter().map(|text| pair(text).with_context(|| format!("expected KEY=VALUE got '{text}'"))).collect()
}
