//! `cepmon delete`: samples or log lines of a running server, by selector and time. It counts first and asks before anything is deleted.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, anyhow};
use clap::Args;
use serde::Deserialize;

use super::Failure;
use super::http_client::{self, Answer, DEFAULT_URL};
use super::install::is_yes;
use super::output::Output;

/// Options of `cepmon delete`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cepmon delete --match '{instance=\"old-host:9100\"}' --dry-run\n  \
    cepmon delete --match 'http_requests_total{user=\"ann\"}' --end 2026-11-01T00:00:00Z\n  \
    cepmon delete --logs --match '{user=\"ann\"}' --yes")]
pub(crate) struct DeleteArgs {
    /// Series (or log streams) to delete from, as in PromQL; may be given more than once
    #[arg(long = "match", value_name = "SELECTOR", required = true)]
    selectors: Vec<String>,
    /// Delete log lines instead of samples
    #[arg(long)]
    logs: bool,
    /// First time, as Unix seconds or RFC 3339; everything before stays
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// Last time; everything after stays
    #[arg(long, value_name = "TIME")]
    end: Option<String>,
    /// Only count
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// The server to ask
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL, env = "CEPMON_URL")]
    url: String,
}

#[derive(Debug, Deserialize)]
struct Counted {
    data: CountedData,
}

#[derive(Debug, Deserialize)]
struct CountedData {
    series: u64,
    rows: u64,
}

pub(crate) fn run(args: &DeleteArgs, output: &mut Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let counted = runtime.block_on(ask(args, true))?;
    let Counted { data } = serde_json::from_slice(&counted.body)
        .with_context(|| format!("cannot understand the answer of \"{}\"; is this a cepmon server?", args.url))?;
    let (rows, series) = if args.logs { ("log lines", "streams") } else { ("samples", "series") };
    let what = format!("{} {rows} of {} {series}", data.rows, data.series);
    if args.dry_run {
        writeln!(output, "would delete {what}")?;
        return Ok(());
    }
    if data.rows == 0 {
        writeln!(output, "nothing to delete: {what}")?;
        return Ok(());
    }
    if !args.yes {
        if !io::stdin().is_terminal() {
            let way_out = "there is no terminal to ask on; pass --yes";
            return Err(Failure::usage(anyhow!("nothing was deleted: would delete {what}; {way_out}")));
        }
        if !is_yes(&format!("Delete {what}, for ever?"), &mut io::stdin().lock())? {
            return Err(anyhow!("nothing was deleted").into());
        }
    }
    runtime.block_on(ask(args, false))?;
    writeln!(output, "deleted {what}; the table audit says so too")?;
    Ok(())
}

async fn ask(args: &DeleteArgs, is_dry_run: bool) -> anyhow::Result<Answer> {
    let (path, name) = if args.logs { ("/loki/api/v1/delete", "query") } else { ("/api/v1/admin/tsdb/delete_series", "match[]") };
    let mut form: Vec<(&str, &str)> = args.selectors.iter().map(|selector| (name, selector.as_str())).collect();
    form.extend(args.start.as_deref().map(|start| ("start", start)));
    form.extend(args.end.as_deref().map(|end| ("end", end)));
    if is_dry_run {
        form.push(("dry_run", "true"));
    }
    let answer = http_client::post_form(&args.url, path, &form).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(refusal(&args.url, &answer)) }
}

/// The server's own words; samples' and logs' errors have the forms of Prometheus and of cepmon.
fn refusal(url: &str, answer: &Answer) -> anyhow::Error {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match body["error"].as_str().or_else(|| body["error"]["message"].as_str()) {
        Some(message) => anyhow!("{message}"),
        None => anyhow!("cannot ask \"{url}\": it answered {}; is this a cepmon server?", answer.status),
    }
}
