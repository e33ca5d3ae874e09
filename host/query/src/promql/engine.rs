//! The engine: limits around an evaluation, and its result as a [`Value`].

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cepmon_model::{HistogramSample, LabelSet, Sample, TimestampMs};

use crate::promql::annotation::{Annotation, Severity};
use crate::promql::ast::{Expr, ExprKind};
use crate::promql::evaluate::{Evaluated, Evaluation, Repeated};
use crate::vector::unify::without_names;
use crate::vector::{Budget, Column, Grid, StepVector};
use crate::{Error, MatrixSeries, SeriesSource, Value, ValueType, VectorSample};

/// What a query may cost, and how far it looks back.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How old a sample may be to still count at a step, in milliseconds. Prometheus: 5 minutes.
    pub lookback_ms: i64,
    /// How many values a query may hold in memory at once, 8 bytes each. Prometheus: 50 million.
    pub max_samples: usize,
    /// How long a query may take. Prometheus: 2 minutes.
    pub timeout: Duration,
    /// Whether a sample exactly at the start of a range or at the end of the look-back counts.
    pub ranges: Ranges,
    /// Whether a metric's name that no longer fits (`rate(a_total[5m])`) stays until the query's end, where `label_replace` can still use
    /// it and it keeps series apart: `promql-delayed-name-removal` of Prometheus 3, off there too.
    pub drops_names_late: bool,
    /// The step of a subquery that names none, in milliseconds. Prometheus: the global evaluation interval, 1 minute.
    pub subquery_step_ms: i64,
}

impl Default for EngineOptions {
    /// Prometheus's defaults, with the ranges of 3.x.
    fn default() -> Self {
        Self {
            lookback_ms: 300_000,
            max_samples: 50_000_000,
            timeout: Duration::from_secs(120),
            ranges: Ranges::LeftOpen,
            drops_names_late: false,
            subquery_step_ms: 60_000,
        }
    }
}

/// Whether ranges have their oldest moment. `[5m]` over samples every minute sees 5 of them in Prometheus 3, 6 or 5 in Prometheus 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranges {
    /// Prometheus 3: T−5m < t ≤ T.
    LeftOpen,
    /// Prometheus 2: T−5m ≤ t ≤ T.
    Closed,
}

impl Ranges {
    /// By how much further back than a left-open range this one reaches, in milliseconds.
    pub(crate) fn closing_ms(self) -> i64 {
        i64::from(self == Self::Closed)
    }
}

/// Stops evaluations from another thread; clones stop the same ones.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    is_stopped: Arc<AtomicBool>,
}

impl From<Arc<AtomicBool>> for Interrupt {
    /// Stops when something else sets the flag.
    fn from(is_stopped: Arc<AtomicBool>) -> Self {
        Self { is_stopped }
    }
}

impl Interrupt {
    /// Every evaluation with this interrupt ends soon with [`Error::Cancelled`].
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }
}

/// A value with what there is to say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The value.
    pub value: Value,
    /// Warnings and remarks, at most 20.
    pub annotations: Vec<Annotation>,
}

/// Evaluates expressions. It holds limits only, so making one per query is cheap.
#[derive(Debug, Clone, Default)]
pub struct Engine {
    /// The limits.
    pub options: EngineOptions,
    /// What stops its queries before their time, if anything may.
    pub interrupt: Option<Interrupt>,
}

impl Engine {
    /// An engine with these limits and no interrupt.
    pub fn new(options: EngineOptions) -> Self {
        Self { options, interrupt: None }
    }

    /// The value of an expression at one time, of any type. Blocks on the source's disk.
    pub fn instant(&self, source: &dyn SeriesSource, expr: &Expr, at: TimestampMs) -> Result<Value, Error> {
        self.annotated_instant(source, expr, at).map(|answer| answer.value)
    }

    /// [`Engine::instant`] with warnings and remarks.
    pub fn annotated_instant(&self, source: &dyn SeriesSource, expr: &Expr, at: TimestampMs) -> Result<Answer, Error> {
        check_times(at, at)?;
        let grid = Grid::instant(at);
        let evaluation = self.evaluation(source, expr, grid, 0);
        let value = instant_value(&evaluation, expr, &grid)?;
        Ok(Answer { value, annotations: evaluation.annotations.into_inner() })
    }

    /// The values of an expression from `start` to at most `end`, every `step_ms` milliseconds, as a matrix; a scalar is one series
    /// without labels. Blocks on the source's disk.
    pub fn range(
        &self,
        source: &dyn SeriesSource,
        expr: &Expr,
        start: TimestampMs,
        end: TimestampMs,
        step_ms: i64,
    ) -> Result<Value, Error> {
        self.annotated_range(source, expr, start, end, step_ms).map(|answer| answer.value)
    }

    /// [`Engine::range`] with warnings and remarks.
    pub fn annotated_range(
        &self,
        source: &dyn SeriesSource,
        expr: &Expr,
        start: TimestampMs,
        end: TimestampMs,
        step_ms: i64,
    ) -> Result<Answer, Error> {
        if step_ms <= 0 {
            return Err(Error::BadRange { problem: "zero or negative query resolution step widths are not accepted; try a positive one" });
        }
        check_times(start, end)?;
        if end < start {
            return Err(Error::BadRange { problem: "end timestamp must not be before start time; exchange them" });
        }
        if !matches!(expr.value_type(), ValueType::Scalar | ValueType::InstantVector) {
            return Err(Error::NotForRange { found: expr.value_type() });
        }
        let grid = Grid::new(start, end, step_ms);
        let evaluation = self.evaluation(source, expr, grid, step_ms);
        // Even a scalar needs one column.
        let _one_column = evaluation.budget.take(grid.count)?;
        warn_of_sorting(&evaluation, expr);
        let value = Value::Matrix(match evaluation.evaluate(expr, &grid)? {
            Evaluated::Vector(vector) => sorted(matrix(&without_names(vector)?, &grid)),
            Evaluated::Scalar(values) => {
                let samples = values.into_iter().enumerate().map(|(index, value)| Sample { timestamp: grid.time(index), value });
                vec![MatrixSeries { labels: Arc::new(LabelSet::default()), samples: samples.collect(), histograms: Vec::new() }]
            }
            Evaluated::Text(_) => Vec::new(),
        });
        Ok(Answer { value, annotations: evaluation.annotations.into_inner() })
    }

    fn evaluation<'a>(&'a self, source: &'a dyn SeriesSource, expr: &Expr, query: Grid, query_step_ms: i64) -> Evaluation<'a> {
        Evaluation {
            source,
            options: &self.options,
            query,
            query_step_ms,
            budget: Budget::new(self.options.max_samples),
            deadline: Instant::now() + self.options.timeout,
            interrupt: self.interrupt.as_ref(),
            annotations: RefCell::default(),
            repeated: Repeated::new(expr),
            tells_collisions: Cell::new(false),
        }
    }
}

/// Times of more than 285,000 years from 1970 are refused, so that no arithmetic on times can overflow.
const LARGEST_TIME_MS: TimestampMs = 9_000_000_000_000_000;

fn check_times(start: TimestampMs, end: TimestampMs) -> Result<(), Error> {
    let is_sane = |time: TimestampMs| (-LARGEST_TIME_MS..=LARGEST_TIME_MS).contains(&time);
    match is_sane(start) && is_sane(end) {
        true => Ok(()),
        false => Err(Error::BadRange { problem: "a time is more than 285,000 years from 1970; are these nanoseconds?" }),
    }
}

fn instant_value(evaluation: &Evaluation<'_>, expr: &Expr, grid: &Grid) -> Result<Value, Error> {
    let at = grid.start;
    if expr.value_type() == ValueType::RangeVector {
        return Ok(Value::Matrix(sorted(evaluation.raw_ranges(expr, grid)?)));
    }
    Ok(match evaluation.evaluate(expr, grid)? {
        Evaluated::Scalar(values) => Value::Scalar { at, value: values[0] },
        Evaluated::Text(value) => Value::String { at, value },
        Evaluated::Vector(vector) => {
            let samples = without_names(vector)?.into_iter().filter_map(|series| Some((series.column.sample(0)?, series.labels)));
            Value::Vector(samples.map(|(value, labels)| VectorSample { labels, at, value }).collect())
        }
    })
}

/// Series of a matrix are in the order of their labels, whatever the expression sorts by.
fn warn_of_sorting(evaluation: &Evaluation<'_>, expr: &Expr) {
    if let ExprKind::Call(call) = &expr.kind
        && call.function.name.starts_with("sort")
    {
        let message = "sort is ineffective for range queries since results are always ordered by labels";
        evaluation.annotate(Severity::Warning, expr.span, message);
    }
    expr.children().into_iter().for_each(|child| warn_of_sorting(evaluation, child));
}

fn matrix(vector: &StepVector, grid: &Grid) -> Vec<MatrixSeries> {
    let series = vector.iter().map(|series| MatrixSeries {
        labels: Arc::clone(&series.labels),
        samples: series.column.points().map(|(index, value)| Sample { timestamp: grid.time(index), value }).collect(),
        histograms: histograms_of(&series.column, grid),
    });
    series.filter(|series| !series.samples.is_empty() || !series.histograms.is_empty()).collect()
}

/// A column's histograms with their times.
pub(crate) fn histograms_of(column: &Column, grid: &Grid) -> Vec<HistogramSample> {
    let sample = |(index, histogram)| HistogramSample { timestamp: grid.time(index), histogram: Arc::clone(histogram) };
    column.histogram_points().map(sample).collect()
}

fn sorted(mut matrix: Vec<MatrixSeries>) -> Vec<MatrixSeries> {
    matrix.sort_by(|left, right| left.labels.cmp(&right.labels));
    matrix
}

#[cfg(test)]
mod tests;
