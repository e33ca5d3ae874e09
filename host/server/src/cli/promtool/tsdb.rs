//! `promtool tsdb`: what is in a data directory of cepmon that no server uses, and OpenMetrics text into one.

mod analyze;
mod from_rules;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use cepmon_model::{METRIC_NAME, Matcher, TimestampMs, is_stale};
use cepmon_storage::{SampleScan, SeriesSamples, Storage, StorageOptions, utc};
use clap::{Args, Subcommand};

use super::{SUCCESS, complain, go_text};
use crate::cli::import;
use crate::cli::output::Output;
use crate::selector::parse_selector;

/// What `promtool tsdb` takes.
#[derive(Debug, Subcommand)]
pub(super) enum TsdbCommand {
    /// Dump samples from a data directory
    Dump(DumpArgs),
    /// Dump samples as OpenMetrics text, without staleness markers, which it cannot express
    DumpOpenmetrics(DumpArgs),
    /// List blocks of samples
    List(ListArgs),
    /// Analyze the cardinality of labels and metrics
    Analyze(analyze::AnalyzeArgs),
    /// Import samples from input
    #[command(subcommand)]
    CreateBlocksFrom(CreateCommand),
}

#[derive(Debug, Args)]
pub(super) struct DumpArgs {
    /// Data directory
    #[arg(value_name = "DB_PATH", default_value = "data/")]
    dir: PathBuf,
    /// Minimum timestamp to dump, in milliseconds
    #[arg(long, allow_hyphen_values = true, default_value_t = TimestampMs::MIN)]
    min_time: TimestampMs,
    /// Maximum timestamp to dump, in milliseconds
    #[arg(long, allow_hyphen_values = true, default_value_t = TimestampMs::MAX)]
    max_time: TimestampMs,
    /// Series selector; can be specified multiple times
    #[arg(long = "match")]
    selectors: Vec<String>,
    /// Taken for the sake of scripts; nothing is written while a directory is read
    #[arg(long, hide = true)]
    sandbox_dir_root: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Print human readable values
    #[arg(short = 'r', long)]
    human_readable: bool,
    /// Data directory
    #[arg(value_name = "DB_PATH", default_value = "data/")]
    dir: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum CreateCommand {
    /// Import samples from OpenMetrics input into a data directory
    Openmetrics(CreateArgs),
    /// Create blocks of data for new recording rules
    Rules(from_rules::FromRulesArgs),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// OpenMetrics file to read samples from
    input: PathBuf,
    /// Data directory to write to
    #[arg(default_value = "data/")]
    dir: PathBuf,
    /// Do not print what was imported
    #[arg(short, long)]
    quiet: bool,
    /// Taken for the sake of scripts
    #[arg(short = 'r', long, hide = true)]
    human_readable: bool,
}

pub(super) fn run(command: &TsdbCommand, output: &mut Output) -> anyhow::Result<u8> {
    match command {
        TsdbCommand::Dump(args) => {
            each_series(args, |series| {
                let labels = go_text::labels(&series.labels);
                for (at, value) in series.timestamps.iter().zip(&series.values) {
                    writeln!(output, "{labels} {} {at}", go_text::general(*value))?;
                }
                Ok(())
            })?;
        }
        TsdbCommand::DumpOpenmetrics(args) => {
            each_series(args, |series| dump_openmetrics(series, output))?;
            writeln!(output, "# EOF")?;
        }
        TsdbCommand::List(args) => list(args, output)?,
        TsdbCommand::Analyze(args) => analyze::run(args, output)?,
        TsdbCommand::CreateBlocksFrom(CreateCommand::Openmetrics(args)) => {
            let summary = import::import_openmetrics(&args.input, &args.dir)?;
            if !args.quiet {
                writeln!(output, "{summary}")?;
            }
        }
        TsdbCommand::CreateBlocksFrom(CreateCommand::Rules(args)) => return from_rules::run(args, output),
    }
    Ok(SUCCESS)
}

/// Opens a data directory that is there.
fn open(dir: &Path) -> anyhow::Result<Storage> {
    // Opening would make the directory.
    let metadata = std::fs::metadata(dir).with_context(|| format!("cannot open data directory \"{}\"", dir.display()))?;
    if !metadata.is_dir() || !dir.join("MANIFEST").is_file() {
        let way_out = "one of Prometheus is imported with: cepmon import prometheus DIR";
        return Err(anyhow!("cannot open \"{}\": it is no data directory of cepmon; {way_out}", dir.display()));
    }
    let (storage, report) = Storage::open(StorageOptions::new(dir))?;
    report.problems.iter().for_each(|problem| complain(&format!("warning: {problem}")));
    Ok(storage)
}

fn each_series(args: &DumpArgs, mut each: impl FnMut(&SeriesSamples) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let storage = open(&args.dir)?;
    let mut selectors: Vec<Vec<Matcher>> = args.selectors.iter().map(|text| parse_selector(text)).collect::<Result<_, _>>()?;
    if selectors.is_empty() {
        selectors.push(Vec::new());
    }
    let mut seen = std::collections::HashSet::new();
    for matchers in &selectors {
        for series in
            storage.snapshot().scan_samples(&SampleScan { matchers: matchers.clone(), start: args.min_time, end: args.max_time })?
        {
            let series = series?;
            // Selectors may overlap.
            let is_first = selectors.len() == 1 || seen.insert(series.id);
            if is_first {
                each(&series)?;
            }
        }
    }
    Ok(())
}

fn dump_openmetrics(series: &SeriesSamples, output: &mut Output) -> anyhow::Result<()> {
    let name = series.labels.metric_name();
    let pairs: Vec<String> = series
        .labels
        .iter()
        .filter(|(name, _)| *name != METRIC_NAME)
        .map(|(name, value)| format!("{name}={}", go_text::quoted(value)))
        .collect();
    let labels = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
    for (at, value) in series.timestamps.iter().zip(&series.values).filter(|(_, value)| !is_stale(**value)) {
        writeln!(output, "{name}{labels} {} {:.3}", go_text::general(*value), *at as f64 / 1000.0)?;
    }
    Ok(())
}

fn list(args: &ListArgs, output: &mut Output) -> anyhow::Result<()> {
    let storage = open(&args.dir)?;
    let mut rows = vec![["BLOCK", "MIN TIME", "MAX TIME", "DURATION", "NUM SAMPLES", "SIZE"].map(str::to_owned)];
    for block in storage.sample_blocks() {
        let time = |at: TimestampMs| if args.human_readable { utc(at) } else { at.to_string() };
        let span = Duration::from_millis(block.max_time.saturating_sub(block.min_time).unsigned_abs());
        let size = if args.human_readable { bytes(block.bytes) } else { block.bytes.to_string() };
        rows.push([block.name, time(block.min_time), time(block.max_time), go_text::duration(span), block.samples.to_string(), size]);
    }
    let widths: Vec<usize> = (0..rows[0].len()).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0) + 2).collect();
    for row in &rows {
        let cells: String = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(output, "{}", cells.trim_end())?;
    }
    Ok(())
}

/// Bytes as promtool prints them: `132KiB780B`.
fn bytes(mut bytes: u64) -> String {
    let mut text = String::new();
    for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB"), (0, "B")] {
        let count = bytes >> shift;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
            bytes -= count << shift;
        }
    }
    if text.is_empty() { "0B".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_printed_unit_by_unit() {
        assert_eq!((bytes(0), bytes(135_948), bytes(1 << 30)), ("0B".to_owned(), "132KiB780B".to_owned(), "1GiB".to_owned()));
    }
}
