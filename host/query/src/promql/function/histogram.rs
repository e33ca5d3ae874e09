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
use crate::vector::grouping::without_name;
use crate::vector::unify::unify_results;
use crate::vector::{StepSeries, StepVector};
use bucket::{Bucket, fraction, quantile};

pub(super) const FUNCTIONS: &[Function] = &[
    whole("histogram_quantile", &[SCALAR, VECTOR], VECTOR, |evaluation, args, grid| {
        let quantiles = evaluation.scalar(&args[0], grid)?;
        let histograms = Histograms::new(evaluation.vector(&args[1], grid)?);
        let vector = histograms.map(evaluation, grid, |index, buckets| quantile(quantiles[index], buckets))?;
        Ok(Evaluated::Vector(unify_results(vector)?))
    }),
    Function { is_variadic: true, ..whole("histogram_quantiles", &[VECTOR, TEXT, SCALAR], VECTOR, histogram_quantiles) },
    whole("histogram_fraction", &[SCALAR, SCALAR, VECTOR], VECTOR, |evaluation, args, grid| {
        let (lower, upper) = (evaluation.scalar(&args[0], grid)?, evaluation.scalar(&args[1], grid)?);
        let histograms = Histograms::new(evaluation.vector(&args[2], grid)?);
        let vector = histograms.map(evaluation, grid, |index, buckets| fraction(lower[index], upper[index], buckets))?;
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

/// Bucket series by the histogram that they belong to.
struct Histograms {
    /// Labels (still with the name: two metrics are two histograms) and the buckets with their upper bounds.
    groups: Vec<(LabelSet, Vec<(f64, StepSeries)>)>,
}

impl Histograms {
    /// Series without `le`, or with one that is no number, are left out.
    fn new(vector: StepVector) -> Self {
        let mut positions: HashMap<LabelSet, usize> = HashMap::new();
        let mut groups: Vec<(LabelSet, Vec<(f64, StepSeries)>)> = Vec::new();
        for series in vector {
            let Some(bound) = series.labels.get("le").and_then(|le| le.parse::<f64>().ok()) else { continue };
            let labels = LabelSet::from_sorted(series.labels.iter().filter(|(name, _)| *name != "le"));
            let position = *positions.entry(labels.clone()).or_insert_with(|| {
                groups.push((labels, Vec::new()));
                groups.len() - 1
            });
            groups[position].1.push((bound, series));
        }
        Self { groups }
    }

    /// One value per histogram and step that has buckets. The result has the histogram's labels without its name.
    fn map(&self, evaluation: &Evaluation<'_>, grid: &Grid, compute: impl Fn(usize, &mut Vec<Bucket>) -> f64) -> Result<StepVector, Error> {
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
                    column.set(index, Some(compute(index, &mut buckets)));
                }
            }
            vector.push(StepSeries { labels: without_name(&Arc::new(labels.clone())), column });
        }
        Ok(vector)
    }
}

/// Several quantiles at once, told apart by a label (Prometheus 3.8).
fn histogram_quantiles(evaluation: &Evaluation<'_>, args: &[Expr], grid: &Grid) -> Result<Evaluated, Error> {
    let label = text(evaluation, &args[1], grid)?;
    let histograms = Histograms::new(evaluation.vector(&args[0], grid)?);
    let mut result: StepVector = Vec::new();
    for arg in &args[2..] {
        let quantiles = evaluation.scalar(arg, grid)?;
        let mut vector = histograms.map(evaluation, grid, |index, buckets| quantile(quantiles[index], buckets))?;
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
