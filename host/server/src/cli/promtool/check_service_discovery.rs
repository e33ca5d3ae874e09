//! `promtool check service-discovery`: the targets of a job, with their labels before and after its rules. Places that are asked have the
//! time-out to answer; the command ends as soon as each of them gave targets.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use cepmon_model::{LabelSet, parse_duration};
use cepmon_plugin::{Limits, Options, PluginHost};
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::{FAILURE, SUCCESS, complain, missing_file};
use crate::cli::output::Output;
use crate::clock::SystemClock;
use crate::config::{self, Job};
use crate::target::discovery::Discoverer;
use crate::target::{TargetGroup, discovered, relabelled};

/// Options of `promtool check service-discovery`.
#[derive(Debug, Args)]
pub(super) struct DiscoveryArgs {
    /// The prometheus config file
    #[arg(value_name = "CONFIG-FILE")]
    file: PathBuf,
    /// The job to run service discovery for
    job: String,
    /// The time to wait for discovery results
    #[arg(long, default_value = "30s")]
    timeout: String,
}

pub(super) fn run(args: &DiscoveryArgs, output: &mut Output) -> anyhow::Result<u8> {
    if let Some(code) = missing_file(std::slice::from_ref(&args.file)) {
        return Ok(code);
    }
    let timeout = parse_duration(&args.timeout)?;
    let config = match config::load(Some(&args.file)) {
        Ok(document) => document.file,
        Err(errors) => {
            complain(&format!("Cannot load config: {errors}"));
            return Ok(FAILURE);
        }
    };
    let Some(job) = config.jobs.iter().find(|job| job.name == args.job) else {
        complain(&format!("Job {} not found. Select one of:", args.job));
        config.jobs.iter().for_each(|job| complain(&format!("\t{}", job.name)));
        return Ok(FAILURE);
    };
    let mut groups = job.groups.clone();
    if !job.discoveries.is_empty() {
        groups.extend(discover(job, timeout)?);
    }
    let targets = groups.iter().flat_map(|group| group.targets.iter().map(move |target| (group, target)));
    let shown: Vec<Value> = targets.map(|(group, target)| show(job, &discovered(job, group, target))).collect();
    write!(output, "{}", serde_json::to_string_pretty(&shown)?)?;
    Ok(SUCCESS)
}

/// What the places give that the job names.
fn discover(job: &Job, timeout: Duration) -> anyhow::Result<Vec<TargetGroup>> {
    // It only makes requests for the discoveries: there are no plugins in it.
    let nowhere = tempfile::tempdir().context("cannot make a temporary folder")?;
    let plugins = Arc::new(PluginHost::open(Options {
        plugins_dir: nowhere.path().join("plugins"),
        bundled_dir: None,
        cache_dir: nowhere.path().join("cache"),
        compiler: None,
        host_name: String::new(),
        external_labels: Vec::new(),
        limits: Limits::default(),
        overrides: Default::default(),
        state: Arc::new(cepmon_plugin::NoState),
    })?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let (changed, mut changes) = watch::channel(());
        let start = |config: &config::DiscoveryConfig| {
            Discoverer::start(config.clone(), Arc::new(SystemClock), Arc::clone(&plugins), changed.clone())
        };
        let discoverers: Vec<Discoverer> = job.discoveries.iter().map(start).collect();
        let all_gave =
            async { while discoverers.iter().any(|discoverer| discoverer.groups().is_empty()) && changes.changed().await.is_ok() {} };
        tokio::time::timeout(timeout, all_gave).await.ok();
        Ok(discoverers.iter().flat_map(Discoverer::groups).collect())
    })
}

/// A target in the words of promtool (2.48).
fn show(job: &Job, discovered: &LabelSet) -> Value {
    let map = |labels: &LabelSet| labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<Map<_, _>>();
    match relabelled(job, discovered) {
        Ok(labels) => {
            let labels = labels.map(|relabelled| map(&relabelled.labels.build())).unwrap_or_default();
            json!({"discoveredLabels": map(discovered), "labels": labels})
        }
        Err(problem) => json!({"discoveredLabels": map(discovered), "labels": {}, "error": problem}),
    }
}
