//! `cepmon sql`: one statement to a running server, or to a data directory that no server holds. Results go to standard output,
//! warnings to standard error.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use cepmon_query::EngineOptions;
use cepmon_sql::{QueryOptions, SqlEngine, SqlOptions};
use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::Value;

use super::Failure;
use super::http_client::{self, Answer, DEFAULT_URL};
use super::offline::open_data_dir;
use super::output::Output;
use crate::promql_table::PromqlTable;
use crate::web::{ResultForm, encode_result, sql_parameter};

/// Options of `cepmon sql`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cepmon sql 'SHOW TABLES'\n  \
    cepmon sql 'SELECT mode, avg(value) FROM metrics.node_cpu_seconds_total GROUP BY mode'\n  \
    cepmon sql 'SELECT count(*) FROM logs WHERE level = $1' --param error\n  \
    cepmon sql -o parquet 'SELECT * FROM logs' > logs.parquet\n  \
    cepmon sql --data-dir data - < report.sql")]
pub(crate) struct SqlArgs {
    /// The statement; "-" reads it from standard input
    statement: String,
    /// The server to ask
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL, env = "CEPMON_URL")]
    url: String,
    /// Read this data directory instead of asking the server of --url; no server may be using it
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The value of $1, the next one of $2 and so on: a number, true, false, null, or else text; may be repeated
    #[arg(long = "param", value_name = "VALUE", allow_hyphen_values = true)]
    parameters: Vec<String>,
    /// How the result is written
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    Table,
    Json,
    Csv,
    Parquet,
}

impl OutputFormat {
    fn form(self) -> ResultForm {
        match self {
            Self::Table => ResultForm::Table,
            Self::Json => ResultForm::Json,
            Self::Csv => ResultForm::Csv,
            Self::Parquet => ResultForm::Parquet,
        }
    }
}

/// Statements longer than this are refused by the server too.
const MAX_STATEMENT_BYTES: u64 = 1 << 20;

pub(crate) fn run(args: &SqlArgs, output: &mut Output) -> Result<(), Failure> {
    if args.output == OutputFormat::Parquet && output.is_terminal() {
        let way_out = "redirect it: cepmon sql -o parquet '…' > result.parquet";
        return Err(Failure::usage(anyhow!("cannot print Parquet on a terminal; {way_out}")));
    }
    let statement = if args.statement == "-" { read_statement(io::stdin().lock())? } else { args.statement.clone() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let form = args.output.form();
    let parameters: Vec<Value> = args.parameters.iter().map(|text| parameter_value(text)).collect();
    let bytes = match &args.data_dir {
        None => runtime.block_on(ask_server(&args.url, &statement, &parameters, form))?,
        Some(data_dir) => runtime.block_on(ask_directory(data_dir, &statement, &parameters, form))?,
    };
    output.write_all(&bytes)?;
    if bytes.last().is_some_and(|last| *last != b'\n') && args.output != OutputFormat::Parquet {
        output.write_all(b"\n")?;
    }
    Ok(())
}

/// Numbers, `true`, `false` and `null` are what they look like, everything else is text.
fn parameter_value(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

fn read_statement(input: impl Read) -> anyhow::Result<String> {
    let mut statement = String::new();
    let read =
        input.take(MAX_STATEMENT_BYTES + 1).read_to_string(&mut statement).context("cannot read the statement from standard input")?;
    if read as u64 > MAX_STATEMENT_BYTES {
        return Err(anyhow!("cannot read the statement from standard input: it is longer than {MAX_STATEMENT_BYTES} bytes"));
    }
    Ok(statement)
}

/// The bytes that a server answers to a statement.
pub(super) async fn ask_server(url: &str, statement: &str, parameters: &[Value], form: ResultForm) -> anyhow::Result<Vec<u8>> {
    let request = serde_json::json!({ "query": statement, "params": parameters }).to_string();
    let answer = http_client::post_json(url, "/api/v1/sql", form.media_type(), request).await?;
    if !answer.status.is_success() {
        return Err(refusal(url, statement, &answer));
    }
    let content_type = answer.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.split(';').next() != Some(form.media_type()) {
        return Err(anyhow!("cannot understand the answer of \"{url}\": it is \"{content_type}\"; is this a cepmon server?"));
    }
    Ok(answer.body.into())
}

/// The server's own words, with the place marked when it names one.
fn refusal(url: &str, statement: &str, answer: &Answer) -> anyhow::Error {
    #[derive(Deserialize)]
    struct Body {
        error: Problem,
    }
    #[derive(Deserialize)]
    struct Problem {
        message: String,
        line: Option<u64>,
        column: Option<u64>,
    }
    match serde_json::from_slice::<Body>(&answer.body) {
        Ok(Body { error }) => {
            anyhow!("{}{}", error.message, error.line.zip(error.column).and_then(|at| mark(statement, at)).unwrap_or_default())
        }
        Err(_) => anyhow!("cannot ask \"{url}\": it answered {}; is this a cepmon server?", answer.status),
    }
}

async fn ask_directory(data_dir: &Path, statement: &str, parameters: &[Value], form: ResultForm) -> anyhow::Result<Vec<u8>> {
    let storage = open_data_dir(data_dir)?;
    let spill_dir = std::env::temp_dir().join(format!("cepmon-sql-{}", std::process::id()));
    let promql = Arc::new(PromqlTable::new(Arc::clone(&storage), EngineOptions::default()));
    let engine = SqlEngine::new(storage, Vec::new(), Some(promql), SqlOptions::new(&spill_dir))?;
    let options = QueryOptions { parameters: parameters.iter().filter_map(sql_parameter).collect(), ..QueryOptions::default() };
    let answer = engine.query_with(statement, options).await;
    drop(engine);
    // What is left there is empty; the next start of the machine clears it too.
    std::fs::remove_dir_all(&spill_dir).ok();
    let result = answer.map_err(|error| {
        let marked = error.position().and_then(|at| mark(statement, (at.line, at.column))).unwrap_or_default();
        let message = format!("{:#}{marked}", anyhow::Error::new(error));
        anyhow!(message)
    })?;
    for warning in &result.warnings {
        writeln!(io::stderr(), "cepmon: warning: {warning}").ok();
    }
    Ok(encode_result(form, &result)?)
}

/// The line of the statement and a caret below the place, or nothing when the place is outside.
fn mark(statement: &str, (line, column): (u64, u64)) -> Option<String> {
    let source = statement.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let column = usize::try_from(column).ok()?.checked_sub(1)?;
    if column > source.chars().count() {
        return None;
    }
    // Tabs stay tabs, so that the caret stands right whatever their width is.
    let blanks: String = source.chars().take(column).map(|letter| if letter == '\t' { '\t' } else { ' ' }).collect();
    Some(format!("\n  {source}\n  {blanks}^"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_error_is_marked() {
        assert_eq!(mark("SELECT 1 FORM x", (1, 10)).as_deref(), Some("\n  SELECT 1 FORM x\n           ^"));
        assert_eq!(mark("SELECT\n\tx FORM y", (2, 4)).as_deref(), Some("\n  \tx FORM y\n  \t  ^"));
        assert_eq!(mark("SELECT", (1, 7)).as_deref(), Some("\n  SELECT\n        ^"));
        for outside in [(2, 1), (1, 99), (0, 0), (u64::MAX, 1)] {
            assert_eq!(mark("SELECT", outside), None);
        }
    }

    #[test]
    fn a_statement_from_standard_input_has_a_limit() {
        assert_eq!(read_statement("SELECT 1".as_bytes()).unwrap(), "SELECT 1");
        let long = vec![b' '; MAX_STATEMENT_BYTES as usize + 1];
        assert!(read_statement(long.as_slice()).unwrap_err().to_string().contains("longer than"));
    }

    #[test]
    fn what_is_no_cepmon_server_is_named_as_such() {
        let answer = Answer { status: hyper::StatusCode::NOT_FOUND, headers: hyper::HeaderMap::new(), body: "<html>".into() };
        assert!(refusal("http://x", "", &answer).to_string().contains("is this a cepmon server?"));
    }
}
