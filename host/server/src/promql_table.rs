//! PromQL for SQL's table function `promql`: this process's engine behind the trait that the SQL crate asks.

use std::collections::BTreeSet;
use std::sync::Arc;

use cepmon_model::{METRIC_NAME, SeriesId};
use cepmon_query::ast::{AggregateOp, Expr, ExprKind, Grouping};
use cepmon_query::{Engine, EngineOptions, Error as QueryError, Interrupt, Value, ValueType};
use cepmon_sql::{Error as SqlError, Promql, PromqlQuestion};
use cepmon_storage::{SeriesSamples, Snapshot, Storage};

/// PromQL over a storage.
#[derive(Debug)]
pub(crate) struct PromqlTable {
    storage: Arc<Storage>,
}

impl PromqlTable {
    pub(crate) fn new(storage: Arc<Storage>) -> Self {
        Self { storage }
    }
}

impl Promql for PromqlTable {
    fn labels(&self, expr: &str) -> Result<Vec<String>, SqlError> {
        let expr = parse(expr)?;
        let mut labels = BTreeSet::new();
        collect_labels(&expr, &self.storage.snapshot(), &mut labels).map_err(|error| SqlError::Storage(Box::new(error)))?;
        Ok(labels.into_iter().collect())
    }

    fn answer(&self, question: &PromqlQuestion) -> Result<Vec<SeriesSamples>, SqlError> {
        let expr = parse(&question.expr)?;
        // SQL's time limit reaches the engine through the interrupt.
        let mut engine = Engine::new(EngineOptions { max_samples: question.max_samples, ..EngineOptions::default() });
        engine.interrupt = Some(Interrupt::from(Arc::clone(&question.is_abandoned)));
        let snapshot = self.storage.snapshot();
        let (start, step_ms) = question.step_ms.map_or((question.end, 1), |step_ms| (question.start, step_ms));
        let value = engine.range(&snapshot, &expr, start, question.end, step_ms).map_err(|error| sql_error(error, question))?;
        let Value::Matrix(matrix) = value else { return Ok(Vec::new()) };
        let columns = matrix.into_iter().map(|series| {
            let (timestamps, values) = series.samples.iter().map(|sample| (sample.timestamp, sample.value)).unzip();
            SeriesSamples { id: SeriesId::of("", &series.labels, 0), labels: series.labels, timestamps, values }
        });
        Ok(columns.collect())
    }
}

fn parse(text: &str) -> Result<Expr, SqlError> {
    let refused = |message: String| SqlError::Plan { position: None, message: format!("in promql: {message}") };
    let expr = cepmon_query::parse(text).map_err(|error| refused(error.to_string()))?;
    match expr.value_type() {
        ValueType::InstantVector | ValueType::Scalar => Ok(expr),
        other => Err(refused(format!("a table needs an instant vector or a scalar; this is a {other}"))),
    }
}

fn sql_error(error: QueryError, question: &PromqlQuestion) -> SqlError {
    match error {
        QueryError::TooManySamples { limit } => SqlError::Memory {
            limit_bytes: question.max_samples * size_of::<[f64; 2]>(),
            detail: format!("promql needs more than {limit} samples"),
        },
        QueryError::Source(source) => SqlError::Live { table: "promql".to_owned(), source },
        other => SqlError::Execution { message: format!("in promql: {other}") },
    }
}

/// The labels that an expression's value may have, as far as the expression and the names in storage tell.
fn collect_labels(expr: &Expr, snapshot: &Snapshot, labels: &mut BTreeSet<String>) -> Result<(), cepmon_storage::Error> {
    match &expr.kind {
        ExprKind::Selector(selector) | ExprKind::Range(cepmon_query::ast::RangeSelector { selector, .. }) => {
            if let Some(metric) = &selector.name {
                labels.extend(snapshot.label_names(metric)?);
            }
            let named = selector.matchers.iter().map(|matcher| matcher.name()).filter(|name| *name != METRIC_NAME);
            labels.extend(named.map(str::to_owned));
        }
        ExprKind::Aggregate(aggregate) => {
            let keeps_series =
                matches!(aggregate.op, AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk | AggregateOp::LimitRatio);
            let mut inner = BTreeSet::new();
            collect_labels(&aggregate.expr, snapshot, &mut inner)?;
            match &aggregate.grouping {
                Grouping::By(names) if !keeps_series => inner = names.iter().cloned().collect(),
                Grouping::Without(names) if !keeps_series => inner.retain(|label| !names.contains(label)),
                _ => {}
            }
            labels.append(&mut inner);
            if let (AggregateOp::CountValues, Some(ExprKind::String(label))) =
                (aggregate.op, aggregate.parameter.as_ref().map(|expr| &expr.kind))
            {
                labels.insert(label.value.clone());
            }
        }
        _ => {
            if let ExprKind::Call(call) = &expr.kind
                && let ("label_replace" | "label_join", Some(ExprKind::String(target))) =
                    (call.function.name, call.args.get(1).map(|arg| &arg.kind))
            {
                labels.insert(target.value.clone());
            }
            for child in expr.children() {
                collect_labels(child, snapshot, labels)?;
            }
        }
    }
    labels.remove(METRIC_NAME);
    Ok(())
}
