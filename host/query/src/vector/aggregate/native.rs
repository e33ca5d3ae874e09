//! What becomes of native histograms in aggregations: sum and avg add them up, the ones that compare numbers leave them out.

use std::sync::Arc;

use cepmon_model::{Histogram, IncompatibleBuckets};

use super::{AggregateOp, Group};
use crate::vector::histogram_sum::{HistogramMean, HistogramSum, Seen};
use crate::vector::{Budget, Grid, Note, StepSeries, StepVector};
use crate::{Error, SampleValue, Severity};

/// Says so where an aggregation leaves histograms out.
pub(super) fn note_ignored(op: AggregateOp, vector: &StepVector, note: Note<'_>) {
    use AggregateOp::{Bottomk, Max, Min, Quantile, Stddev, Stdvar, Topk};
    let compares = matches!(op, Min | Max | Stddev | Stdvar | Quantile | Topk | Bottomk);
    if compares && vector.iter().any(|series| series.column.histogram_points().next().is_some()) {
        note(Severity::Info, format!("ignored histogram in {} aggregation", op.name()));
    }
}

/// `sum` and `avg`.
pub(super) fn fold(
    op: AggregateOp,
    groups: &[Group],
    vector: &StepVector,
    grid: &Grid,
    budget: &Budget,
    note: Note<'_>,
) -> Result<StepVector, Error> {
    if !vector.iter().any(|series| series.column.has_histograms()) {
        return super::fold::fold(op, groups, vector, grid, budget);
    }
    let mut result = Vec::with_capacity(groups.len());
    for group in groups {
        let of_numbers = super::fold::fold(op, std::slice::from_ref(group), vector, grid, budget)?;
        let numbers = of_numbers.into_iter().next().map(|series| series.column);
        let mut column = budget.column(grid.count)?;
        for index in 0..grid.count {
            let number = numbers.as_ref().and_then(|numbers| numbers.get(index));
            let members = group.members.iter().map(|member| &vector[*member]);
            let present = members.filter_map(|series| Some((series, &**series.column.histogram(index)?)));
            let histograms: Vec<(&StepSeries, &Histogram)> = present.collect();
            let value = match (number, histograms.as_slice()) {
                (number, []) => number.map(SampleValue::Float),
                (None, histograms) => added(op, histograms, note).map(SampleValue::of),
                (Some(_), _) => {
                    note(Severity::Warning, "encountered a mix of histograms and floats for aggregation".to_owned());
                    None
                }
            };
            column.put(index, value)?;
        }
        if !column.is_empty() {
            result.push(StepSeries { labels: Arc::clone(&group.labels), drops_name: group.drops_name, column });
        }
    }
    Ok(result)
}

/// The sum or the mean of some histograms; nothing if their buckets cannot be combined.
fn added(op: AggregateOp, histograms: &[(&StepSeries, &Histogram)], note: Note<'_>) -> Option<Histogram> {
    let ((_, first), rest) = histograms.split_first()?;
    let mut seen = Seen::of(first);
    let (mut sum, mut mean) = (HistogramSum::of(first), HistogramMean::of(first));
    for (series, histogram) in rest {
        match if op == AggregateOp::Avg { mean.add(histogram) } else { sum.add(histogram) } {
            Ok(was_reconciled) => seen.note(histogram, was_reconciled),
            Err(IncompatibleBuckets) => {
                let name = series.labels.metric_name();
                let message =
                    format!("vector contains a mix of histograms with exponential and custom buckets schemas for metric name {name:?}");
                note(Severity::Warning, message);
                return None;
            }
        }
    }
    seen.tell(note);
    Some(if op == AggregateOp::Avg { mean.total() } else { sum.total() })
}
