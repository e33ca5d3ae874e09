//! `promtool tsdb analyze`: where the series come from, over the whole data directory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::open;
use crate::cli::output::Output;
use crate::cli::promtool::go_text;
use crate::selector::parse_selector;

/// Options of `promtool tsdb analyze`.
#[derive(Debug, Args)]
pub(in crate::cli::promtool) struct AnalyzeArgs {
    /// Data directory
    #[arg(value_name = "DB_PATH", default_value = "data/")]
    dir: PathBuf,
    /// How many items to show in each list
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Series selector to analyze
    #[arg(long = "match")]
    selector: Option<String>,
}

pub(super) fn run(args: &AnalyzeArgs, output: &mut Output) -> anyhow::Result<()> {
    let storage = open(&args.dir)?;
    let matchers = args.selector.as_deref().map(parse_selector).transpose()?.unwrap_or_default();
    let series = storage.snapshot().series(&matchers)?;
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut pairs: BTreeMap<String, u64> = BTreeMap::new();
    let mut metrics: BTreeMap<&str, u64> = BTreeMap::new();
    let mut entries = 0;
    for info in &series {
        *metrics.entry(info.labels.metric_name()).or_default() += 1;
        for (name, value) in info.labels.iter() {
            values.entry(name).or_default().insert(value);
            *pairs.entry(format!("{name}={value}")).or_default() += 1;
            entries += 1;
        }
    }
    let first = series.iter().map(|info| info.min_time).min().unwrap_or(0);
    let last = series.iter().map(|info| info.max_time).max().unwrap_or(0);
    writeln!(output, "Duration: {}", go_text::duration(Duration::from_millis(last.saturating_sub(first).unsigned_abs())))?;
    writeln!(output, "Series: {}", series.len())?;
    writeln!(output, "Label names: {}", values.len())?;
    writeln!(output, "Postings (unique label pairs): {}", pairs.len())?;
    writeln!(output, "Postings entries (total label pairs): {entries}")?;
    let lengths = values.iter().map(|(name, values)| ((*name).to_owned(), values.iter().map(|value| value.len() as u64).sum()));
    let counts = values.iter().map(|(name, values)| ((*name).to_owned(), values.len() as u64));
    let metrics = metrics.into_iter().filter(|(name, _)| !name.is_empty()).map(|(name, count)| (name.to_owned(), count));
    let mut show = |title: &str, items: Vec<(String, u64)>| show(title, items, args.limit, output);
    show("Most common label pairs", pairs.iter().map(|(pair, count)| (pair.clone(), *count)).collect())?;
    show("Label names with highest cumulative label value length", lengths.collect())?;
    show("Highest cardinality labels", counts.collect())?;
    show("Highest cardinality metric names", metrics.collect())?;
    Ok(())
}

fn show(title: &str, mut items: Vec<(String, u64)>, limit: usize, output: &mut Output) -> io::Result<()> {
    items.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    writeln!(output, "\n{title}:")?;
    items.iter().take(limit).try_for_each(|(name, count)| writeln!(output, "{count} {name}"))
}
