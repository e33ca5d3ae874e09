//! Series that got the same labels become one, as long as they have no step in common.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use cepmon_model::LabelSet;

use crate::Error;
use crate::vector::StepVector;
use crate::vector::grouping::without_name;

/// Joins series with the same labels; fails with `on_overlap` if two of them have a value at the same step. Series without any
/// value are left out.
pub(crate) fn unify(vector: StepVector, on_overlap: impl Fn(&LabelSet) -> Error) -> Result<StepVector, Error> {
    let mut positions: HashMap<Arc<LabelSet>, usize> = HashMap::with_capacity(vector.len());
    let mut unified: StepVector = Vec::with_capacity(vector.len());
    for series in vector {
        if series.column.is_empty() {
            continue;
        }
        match positions.entry(Arc::clone(&series.labels)) {
            Entry::Vacant(entry) => {
                entry.insert(unified.len());
                unified.push(series);
            }
            Entry::Occupied(entry) => {
                let first = &mut unified[*entry.get()];
                first.drops_name |= series.drops_name;
                let target = &mut first.column;
                for index in series.column.steps() {
                    if target.has(index) {
                        return Err(on_overlap(&series.labels));
                    }
                    target.put(index, series.column.sample(index))?;
                }
            }
        }
    }
    Ok(unified)
}

/// Takes away names that no longer fit, and joins what has the same labels then.
pub(crate) fn without_names(mut vector: StepVector) -> Result<StepVector, Error> {
    if !vector.iter().any(|series| series.drops_name) {
        return Ok(vector);
    }
    // Series that only ever had one name are still told apart by their other labels.
    let name = vector[0].labels.metric_name().to_owned();
    let had_one_name = vector.iter().all(|series| series.drops_name && series.labels.metric_name() == name);
    for series in vector.iter_mut().filter(|series| series.drops_name) {
        series.labels = without_name(&series.labels);
        series.drops_name = false;
    }
    if had_one_name { Ok(vector) } else { unify_results(vector) }
}

/// [`unify`] with Prometheus's usual message.
pub(crate) fn unify_results(vector: StepVector) -> Result<StepVector, Error> {
    unify(vector, |_| Error::same_labels())
}
