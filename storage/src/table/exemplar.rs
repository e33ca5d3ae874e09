//! Rows of the table `exemplars` as values: the trace, or another example, behind a sample of a series. Whoever appends them leaves out what
//! was there before; rows are not compared here.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, TimestampMillisecondType};
use cepmon_model::{LabelSet, METRIC_NAME, TimestampMs};

use super::Cell;
use crate::block::map::map_entries;

/// An example of what a series measures.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesExemplar {
    /// When it was measured.
    pub timestamp: TimestampMs,
    /// Labels of the series, with the metric's name.
    pub series: Arc<LabelSet>,
    /// The measured value.
    pub value: f64,
    /// What it is an example of, such as `trace_id`.
    pub labels: Arc<LabelSet>,
}

impl SeriesExemplar {
    /// The cells of its row.
    pub(crate) fn to_row(&self) -> Vec<Cell> {
        let metric = Cell::Text(self.series.metric_name().to_owned());
        let labels = LabelSet::from_sorted(self.series.iter().filter(|(name, _)| *name != METRIC_NAME));
        vec![
            Cell::Time(self.timestamp),
            metric,
            Cell::Labels(Arc::new(labels)),
            Cell::Float(self.value),
            Cell::Labels(Arc::clone(&self.labels)),
        ]
    }

    /// A row of a batch of the table.
    pub(crate) fn of_row(batch: &RecordBatch, row: usize) -> Self {
        Self {
            timestamp: batch.column(0).as_primitive::<TimestampMillisecondType>().value(row),
            series: Arc::new(series_of_row(batch, row)),
            value: batch.column(3).as_primitive::<Float64Type>().value(row),
            labels: Arc::new(label_set(batch, 4, row, None)),
        }
    }
}

/// Labels of a row's series.
pub(crate) fn series_of_row(batch: &RecordBatch, row: usize) -> LabelSet {
    label_set(batch, 2, row, Some(batch.column(1).as_string::<i32>().value(row)))
}

fn label_set(batch: &RecordBatch, column: usize, row: usize, metric: Option<&str>) -> LabelSet {
    let maps = batch.column(column).as_map();
    let entries = if maps.is_null(row) { Vec::new() } else { map_entries(maps, row).collect() };
    LabelSet::from_pairs(metric.map(|name| (METRIC_NAME, name)).into_iter().chain(entries))
}
