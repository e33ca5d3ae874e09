//! `promtool tsdb create-blocks-from rules`: what recording rules would have recorded, asked of a server and put into a data directory of
//! cepmon. Alerting rules are passed over, and so is what one rule reads of another one that is new.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use cepmon_alert::rule::{CheckOptions, GroupConfig, RecordingRule, RuleConfig, check_rule_file};
use cepmon_model::{Clock, LabelSet, Sample, TimestampMs, parse_duration};
use clap::Args;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::cli::check::SyntaxOnly;
use crate::cli::http_client;
use crate::cli::import;
use crate::cli::output::Output;
use crate::cli::promtool::check_rules::check_text;
use crate::cli::promtool::query_answer::Answer;
use crate::cli::promtool::{FAILURE, SUCCESS, complain, missing_file};
use crate::cli::time::parse_time;
use crate::clock::SystemClock;

/// Steps of one question; a server answers 11,000 at most.
const STEPS_AT_ONCE: i64 = 10_000;
/// How far from now the end is, when it is not given (promtool 2.48).
const DEFAULT_END_MS: i64 = 3 * 3_600_000;

/// Options of `promtool tsdb create-blocks-from rules`.
#[derive(Debug, Args)]
pub(in crate::cli::promtool) struct FromRulesArgs {
    /// Files with recording rules to be backfilled; alerting rules are not evaluated
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The server with the data that the rules are evaluated over
    #[arg(long, default_value = "http://localhost:9090")]
    url: String,
    /// The time to start from (RFC3339 or Unix timestamp)
    #[arg(long)]
    start: String,
    /// The last time; three hours ago if it is not given
    #[arg(long)]
    end: Option<String>,
    /// Data directory to write to
    #[arg(long, default_value = "data/")]
    output_dir: PathBuf,
    /// How frequently to evaluate rules whose group has no interval
    #[arg(long, default_value = "60s")]
    eval_interval: String,
    /// Do not print what was imported
    #[arg(short, long)]
    quiet: bool,
    /// Taken for the sake of scripts
    #[arg(short = 'r', long, hide = true)]
    human_readable: bool,
}

pub(super) fn run(args: &FromRulesArgs, output: &mut Output) -> anyhow::Result<u8> {
    if let Some(code) = missing_file(&args.files) {
        return Ok(code);
    }
    let start = parse_time(&args.start)?;
    let end = args.end.as_deref().map(parse_time).transpose()?.unwrap_or_else(|| SystemClock.now() - DEFAULT_END_MS);
    if start >= end {
        complain("start time is not before end time");
        return Ok(FAILURE);
    }
    let groups = match load(args, parse_duration(&args.eval_interval)?) {
        Ok(groups) => groups,
        Err(problems) => {
            problems.iter().for_each(|problem| complain(problem));
            return Ok(FAILURE);
        }
    };
    let server = Server { url: http_client::with_scheme(&args.url), runtime: Runtime::new()? };
    let summary = import::import_series(&args.output_dir, |take| {
        for group in &groups {
            let step = i64::try_from(group.interval.as_millis()).unwrap_or(i64::MAX).max(1);
            for rule in &group.rules {
                let RuleConfig::Recording(rule) = rule else { continue };
                let evaluated = server.evaluate(rule, (start, end), step, take);
                evaluated.with_context(|| format!("cannot evaluate rule \"{}\" of group \"{}\"", rule.name, group.name))?;
            }
        }
        Ok(())
    })?;
    if !args.quiet {
        writeln!(output, "{summary}")?;
    }
    Ok(SUCCESS)
}

fn load(args: &FromRulesArgs, default_interval: Duration) -> Result<Vec<GroupConfig>, Vec<String>> {
    let mut groups = Vec::new();
    for path in &args.files {
        let text = std::fs::read_to_string(path).map_err(|error| vec![format!("cannot read \"{}\": {error}", path.display())])?;
        let file = check_text(Some(path), text, false)?;
        let options = CheckOptions { file: path.display().to_string(), default_interval, default_query_offset: Duration::ZERO };
        let checked = check_rule_file(&file, &options, &SyntaxOnly);
        groups.extend(checked.map_err(|problems| problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>())?);
    }
    Ok(groups)
}

/// Takes the samples of one series.
type Take<'a> = dyn FnMut(&LabelSet, &[Sample]) -> anyhow::Result<()> + 'a;

struct Server {
    url: String,
    runtime: Runtime,
}

impl Server {
    /// At every multiple of the step between the times.
    fn evaluate(
        &self,
        rule: &RecordingRule,
        (start, end): (TimestampMs, TimestampMs),
        step: i64,
        take: &mut Take<'_>,
    ) -> anyhow::Result<()> {
        let mut from = start + (-start).rem_euclid(step);
        while from <= end {
            let to = from.saturating_add((STEPS_AT_ONCE - 1) * step).min(end);
            let data = self.query_range(&rule.expr, from, to, step)?;
            for series in data["result"].as_array().context("the answer holds no series")? {
                let labels = series["metric"].as_object().into_iter().flatten();
                let labels = LabelSet::from_pairs(labels.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())));
                let values = series["values"].as_array().into_iter().flatten();
                let samples: Option<Vec<Sample>> = values.map(read_sample).collect();
                take(&rule.recorded(&labels), &samples.context("the answer holds a value that is none")?)?;
            }
            from = to + step - (to - from).rem_euclid(step);
        }
        Ok(())
    }

    fn query_range(&self, expr: &str, start: TimestampMs, end: TimestampMs, step: i64) -> anyhow::Result<Value> {
        let [start, end, step] = [start, end, step].map(|ms| cepmon_query::format_value(ms as f64 / 1000.0));
        let form = [("query", expr), ("start", &start), ("end", &end), ("step", &step)];
        let answer = self.runtime.block_on(http_client::post_form(&self.url, "/api/v1/query_range", &form))?;
        Answer::read(answer).map(|answer| answer.data).map_err(|error| anyhow!("query range: {error}"))
    }
}

/// `[seconds, "value"]`
fn read_sample(pair: &Value) -> Option<Sample> {
    let value = pair.get(1)?.as_str()?.parse().ok()?;
    Some(Sample { timestamp: (pair.get(0)?.as_f64()? * 1000.0).round() as i64, value })
}
