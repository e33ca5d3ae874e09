//! Functions over classic histograms, whose buckets are series with a label `le`.
//!
//! Native histograms are not stored yet: what needs them gives nothing.

mod bucket;

use std::collections::HashMap;
use std::sync::Arc;

use cepmon_model::LabelSet;

use super::label::text;
use super::{Evaluated, Evaluation, Expr, Function, Grid, SCALAR, TEXT, VECTOR, whole};
use crate::Error;
use crate::promql::annotation::Severity;
use crate::promql::ast::Span;
use crate::vector::unify::unify_results;
use crate::vector::{StepSeries, StepVector};
use bucket::{Bucket, fraction, quantile};

pub(super) const FUNCTIONS: &[Function] = &[
    whole("histogram_quantile", &[SCALAR, VECTOR], VECTOR, |evaluation, args, grid| {
        let quantiles = evaluation.scalar(&args[0], grid)?;
        evaluation.check_quantiles(args[0].span, &quantiles);
        let histograms = Histograms::new(evaluation, &args[1], grid)?;
        let vector = histograms.quantiles(evaluation, grid, &quantiles)?;
        Ok(Evaluated::Vector(unify_results(vector)?))
    }),
    Function { is_variadic: true, ..whole("histogram_quantiles", &[VECTOR, TEXT, SCALAR], VECTOR, histogram_quantiles) },
    whole("histogram_fraction", &[SCALAR, SCALAR, VECTOR], VECTOR, |evaluation, args, grid| {
        let (lower, upper) = (evaluation.scalar(&args[0], grid)?, evaluation.scalar(&args[1], grid)?);
        let histograms = Histograms::new(evaluation, &args[2], grid)?;
        let vector = histograms.map(evaluation, grid, |_, index, buckets| fraction(lower[index], upper[index], buckets))?;
        Ok(Evaluated::Vector(unify_results(vector)?))
    }),
    whole("histogram_avg", &[VECTOR], VECTOR, nothing),
    whole("histogram_count", &[VECTOR], VECTOR, nothing),
    whole("histogram_sum", &[VECTOR], VECTOR, nothing),
    whole("histogram_stddev", &[VECTOR], VECTOR, nothing),
    whole("histogram_stdvar", &[VECTOR], VECTOR, nothing),
];

/// The value of a function of native histograms over floats.
fn nothing(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid) -> Result<Evaluated, Error> {
    evaluation.vector(&args[0], grid).map(|_| Evaluated::Vector(Vec::new()))
}

/// The remark of Prometheus when buckets are not cumulative.
const FORCED: &str = "input to histogram_quantile needed to be fixed for monotonicity \
    (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";

/// Bucket series by the histogram that they belong to.
struct Histograms {
    /// The expression that they come from.
    span: Span,
    /// Labels (still with the name: two metrics are two histograms) and the buckets with their upper bounds.
    groups: Vec<(LabelSet, Vec<(f64, StepSeries)>)>,
}

impl Histograms {
    /// Series without `le`, or with one that is no number, are left out with a warning.
    fn new(evaluation: &Evaluation<'_>, expr: &Expr, grid: &Grid) -> Result<Self, Error> {
        let mut positions: HashMap<LabelSet, usize> = HashMap::new();
        let mut groups: Vec<(LabelSet, Vec<(f64, StepSeries)>)> = Vec::new();
        for series in evaluation.vector(expr, grid)? {
            let le = series.labels.get("le").unwrap_or_default();
            let Ok(bound) = le.parse::<f64>() else {
                let name = series.labels.metric_name();
                let message = format!("bucket label \"le\" is missing or has a malformed value of {le:?} for metric name {name:?}");
                evaluation.annotate(Severity::Warning, expr.span, message);
                continue;
            };
            let labels = LabelSet::from_sorted(series.labels.iter().filter(|(name, _)| *name != "le"));
            let position = *positions.entry(labels.clone()).or_insert_with(|| {
                groups.push((labels, Vec::new()));
                groups.len() - 1
            });
            groups[position].1.push((bound, series));
        }
        Ok(Self { span: expr.span, groups })
    }

    /// A quantile of every histogram.
    fn quantiles(&self, evaluation: &Evaluation<'_>, grid: &Grid, quantiles: &[f64]) -> Result<StepVector, Error> {
        self.map(evaluation, grid, |labels, index, buckets| {
            let (value, is_forced) = quantile(quantiles[index], buckets);
            if is_forced {
                let message = format!("{FORCED} for metric name {:?}", labels.metric_name());
                evaluation.annotate(Severity::Info, self.span, message);
            }
            value
        })
    }

    /// One value per histogram and step that has buckets. The result has the histogram's labels without its name.
    fn map(
        &self,
        evaluation: &Evaluation<'_>,
        grid: &Grid,
        compute: impl Fn(&LabelSet, usize, &mut Vec<Bucket>) -> f64,
    ) -> Result<StepVector, Error> {
        let mut vector = Vec::with_capacity(self.groups.len());
        let mut buckets = Vec::new();
        for (labels, series) in &self.groups {
            evaluation.check_time()?;
            let mut column = evaluation.budget.column(grid.count)?;
            for index in 0..grid.count {
                buckets.clear();
                let present = series
                    .iter()
                    .filter_map(|(upper_bound, series)| Some(Bucket { upper_bound: *upper_bound, count: series.column.get(index)? }));
                buckets.extend(present);
                if !buckets.is_empty() {
                    column.set(index, Some(compute(labels, index, &mut buckets)));
                }
            }
            vector.push(StepSeries { labels: Arc::new(labels.clone()), drops_name: true, column });
        }
        Ok(vector)
    }
}

/// Several quantiles at once, told apart by a label (Prometheus 3.8).
fn histogram_quantiles(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid) -> Result<Evaluated, Error> {
    let label = text(evaluation, &args[1], grid)?;
    let histograms = Histograms::new(evaluation, &args[0], grid)?;
    let mut result: StepVector = Vec::new();
    for arg in &args[2..] {
        let quantiles = evaluation.scalar(arg, grid)?;
        evaluation.check_quantiles(arg.span, &quantiles);
        let mut vector = histograms.quantiles(evaluation, grid, &quantiles)?;
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
