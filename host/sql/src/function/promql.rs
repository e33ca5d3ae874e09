//! `promql(expression, start, end, step)`, a table of what PromQL answers: `ts`, `value`, `labels` and the labels as columns.
//!
//! Times are timestamps, Unix seconds, text (`2026-11-24T12:00:00Z`, `now`) or a duration that goes back from now (`6h`); the step is a
//! duration or a number of seconds. With two arguments the value at one time is asked for, with one that at this moment.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::datatypes::SchemaRef;
use cepmon_model::{TimestampMs, parse_duration};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use datafusion::logical_expr::Expr;

use crate::condition::Subject;
use crate::pushdown::Pushdown;
use crate::scan::{Batches, Source};
use crate::session::external;
use crate::table::{SampleBatches, SampleColumn, StorageTable, TableKind, sample_columns, schema_of};
use crate::{Error, Promql, PromqlQuestion};

/// The function's name.
pub(crate) const NAME: &str = "promql";

/// What a sample takes: while it is computed, and in the answer.
const BYTES_PER_SAMPLE: usize = size_of::<i64>() + size_of::<f64>();

/// The function, for one statement.
#[derive(Debug)]
pub(crate) struct PromqlFunction {
    pub(crate) promql: Arc<dyn Promql>,
    pub(crate) memory_bytes: usize,
    pub(crate) memory_pool: Arc<dyn MemoryPool>,
    /// Becomes true when the statement ends, whatever the reason.
    pub(crate) is_abandoned: Arc<AtomicBool>,
}

impl TableFunctionImpl for PromqlFunction {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let now = args.session().execution_props().query_execution_start_time;
        let now = now.map(|now| now.timestamp_millis()).unwrap_or_default();
        let (expr, start, end, step_ms) = match args.exprs() {
            [expr] => (text(expr)?, now, now, None),
            [expr, at] => (text(expr)?, time(at, now)?, time(at, now)?, None),
            [expr, start, end, step] => (text(expr)?, time(start, now)?, time(end, now)?, Some(step_of(step)?)),
            _ => {
                return plan_err!(
                    "{NAME} takes an expression, or with it a time, or with it start, end and step: {NAME}('up', '6h', 'now', '1m')"
                );
            }
        };
        let labels = self.promql.labels(&expr).map_err(external)?;
        let question = PromqlQuestion {
            expr,
            start,
            end,
            step_ms,
            max_samples: self.memory_bytes / BYTES_PER_SAMPLE,
            is_abandoned: Arc::clone(&self.is_abandoned),
        };
        let (promql, memory_pool) = (Arc::clone(&self.promql), Arc::clone(&self.memory_pool));
        Ok(StorageTable::provider(Answer { promql, question, memory_pool, columns: sample_columns(labels) }))
    }
}

/// A constant argument.
fn constant(expr: &Expr) -> Result<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Ok(value),
        other => plan_err!("{NAME} takes constants only, no {other}"),
    }
}

fn text(expr: &Expr) -> Result<String> {
    match constant(expr)?.try_as_str() {
        Some(Some(text)) => Ok(text.to_owned()),
        _ => plan_err!("the first argument of {NAME} is an expression in quotes, not {expr}"),
    }
}

fn time(expr: &Expr, now: TimestampMs) -> Result<TimestampMs> {
    let value = constant(expr)?;
    match value.try_as_str().flatten() {
        Some("now") => return Ok(now),
        Some(text) => {
            if let Ok(ago) = parse_duration(text) {
                return Ok(now.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)));
            }
        }
        None => {
            if let Some(seconds) = seconds(value) {
                return Ok((seconds * 1000.0) as i64);
            }
        }
    }
    let milliseconds = arrow::datatypes::DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, None);
    match value.cast_to(&milliseconds) {
        Ok(ScalarValue::TimestampMillisecond(Some(time), _)) => Ok(time),
        _ => plan_err!("{NAME} cannot read the time {expr}; write a timestamp, 'now', or how long ago, as '6h'"),
    }
}

fn step_of(expr: &Expr) -> Result<i64> {
    let value = constant(expr)?;
    let milliseconds = match value.try_as_str().flatten() {
        Some(text) => parse_duration(text).ok().and_then(|step| i64::try_from(step.as_millis()).ok()),
        None => seconds(value).map(|seconds| (seconds * 1000.0) as i64),
    };
    match milliseconds {
        Some(step) if step > 0 => Ok(step),
        _ => plan_err!("{NAME} cannot read the step {expr}; write a duration, as '1m'"),
    }
}

fn seconds(value: &ScalarValue) -> Option<f64> {
    match value {
        ScalarValue::Int64(Some(seconds)) => Some(*seconds as f64),
        ScalarValue::Float64(Some(seconds)) => Some(*seconds),
        _ => None,
    }
}

/// The table of one call.
#[derive(Debug)]
struct Answer {
    promql: Arc<dyn Promql>,
    question: PromqlQuestion,
    memory_pool: Arc<dyn MemoryPool>,
    columns: Vec<SampleColumn>,
}

impl TableKind for Answer {
    fn schema(&self) -> SchemaRef {
        schema_of(&self.columns)
    }

    /// What PromQL should filter stands in its expression.
    fn subject_of(&self, _: &str) -> Option<Subject> {
        None
    }

    fn source(&self, projection: &[usize], _: Pushdown) -> Result<Arc<dyn Source>> {
        let columns: Vec<SampleColumn> = projection.iter().map(|index| self.columns[*index].clone()).collect();
        let (promql, memory_pool) = (Arc::clone(&self.promql), Arc::clone(&self.memory_pool));
        Ok(Arc::new(AnswerSource { promql, question: self.question.clone(), memory_pool, schema: schema_of(&columns), columns }))
    }
}

#[derive(Debug)]
struct AnswerSource {
    promql: Arc<dyn Promql>,
    question: PromqlQuestion,
    memory_pool: Arc<dyn MemoryPool>,
    columns: Vec<SampleColumn>,
    schema: SchemaRef,
}

impl Source for AnswerSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn describe(&self) -> String {
        format!("{NAME}, {}", self.question.expr)
    }

    fn open(&self) -> Result<Batches, Error> {
        let series = self.promql.answer(&self.question)?;
        let samples: usize = series.iter().map(|series| series.timestamps.len()).sum();
        let memory = MemoryConsumer::new(NAME).register(&self.memory_pool);
        memory.try_grow(samples * BYTES_PER_SAMPLE).map_err(|error| Error::Memory {
            limit_bytes: self.question.max_samples * BYTES_PER_SAMPLE,
            detail: error.strip_backtrace(),
        })?;
        let batches = SampleBatches::new(Box::new(series.into_iter().map(Ok)), Arc::clone(&self.schema), self.columns.clone());
        // Until the last batch is out, the whole answer is in memory.
        Ok(Box::new(batches.inspect(move |_| _ = &memory)))
    }
}
