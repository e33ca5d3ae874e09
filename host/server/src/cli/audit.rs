//! `cepmon plugin audit`: which grants a running server's plugins never used, and which narrower ones would have been enough. What it finds
//! is the server's table `plugin_audit`; here it is printed with the commands that act on it.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Context;
use clap::Args;

use super::Failure;
use super::http_client::DEFAULT_URL;
use super::output::Output;
use super::printable::printable;
use super::sql::ask_server;
use crate::web::ResultForm;

/// Options of `cepmon plugin audit`.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// The plugin; all of them without it
    name: Option<String>,
    /// The server to ask
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL, env = "CEPMON_URL")]
    url: String,
}

/// One row of the table.
#[derive(Debug, serde::Deserialize)]
struct Row(String, String, Option<String>);

#[derive(Debug, serde::Deserialize)]
struct Answer {
    rows: Vec<Row>,
}

pub(crate) fn run(args: &AuditArgs, output: &mut Output) -> Result<(), Failure> {
    let rows = ask(&args.url)?;
    let mut plugins: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| args.name.as_ref().is_none_or(|name| *name == row.0)) {
        plugins.entry(&row.0).or_default().push(row);
    }
    if plugins.is_empty() {
        writeln!(output, "every grant was used since the server started, and none is wider than its use")?;
        return Ok(());
    }
    writeln!(output, "since the server started")?;
    for (plugin, rows) in plugins {
        writeln!(output, "{}", printable(plugin))?;
        for Row(_, word, enough) in rows {
            match enough {
                None => writeln!(output, "  never used: {}; to take it back: cepmon plugin revoke {plugin} '{word}'", printable(word))?,
                Some(enough) => writeln!(output, "  wider than its use: {}; enough would be {}", printable(word), printable(enough))?,
            }
        }
    }
    Ok(())
}

fn ask(url: &str) -> anyhow::Result<Vec<Row>> {
    let statement = "SELECT plugin, word, enough FROM plugin_audit ORDER BY plugin, word";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bytes = runtime.block_on(ask_server(url, statement, &[], ResultForm::Json))?;
    let answer: Answer = serde_json::from_slice(&bytes).with_context(|| format!("cannot read the answer of \"{url}\""))?;
    Ok(answer.rows)
}
