//! `count_values`: how many series have each value, the value as a label.

use std::collections::HashMap;
use std::sync::Arc;

use cepmon_model::LabelSet;

use crate::vector::grouping::Grouping;
use crate::vector::{Budget, Column, Grid, StepSeries, StepVector};
use crate::{Error, format_value, histogram_text};

pub(crate) fn count_values(
    label: &str,
    grouping: &Grouping,
    vector: &StepVector,
    grid: &Grid,
    budget: &Budget,
) -> Result<StepVector, Error> {
    let grouping = match grouping {
        Grouping::By(names) => Grouping::By(names.iter().cloned().chain([label.to_owned()]).collect()),
        Grouping::Without(names) => Grouping::Without(names.clone()),
    };
    let mut positions: HashMap<Arc<LabelSet>, usize> = HashMap::new();
    let mut result: StepVector = Vec::new();
    for series in vector {
        // Most series have few different values; the labels for each are made once.
        let mut by_value: HashMap<u64, usize> = HashMap::new();
        let of_text = |text: &str| {
            let mut labels = series.labels.to_builder();
            labels.set(label, text);
            Arc::new(grouping.project(&labels.build()))
        };
        for (index, histogram) in series.column.histogram_points() {
            let position = position_of(of_text(&histogram_text(histogram)), &mut positions, &mut result, grid, budget)?;
            count_one(&mut result[position].column, index);
        }
        for (index, value) in series.column.points() {
            let position = match by_value.get(&value.to_bits()) {
                Some(position) => *position,
                None => {
                    let position = position_of(of_text(&format_value(value)), &mut positions, &mut result, grid, budget)?;
                    by_value.insert(value.to_bits(), position);
                    position
                }
            };
            count_one(&mut result[position].column, index);
        }
    }
    Ok(result)
}

/// Where in the result the series with these labels is; it is made if it is not there yet.
fn position_of(
    labels: Arc<LabelSet>,
    positions: &mut HashMap<Arc<LabelSet>, usize>,
    result: &mut StepVector,
    grid: &Grid,
    budget: &Budget,
) -> Result<usize, Error> {
    if let Some(position) = positions.get(&labels) {
        return Ok(*position);
    }
    result.push(StepSeries { labels: Arc::clone(&labels), drops_name: false, column: budget.column(grid.count)? });
    positions.insert(labels, result.len() - 1);
    Ok(result.len() - 1)
}

fn count_one(column: &mut Column, index: usize) {
    column.set(index, Some(column.get(index).unwrap_or_default() + 1.0));
}
