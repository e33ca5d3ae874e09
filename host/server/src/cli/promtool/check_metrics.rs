//! `promtool check metrics`: standard input, linted.

use std::io::{self, Read, Write};

use clap::Args;

use super::exposition::{Page, parse_page};
use super::promlint::lint;
use super::{FAILURE, LINT, SUCCESS, complain};
use crate::cli::output::Output;

/// Options of `promtool check metrics`.
#[derive(Debug, Args)]
pub(super) struct MetricsArgs {
    /// Print extended information related to the cardinality of the metrics
    #[arg(long)]
    extended: bool,
}

pub(super) fn run(args: &MetricsArgs, output: &mut Output) -> anyhow::Result<u8> {
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    let page = match parse_page(&text) {
        Ok(page) => page,
        Err(problem) => {
            complain(&format!("error while linting: {problem}"));
            return Ok(FAILURE);
        }
    };
    let problems = lint(&page);
    problems.iter().for_each(|(metric, problem)| complain(&format!("{metric} {problem}")));
    if !problems.is_empty() {
        return Ok(LINT);
    }
    if args.extended {
        print_cardinality(&page, output)?;
    }
    Ok(SUCCESS)
}

/// Series of each metric, the largest first.
fn print_cardinality(page: &Page, output: &mut Output) -> io::Result<()> {
    let mut counts: Vec<(&str, usize)> = page.iter().map(|(name, family)| (name.as_str(), family.samples.len())).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let total: usize = counts.iter().map(|(_, count)| count).sum();
    let mut rows = vec![["Metric".to_owned(), "Cardinality".to_owned(), "Percentage".to_owned()]];
    for (name, count) in counts {
        rows.push([name.to_owned(), count.to_string(), format!("{:.2}%", count as f64 / total as f64 * 100.0)]);
    }
    rows.push(["Total".to_owned(), total.to_string(), "100%".to_owned()]);
    // Each column as wide as its widest cell and four blanks, the last one too.
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0) + 4;
    let widths = [width(0), width(1), width(2)];
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(output, "{}", cells.collect::<String>())?;
    }
    Ok(())
}
