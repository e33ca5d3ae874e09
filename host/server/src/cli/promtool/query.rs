//! `promtool query`: questions to a server over Prometheus's API.

use std::io::Write;

use anyhow::{Context, anyhow};
use cepmon_model::{Clock, LabelSet, TimestampMs};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::query_answer::{Answer, print_json, print_value};
use super::{FAILURE, Format, SUCCESS, complain, go_text};
use crate::cli::http_client;
use crate::cli::output::Output;
use crate::cli::time::parse_time;
use crate::clock::SystemClock;

/// Options of `promtool query`.
#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// Output format of the query
    #[arg(short = 'o', long, global = true, default_value = "promql")]
    format: Format,
    #[command(subcommand)]
    command: QueryCommand,
}

#[derive(Debug, Subcommand)]
enum QueryCommand {
    /// Run instant query
    Instant(InstantArgs),
    /// Run range query
    Range(RangeArgs),
    /// Run series query
    Series(SeriesArgs),
    /// Run labels query
    Labels(LabelsArgs),
}

#[derive(Debug, Args)]
struct InstantArgs {
    /// Server to query, such as http://localhost:9090
    server: String,
    /// PromQL query expression
    #[arg(allow_hyphen_values = true)]
    expr: String,
    /// Query evaluation time (RFC3339 or Unix timestamp)
    #[arg(long)]
    time: Option<String>,
}

#[derive(Debug, Args)]
struct RangeArgs {
    /// Server to query
    server: String,
    /// PromQL query expression
    #[arg(allow_hyphen_values = true)]
    expr: String,
    #[command(flatten)]
    span: SpanArgs,
    /// Query step size (duration)
    #[arg(long)]
    step: Option<String>,
    /// Extra headers to send to server, as NAME=VALUE
    #[arg(long = "header")]
    headers: Vec<String>,
}

#[derive(Debug, Args)]
struct SeriesArgs {
    /// Server to query
    server: String,
    /// Series selector; can be specified multiple times
    #[arg(long = "match", required = true)]
    selectors: Vec<String>,
    #[command(flatten)]
    span: SpanArgs,
}

#[derive(Debug, Args)]
struct LabelsArgs {
    /// Server to query
    server: String,
    /// Label name to provide label values for
    name: String,
    /// Series selector; can be specified multiple times
    #[arg(long = "match")]
    selectors: Vec<String>,
    #[command(flatten)]
    span: SpanArgs,
}

#[derive(Debug, Args)]
struct SpanArgs {
    /// Start time (RFC3339 or Unix timestamp)
    #[arg(long)]
    start: Option<String>,
    /// End time (RFC3339 or Unix timestamp)
    #[arg(long)]
    end: Option<String>,
}

/// A range without a start, and the steps of one without a step, as promtool chooses them.
const DEFAULT_RANGE_MS: i64 = 300_000;
const DEFAULT_STEPS: i64 = 250;

type Form = Vec<(&'static str, String)>;

pub(super) fn run(args: &QueryArgs, output: &mut Output) -> anyhow::Result<u8> {
    match &args.command {
        QueryCommand::Instant(query) => {
            let mut form = vec![("query", query.expr.clone())];
            form.extend(time(query.time.as_deref(), "time")?);
            answer(ask(&query.server, "/api/v1/query", Some(form), &[])?, |data| print_value(data, args.format, output))
        }
        QueryCommand::Range(query) => {
            let (start, end, step) = query.times()?;
            let seconds = |ms: i64| cepmon_query::format_value(ms as f64 / 1000.0);
            let form = vec![("query", query.expr.clone()), ("start", seconds(start)), ("end", seconds(end)), ("step", seconds(step))];
            answer(ask(&query.server, "/api/v1/query_range", Some(form), &headers(&query.headers)?)?, |data| {
                print_value(data, args.format, output)
            })
        }
        QueryCommand::Series(query) => {
            let mut form: Form = query.selectors.iter().map(|selector| ("match[]", selector.clone())).collect();
            form.extend(query.span.form()?);
            answer(ask(&query.server, "/api/v1/series", Some(form), &[])?, |data| print_series(data, args.format, output))
        }
        QueryCommand::Labels(query) => {
            let mut form = query.span.form()?;
            form.extend(query.selectors.iter().map(|selector| ("match[]", selector.clone())));
            let parameters = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
            let path = format!("/api/v1/label/{}/values?{parameters}", query.name);
            answer(ask(&query.server, &path, None, &[])?, |data| print_label_values(data, args.format, output))
        }
    }
}

impl RangeArgs {
    /// Start, end and step in milliseconds.
    fn times(&self) -> anyhow::Result<(TimestampMs, TimestampMs, i64)> {
        let parse = |text: &Option<String>, name: &str| text.as_deref().map(|text| parse_named(text, name)).transpose();
        let end = parse(&self.span.end, "end")?.unwrap_or_else(|| SystemClock.now());
        let start = parse(&self.span.start, "start")?.unwrap_or(end - DEFAULT_RANGE_MS);
        if end <= start {
            return Err(anyhow!("start time is not before end time"));
        }
        let step = match &self.step {
            Some(step) => cepmon_model::parse_duration(step)?.as_millis() as i64,
            None => ((end - start) / 1000 / DEFAULT_STEPS).max(1) * 1000,
        };
        Ok((start, end, step))
    }
}

impl SpanArgs {
    fn form(&self) -> anyhow::Result<Form> {
        Ok(time(self.start.as_deref(), "start")?.into_iter().chain(time(self.end.as_deref(), "end")?).collect())
    }
}

fn time(text: Option<&str>, name: &'static str) -> anyhow::Result<Option<(&'static str, String)>> {
    let at = text.map(|text| parse_named(text, name)).transpose()?;
    Ok(at.map(|at| (name, cepmon_query::format_value(at as f64 / 1000.0))))
}

fn parse_named(text: &str, name: &str) -> anyhow::Result<TimestampMs> {
    parse_time(text).with_context(|| format!("error parsing {name} time"))
}

fn headers(texts: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let pair = |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    texts.iter().map(|text| pair(text).with_context(|| format!("expected NAME=VALUE, got \"{text}\""))).collect()
}

/// Asks by POST with a form, or by GET without one.
fn ask(server: &str, path: &str, form: Option<Form>, headers: &[(String, String)]) -> anyhow::Result<anyhow::Result<Answer>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let url = http_client::with_scheme(server);
    let answered = runtime.block_on(async {
        match &form {
            Some(form) => {
                let pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
                http_client::post_form_with(&url, path, &pairs, headers).await
            }
            None => http_client::get(&url, path, "application/json").await,
        }
    });
    Ok(answered.and_then(Answer::read))
}

/// Prints an answer, its warnings and infos on standard error; or why there is none.
fn answer(answered: anyhow::Result<Answer>, print: impl FnOnce(&Value) -> anyhow::Result<()>) -> anyhow::Result<u8> {
    match answered {
        Ok(answer) => {
            answer.warnings.iter().for_each(|warning| complain(&format!("query warning: {warning}")));
            print(&answer.data)?;
            Ok(SUCCESS)
        }
        Err(error) => {
            complain(&format!("query error: {error:#}"));
            Ok(FAILURE)
        }
    }
}

fn print_series(data: &Value, format: Format, output: &mut Output) -> anyhow::Result<()> {
    if format == Format::Json {
        return print_json(data, output);
    }
    for series in data.as_array().into_iter().flatten() {
        let pairs = series.as_object().into_iter().flatten();
        let labels = LabelSet::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())));
        writeln!(output, "{}", go_text::labels(&labels))?;
    }
    Ok(())
}

fn print_label_values(data: &Value, format: Format, output: &mut Output) -> anyhow::Result<()> {
    if format == Format::Json {
        return print_json(data, output);
    }
    for value in data.as_array().into_iter().flatten() {
        writeln!(output, "{}", value.as_str().unwrap_or_default())?;
    }
    Ok(())
}
