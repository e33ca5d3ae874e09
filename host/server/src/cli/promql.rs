//! `cepmon promql`: one expression to a running server (a Prometheus answers too), or to a data directory that no server holds. The
//! answer is a table of samples with every label as a column, or Prometheus's own JSON.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{Field, Schema};
use cepmon_model::Clock;
use cepmon_sql::QueryResult;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::Value;

use super::Failure;
use super::http_client::{self, DEFAULT_URL};
use super::offline::open_data_dir;
use super::output::Output;
use crate::clock::SystemClock;
use crate::web::{Parameters, ResultForm, answer_offline, encode_result};

/// Options of `cepmon promql`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cepmon promql 'sum by (job) (up)'\n  \
    cepmon promql 'rate(http_requests_total[5m])' --start 2026-11-24T12:00:00Z --step 5m -o csv\n  \
    cepmon promql --data-dir data 'node_load1' --time 1764000000")]
pub(crate) struct PromqlArgs {
    /// The expression
    expression: String,
    /// When it is evaluated: Unix seconds or a time such as 2026-11-24T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "start", allow_hyphen_values = true)]
    time: Option<String>,
    /// Evaluate it many times, from here on
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    start: Option<String>,
    /// The last time of many [default: now]
    #[arg(long, value_name = "TIME", requires = "start", allow_hyphen_values = true)]
    end: Option<String>,
    /// The time between two of many
    #[arg(long, value_name = "DURATION", requires = "start", default_value = "1m")]
    step: String,
    /// The server to ask
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL, env = "CEPMON_URL")]
    url: String,
    /// Read this data directory instead of asking the server of --url; no server may be using it
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How the answer is written
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    Table,
    Json,
    Csv,
}

pub(crate) fn run(args: &PromqlArgs, output: &mut Output) -> Result<(), Failure> {
    let parameters = parameters(args);
    let body = match &args.data_dir {
        None => ask_server(args, &parameters)?,
        Some(data_dir) => ask_directory(data_dir, parameters)?,
    };
    let answer: Answer = serde_json::from_slice(&body).with_context(|| format!("cannot understand the answer of \"{}\"", args.url))?;
    for note in answer.warnings.iter().chain(&answer.infos) {
        writeln!(io::stderr(), "cepmon: {note}").ok();
    }
    let form = match args.output {
        OutputFormat::Json => {
            serde_json::to_writer(&mut *output, &answer.data).map_err(io::Error::from)?;
            output.write_all(b"\n")?;
            return Ok(());
        }
        OutputFormat::Table => ResultForm::Table,
        OutputFormat::Csv => ResultForm::Csv,
    };
    let data = serde_json::from_value(answer.data).context("cannot understand the answer")?;
    output.write_all(&encode_result(form, &table(data)?)?)?;
    Ok(())
}

/// What a server says.
#[derive(Debug, Deserialize)]
struct Answer {
    data: Value,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

/// Its data.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Scalar((f64, String)),
    String((f64, String)),
    Vector(Vec<VectorItem>),
    Matrix(Vec<MatrixItem>),
}

#[derive(Debug, Deserialize)]
struct VectorItem {
    metric: Labels,
    value: Option<(f64, String)>,
    histogram: Option<(f64, Value)>,
}

#[derive(Debug, Deserialize)]
struct MatrixItem {
    metric: Labels,
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    histograms: Vec<(f64, Value)>,
}

type Labels = std::collections::BTreeMap<String, String>;

fn parameters(args: &PromqlArgs) -> Vec<(String, String)> {
    let mut parameters = vec![("query", args.expression.clone())];
    if let Some(start) = &args.start {
        let now = || format!("{}", SystemClock.now() as f64 / 1000.0);
        parameters.push(("start", start.clone()));
        parameters.push(("end", args.end.clone().unwrap_or_else(now)));
        parameters.push(("step", args.step.clone()));
    }
    parameters.extend(args.time.iter().map(|time| ("time", time.clone())));
    parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn ask_server(args: &PromqlArgs, parameters: &[(String, String)]) -> anyhow::Result<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let path = if args.start.is_some() { "/api/v1/query_range" } else { "/api/v1/query" };
    let form: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = runtime.block_on(http_client::post_form(&args.url, path, &form))?;
    if !answer.status.is_success() {
        return Err(anyhow!("{}", http_client::problem(&answer)));
    }
    Ok(answer.body.into())
}

fn ask_directory(data_dir: &Path, parameters: Vec<(String, String)>) -> anyhow::Result<Vec<u8>> {
    let storage = open_data_dir(data_dir)?;
    answer_offline(&storage.snapshot(), &Parameters::new(parameters)).map_err(|error| anyhow!(error))
}

/// Samples in the order of time, native histograms as the JSON that they came in; and whether there are any.
fn samples(numbers: Vec<(f64, String)>, histograms: Vec<(f64, Value)>) -> (Vec<(f64, String)>, bool) {
    let has_histograms = !histograms.is_empty();
    let texts = histograms.into_iter().map(|(time, histogram)| (time, histogram.to_string()));
    let mut all: Vec<(f64, String)> = numbers.into_iter().chain(texts).collect();
    all.sort_by(|left, right| left.0.total_cmp(&right.0));
    (all, has_histograms)
}

/// One row per sample: its time, all labels of the answer as columns, the value, which is a text where there are native histograms.
fn table(data: Data) -> anyhow::Result<QueryResult> {
    let single = |sample: (f64, String)| vec![(Labels::new(), vec![sample])];
    let mut is_text = false;
    let mut of_series = |metric: Labels, numbers: Vec<(f64, String)>, histograms: Vec<(f64, Value)>| {
        let (samples, has_histograms) = samples(numbers, histograms);
        is_text |= has_histograms;
        (metric, samples)
    };
    let series: Vec<(Labels, Vec<(f64, String)>)> = match data {
        Data::Scalar(sample) => single(sample),
        Data::String(sample) => {
            is_text = true;
            single(sample)
        }
        Data::Vector(items) => {
            let items = items.into_iter();
            items.map(|item| of_series(item.metric, item.value.into_iter().collect(), item.histogram.into_iter().collect())).collect()
        }
        Data::Matrix(items) => items.into_iter().map(|item| of_series(item.metric, item.values, item.histograms)).collect(),
    };
    let names: BTreeSet<String> = series.iter().flat_map(|(labels, _)| labels.keys().cloned()).collect();
    let rows: Vec<(&Labels, &(f64, String))> =
        series.iter().flat_map(|(labels, samples)| samples.iter().map(move |sample| (labels, sample))).collect();
    let times = rows.iter().map(|(_, (seconds, _))| (seconds * 1000.0).round() as i64);
    let mut columns: Vec<(String, ArrayRef)> =
        vec![("ts".to_owned(), Arc::new(TimestampMillisecondArray::from_iter_values(times).with_timezone("UTC")))];
    for name in names {
        let cells = StringArray::from_iter(rows.iter().map(|(labels, _)| labels.get(&name)));
        columns.push((name, Arc::new(cells)));
    }
    let values: ArrayRef = if is_text {
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(_, (_, value))| value)))
    } else {
        let numbers = rows.iter().map(|(_, (_, value))| value.parse::<f64>()).collect::<Result<Vec<f64>, _>>();
        Arc::new(Float64Array::from(numbers.context("cannot read a value of the answer")?))
    };
    columns.push(("value".to_owned(), values));
    let field = |(name, column): &(String, ArrayRef)| Field::new(name, column.data_type().clone(), true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).context("cannot make a table of the answer")?;
    Ok(QueryResult { schema, batches: vec![batch], truncated: false, warnings: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(data: &str) -> String {
        let result = table(serde_json::from_str(data).unwrap()).unwrap();
        String::from_utf8(encode_result(ResultForm::Csv, &result).unwrap()).unwrap()
    }

    #[test]
    fn every_sample_is_a_row_and_every_label_a_column() {
        let matrix = r#"{"resultType":"matrix","result":[
            {"metric":{"__name__":"up","job":"a"},"values":[[1.500,"1"],[2,"+Inf"]]},{"metric":{"zone":"x"},"values":[[1.500,"NaN"]]}]}"#;
        let rows = "1970-01-01T00:00:01.500Z,up,a,,1\n1970-01-01T00:00:02.000Z,up,a,,+Inf\n1970-01-01T00:00:01.500Z,,,x,NaN\n";
        assert_eq!(csv(matrix).replace("\r\n", "\n"), format!("ts,__name__,job,zone,value\n{rows}"));
        assert!(csv(r#"{"resultType":"vector","result":[]}"#).starts_with("ts,value"));
        let mixed = r#"{"resultType":"matrix","result":[
            {"metric":{},"values":[[2,"1"]],"histograms":[[1,{"count":"3","sum":"NaN","buckets":[[0,"1","2","3"]]}]]}]}"#;
        let histogram = r#""{""count"":""3"",""sum"":""NaN"",""buckets"":[[0,""1"",""2"",""3""]]}""#;
        let rows = format!("1970-01-01T00:00:01.000Z,{histogram}\n1970-01-01T00:00:02.000Z,1\n");
        assert_eq!(csv(mixed).replace("\r\n", "\n"), format!("ts,value\n{rows}"));
        assert!(csv(r#"{"resultType":"scalar","result":[4,"2"]}"#).contains("1970-01-01T00:00:04.000Z,2"));
        assert!(csv(r#"{"resultType":"string","result":[4,"two"]}"#).contains("1970-01-01T00:00:04.000Z,two"));
    }
}
