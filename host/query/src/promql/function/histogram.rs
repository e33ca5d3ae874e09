//! Functions over histograms: classic ones, whose buckets are series with a label `le`, and native ones.

mod bucket;
mod native;

use std::collections::HashMap;
use std::sync::Arc;

use cepmon_model::{Histogram, LabelSet};

use super::label::text;
use super::{Evaluated, Evaluation, Expr, Function, Grid, SCALAR, TEXT, VECTOR, whole};
use crate::promql::annotation::Severity;
use crate::promql::ast::Span;
use crate::vector::unify::unify_results;
use crate::vector::{StepSeries, StepVector};
use crate::{Error, SampleValue};
use bucket::{Bucket, fraction, quantile};
use native::Estimate;

pub(super) const FUNCTIONS: &[Function] = &[
    whole("histogram_quantile", &[SCALAR, VECTOR], VECTOR, |evaluation, args, grid| {
        let quantiles = evaluation.scalar(&args[0], grid)?;
        evaluation.check_quantiles(args[0].span, &quantiles);
        let histograms = Histograms::new(evaluation, &args[1], grid)?;
        let vector = histograms.quantiles(evaluation, grid, &quantiles, args[0].span)?;
        Ok(Evaluated::Vector(unify_results(vector)?))
    }),
    Function { is_variadic: true, ..whole("histogram_quantiles", &[VECTOR, TEXT, SCALAR], VECTOR, histogram_quantiles) },
    whole("histogram_fraction", &[SCALAR, SCALAR, VECTOR], VECTOR, |evaluation, args, grid| {
        let (lower, upper) = (evaluation.scalar(&args[0], grid)?, evaluation.scalar(&args[1], grid)?);
        let histograms = Histograms::new(evaluation, &args[2], grid)?;
        let of_buckets = |_: &LabelSet, index: usize, buckets: &mut Vec<Bucket>| fraction(lower[index], upper[index], buckets);
        let of_native = |index: usize, histogram: &Histogram| native::fraction(lower[index], upper[index], histogram);
        let vector = histograms.map(evaluation, grid, of_buckets, ("histogram_fraction", args[0].span), of_native)?;
        Ok(Evaluated::Vector(unify_results(vector)?))
    }),
    whole("histogram_avg", &[VECTOR], VECTOR, |evaluation, args, grid| {
        of_totals(evaluation, args, grid, |histogram| histogram.sum / histogram.count)
    }),
    whole("histogram_count", &[VECTOR], VECTOR, |evaluation, args, grid| of_totals(evaluation, args, grid, |histogram| histogram.count)),
    whole("histogram_sum", &[VECTOR], VECTOR, |evaluation, args, grid| of_totals(evaluation, args, grid, |histogram| histogram.sum)),
    whole("histogram_stddev", &[VECTOR], VECTOR, |evaluation, args, grid| {
        of_each(evaluation, args, grid, |histogram| native::variance(histogram).sqrt())
    }),
    whole("histogram_stdvar", &[VECTOR], VECTOR, |evaluation, args, grid| of_each(evaluation, args, grid, native::variance)),
];

/// [`of_each`] that needs no buckets.
fn of_totals(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid, compute: fn(&Histogram) -> f64) -> Result<Evaluated, Error> {
    let before = evaluation.tells_collisions.replace(true);
    let result = of_each(evaluation, args, grid, compute);
    evaluation.tells_collisions.set(before);
    result
}

/// A number of each native histogram; numbers are left out.
fn of_each(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid, compute: fn(&Histogram) -> f64) -> Result<Evaluated, Error> {
    let mut vector = evaluation.vector(&args[0], grid)?;
    for series in &mut vector {
        series.column.map(|_, _| None);
        series.column.map_histograms(|_, histogram| Some(SampleValue::Float(compute(histogram))))?;
        series.drops_name = true;
    }
    vector.retain(|series| !series.column.is_empty());
    Ok(Evaluated::Vector(vector))
}

/// The remark of Prometheus when buckets are not cumulative.
const FORCED: &str = "input to histogram_quantile needed to be fixed for monotonicity \
    (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";

/// The histograms of a vector.
struct Histograms {
    /// The expression that they come from.
    span: Span,
    /// Of classic ones: labels (still with the name: two metrics are two histograms) and the buckets with their upper bounds.
    classic: Vec<(LabelSet, Vec<(f64, StepSeries)>)>,
    /// Series with native ones.
    native: Vec<StepSeries>,
}

impl Histograms {
    /// Numbers without `le`, or with one that is no number, are left out with a warning, and so is what is both classic and native.
    fn new(evaluation: &Evaluation<'_>, expr: &Expr, grid: &Grid) -> Result<Self, Error> {
        let mut positions: HashMap<LabelSet, usize> = HashMap::new();
        let mut classic: Vec<(LabelSet, Vec<(f64, StepSeries)>)> = Vec::new();
        let mut native = Vec::new();
        for series in evaluation.vector(expr, grid)? {
            if series.column.has_histograms() {
                native.push(series);
                continue;
            }
            let le = series.labels.get("le").unwrap_or_default();
            let Ok(bound) = le.parse::<f64>() else {
                evaluation.annotate(Severity::Warning, expr.span, bad_bound(le, series.labels.metric_name()));
                continue;
            };
            let labels = without_bound(&series.labels);
            let position = *positions.entry(labels.clone()).or_insert_with(|| {
                classic.push((labels, Vec::new()));
                classic.len() - 1
            });
            classic[position].1.push((bound, series));
        }
        for series in &mut native {
            let name = series.labels.metric_name();
            if series.column.points().next().is_some() {
                evaluation.annotate(Severity::Warning, expr.span, bad_bound(series.labels.get("le").unwrap_or_default(), name));
                series.column.map(|_, _| None);
            }
            let Some(position) = positions.get(&without_bound(&series.labels)) else { continue };
            let buckets = &mut classic[*position].1;
            for index in 0..grid.count {
                if series.column.has(index) && buckets.iter().any(|(_, bucket)| bucket.column.has(index)) {
                    let message = format!("vector contains a mix of classic and native histograms{}", of_metric(name));
                    evaluation.annotate(Severity::Warning, expr.span, message);
                    series.column.put(index, None)?;
                    buckets.iter_mut().for_each(|(_, bucket)| bucket.column.set(index, None));
                }
            }
        }
        Ok(Self { span: expr.span, classic, native })
    }

    /// A quantile of every histogram; `span` is where it is given.
    fn quantiles(&self, evaluation: &Evaluation<'_>, grid: &Grid, quantiles: &[f64], span: Span) -> Result<StepVector, Error> {
        let of_buckets = |labels: &LabelSet, index: usize, buckets: &mut Vec<Bucket>| {
            let (value, is_forced) = quantile(quantiles[index], buckets);
            if is_forced {
                let message = format!("{FORCED} for metric name {:?}", labels.metric_name());
                evaluation.annotate(Severity::Info, self.span, message);
            }
            value
        };
        let of_native = |index: usize, histogram: &Histogram| native::quantile(quantiles[index], histogram);
        self.map(evaluation, grid, of_buckets, ("histogram_quantile", span), of_native)
    }

    /// One value per histogram and step. The result has the histogram's labels without its name. Remarks on native ones are about the
    /// input of the function that is named, and stand where it says.
    fn map(
        &self,
        evaluation: &Evaluation<'_>,
        grid: &Grid,
        of_buckets: impl Fn(&LabelSet, usize, &mut Vec<Bucket>) -> f64,
        (function, span): (&str, Span),
        of_native: impl Fn(usize, &Histogram) -> Estimate,
    ) -> Result<StepVector, Error> {
        let mut vector = Vec::with_capacity(self.classic.len() + self.native.len());
        for series in &self.native {
            evaluation.check_time()?;
            let mut column = evaluation.budget.column(grid.count)?;
            for (index, histogram) in series.column.histogram_points() {
                let Estimate { value, remark } = of_native(index, histogram);
                if let Some(remark) = remark {
                    let message = format!("input to {function} {remark}{}", of_metric(series.labels.metric_name()));
                    evaluation.annotate(Severity::Info, span, message);
                }
                column.set(index, Some(value));
            }
            vector.push(StepSeries { labels: Arc::clone(&series.labels), drops_name: true, column });
        }
        let mut buckets = Vec::new();
        for (labels, series) in &self.classic {
            evaluation.check_time()?;
            let mut column = evaluation.budget.column(grid.count)?;
            for index in 0..grid.count {
                buckets.clear();
                let present = series
                    .iter()
                    .filter_map(|(upper_bound, series)| Some(Bucket { upper_bound: *upper_bound, count: series.column.get(index)? }));
                buckets.extend(present);
                if !buckets.is_empty() {
                    column.set(index, Some(of_buckets(labels, index, &mut buckets)));
                }
            }
            vector.push(StepSeries { labels: Arc::new(labels.clone()), drops_name: true, column });
        }
        Ok(vector)
    }
}

fn without_bound(labels: &LabelSet) -> LabelSet {
    LabelSet::from_sorted(labels.iter().filter(|(name, _)| *name != "le"))
}

fn bad_bound(le: &str, name: &str) -> String {
    format!("bucket label \"le\" is missing or has a malformed value of {le:?}{}", of_metric(name))
}

/// Whose it is, if it has a name.
fn of_metric(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" for metric name {name:?}") }
}

/// Several quantiles at once, told apart by a label (Prometheus 3.8).
fn histogram_quantiles(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid) -> Result<Evaluated, Error> {
    let label = text(evaluation, &args[1], grid)?;
    let histograms = Histograms::new(evaluation, &args[0], grid)?;
    let mut result: StepVector = Vec::new();
    for arg in &args[2..] {
        let quantiles = evaluation.scalar(arg, grid)?;
        evaluation.check_quantiles(arg.span, &quantiles);
        let mut vector = histograms.quantiles(evaluation, grid, &quantiles, arg.span)?;
        // The label is one per argument, so the argument's first value names it.
        let name = quantile_label(quantiles.first().copied().unwrap_or(f64::NAN));
        for series in &mut vector {
            series.labels = Arc::new(series.labels.to_builder().set(&label, &name).build());
        }
        result.append(&mut vector);
    }
    Ok(Evaluated::Vector(unify_results(result)?))
}

/// As OpenMetrics writes a number: always with a point.
fn quantile_label(quantile: f64) -> String {
    let text = crate::format_value(quantile);
    if quantile.is_finite() && !text.contains('.') { format!("{text}.0") } else { text }
}
