//! `count_values`: how many series have each value, the value as a label.

use std::collections::HashMap;
use std::sync::Arc;

use cepmon_model::LabelSet;

use crate::vector::grouping::Grouping;
use crate::vector::{Budget, Grid, StepSeries, StepVector};
use crate::{Error, format_value};

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
        for (index, value) in series.column.points() {
            let position = match by_value.get(&value.to_bits()) {
                Some(position) => *position,
                None => {
                    let mut labels = series.labels.to_builder();
                    labels.set(label, &format_value(value));
                    let labels = Arc::new(grouping.project(&labels.build()));
                    let position = match positions.get(&labels) {
                        Some(position) => *position,
                        None => {
                            result.push(StepSeries { labels: Arc::clone(&labels), drops_name: false, column: budget.column(grid.count)? });
                            positions.insert(labels, result.len() - 1);
                            result.len() - 1
                        }
                    };
                    by_value.insert(value.to_bits(), position);
                    position
                }
            };
            let column = &mut result[position].column;
            column.set(index, Some(column.get(index).unwrap_or_default() + 1.0));
        }
    }
    Ok(result)
}
