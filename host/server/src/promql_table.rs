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
    options: EngineOptions,
}

impl PromqlTable {
    /// With the options of all of this process's PromQL, but for the memory, which a statement's is.
    pub(crate) fn new(storage: Arc<Storage>, options: EngineOptions) -> Self {
        Self { storage, options }
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
        let mut engine = Engine::new(EngineOptions { max_samples: question.max_samples, ..self.options.clone() });
        engine.interrupt = Some(Interrupt::from(Arc::clone(&question.is_abandoned)));
        let snapshot = self.storage.snapshot();
        let (start, step_ms) = question.step_ms.map_or((question.end, 1), |step_ms| (question.start, step_ms));
        let value = engine.range(&snapshot, &expr, start, question.end, step_ms).map_err(|error| sql_error(error, question))?;
        let Value::Matrix(matrix) = value else { return Ok(Vec::new()) };
        // A column of numbers has no place for histograms: their series are there where they have numbers.
        let columns = matrix.into_iter().filter(|series| !series.samples.is_empty()).map(|series| {
            let (timestamps, values) = series.samples.iter().map(|sample| (sample.timestamp, sample.value)).unzip();
            SeriesSamples { id: SeriesId::of("", &series.labels, 0), labels: series.labels, timestamps, values, histograms: Vec::new() }
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

#[cfg(test)]
mod tests {
    use cepmon_model::{LabelSet, MetricMetadata};
    use cepmon_storage::StorageOptions;

    use super::*;

    fn table(directory: &std::path::Path) -> PromqlTable {
        let (storage, _) = Storage::open(StorageOptions::new(directory)).unwrap();
        for path in ["/a", "/b"] {
            let labels = LabelSet::from_pairs([("__name__", "hits_total"), ("path", path), ("job", "web")]);
            let series = storage.series_ref(&labels, &MetricMetadata::default()).unwrap();
            let samples: Vec<_> = (0..10).map(|minute| (series, minute * 60_000, minute as f64 * 60.0)).collect();
            storage.append(&samples).unwrap();
        }
        PromqlTable::new(Arc::new(storage), EngineOptions::default())
    }

    fn question(expr: &str) -> PromqlQuestion {
        let is_abandoned = Arc::default();
        PromqlQuestion { expr: expr.to_owned(), start: 300_000, end: 540_000, step_ms: Some(60_000), max_samples: 1_000, is_abandoned }
    }

    #[test]
    fn the_columns_are_the_labels_that_an_answer_may_have() {
        let directory = tempfile::tempdir().unwrap();
        let table = table(directory.path());
        for (expr, want) in [
            ("rate(hits_total[5m])", &["job", "path"][..]),
            ("sum by (path) (rate(hits_total[5m]))", &["path"]),
            ("sum without (path) (hits_total)", &["job"]),
            ("topk by (path) (1, hits_total)", &["job", "path"]),
            (r#"label_replace(sum(hits_total), "host", "$1", "job", "(.*)")"#, &["host"]),
            (r#"count_values by (job) ("value_of", hits_total)"#, &["job", "value_of"]),
            ("vector(1) + time()", &[]),
        ] {
            assert_eq!(table.labels(expr).unwrap(), want, "{expr}");
        }
        let problem = table.labels("hits_total[5m]").unwrap_err().to_string();
        assert_eq!(problem, "cannot plan SQL: in promql: a table needs an instant vector or a scalar; this is a range vector");
        assert!(table.labels("sum(").unwrap_err().to_string().contains("in promql: 1:5: parse error"));
    }

    #[test]
    fn answers_are_the_engines_within_its_limits() {
        let directory = tempfile::tempdir().unwrap();
        let table = table(directory.path());
        let series = table.answer(&question("sum by (path) (rate(hits_total[2m]))")).unwrap();
        assert_eq!(series.len(), 2);
        assert_eq!((series[0].timestamps.len(), series[0].values[0]), (5, 1.0));
        let once = PromqlQuestion { step_ms: None, ..question("hits_total") };
        assert!(table.answer(&once).unwrap().iter().all(|series| series.timestamps == [540_000]));
        let small = PromqlQuestion { max_samples: 10, ..question("hits_total") };
        assert!(matches!(table.answer(&small), Err(SqlError::Memory { .. })));
        assert!(matches!(table.answer(&question("hits_total + on () hits_total")), Err(SqlError::Execution { .. })));
        let given_up = question("hits_total");
        given_up.is_abandoned.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(table.answer(&given_up).is_err());
    }
}
