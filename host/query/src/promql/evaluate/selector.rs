//! Instant vectors from storage: at each step the youngest sample within the look-back, unless a stale mark came after it.

use cepmon_model::{TimestampMs, is_stale};
use cepmon_storage::SeriesSamples;

use super::Evaluation;
use super::reference::Reference;
use crate::Error;
use crate::promql::ast::Selector;
use crate::vector::{Column, Grid, StepSeries, StepVector};

impl Evaluation<'_> {
    /// `pick` makes the value of a sample's time and value: the value itself, or the time for `timestamp()`.
    pub(crate) fn select(&self, selector: &Selector, grid: &Grid, pick: fn(TimestampMs, f64) -> f64) -> Result<StepVector, Error> {
        let reference = Reference::new(self, &selector.shift)?;
        let lookback = self.options.lookback_ms;
        // Open on the left: a sample exactly as old as the look-back is out.
        let oldest = reference.first(grid) - lookback + 1;
        let mut vector = Vec::new();
        for series in self.source.select(&selector.matchers, oldest, reference.last(grid)).map_err(Error::Source)? {
            self.check_time()?;
            let series = series.map_err(Error::Source)?;
            let mut column = self.budget.column(grid.count)?;
            if reference.is_fixed() {
                let mut cursor = 0;
                column.fill(youngest(&series, &mut cursor, reference.first(grid), lookback, pick));
            } else {
                fill(&mut column, &series, |index| reference.at(grid, index), lookback, pick);
            }
            if !column.is_empty() {
                vector.push(StepSeries { labels: series.labels, column });
            }
        }
        Ok(vector)
    }
}

fn fill(column: &mut Column, series: &SeriesSamples, at: impl Fn(usize) -> TimestampMs, lookback: i64, pick: fn(TimestampMs, f64) -> f64) {
    let mut cursor = 0;
    for index in 0..column.len() {
        column.set(index, youngest(series, &mut cursor, at(index), lookback, pick));
    }
}

/// The youngest sample at a time; `cursor` counts the samples up to it, and times must not go back.
fn youngest(series: &SeriesSamples, cursor: &mut usize, at: TimestampMs, lookback: i64, pick: fn(TimestampMs, f64) -> f64) -> Option<f64> {
    while series.timestamps.get(*cursor).is_some_and(|timestamp| *timestamp <= at) {
        *cursor += 1;
    }
    let found = cursor.checked_sub(1)?;
    let (timestamp, value) = (series.timestamps[found], series.values[found]);
    (timestamp > at - lookback && !is_stale(value)).then(|| pick(timestamp, value))
}
