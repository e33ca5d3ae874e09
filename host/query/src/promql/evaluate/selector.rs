//! Instant vectors from storage: at each step the youngest sample within the look-back, unless a stale mark came after it.

use cepmon_model::{TimestampMs, is_stale};
use cepmon_storage::SeriesSamples;

use super::Evaluation;
use super::extended::interpolate;
use super::reference::Reference;
use crate::Error;
use crate::promql::ast::Selector;
use crate::vector::{Column, Grid, StepSeries, StepVector};

impl Evaluation<'_> {
    /// `pick` makes the value of a sample's time and value: the value itself, or the time for `timestamp()`.
    pub(crate) fn select(&self, selector: &Selector, grid: &Grid, pick: fn(TimestampMs, f64) -> f64) -> Result<StepVector, Error> {
        let reference = Reference::new(self, &selector.shift)?;
        // A sample as old as that is out.
        let lookback = self.options.lookback_ms + self.options.ranges.closing_ms();
        if selector.extension.is_some() {
            return self.select_smoothed(selector, reference, lookback, grid);
        }
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
                vector.push(StepSeries { labels: series.labels, drops_name: false, column });
            }
        }
        Ok(vector)
    }

    /// Values on the line between the samples around each step; the last sample goes on for the look-back.
    fn select_smoothed(&self, selector: &Selector, reference: Reference, lookback: i64, grid: &Grid) -> Result<StepVector, Error> {
        let (oldest, youngest) = (reference.first(grid) - lookback + 1, reference.last(grid) + lookback);
        let mut vector = Vec::new();
        for series in self.source.select(&selector.matchers, oldest, youngest).map_err(Error::Source)? {
            self.check_time()?;
            let series = series.map_err(Error::Source)?;
            let samples = series.timestamps.iter().copied().zip(series.values.iter().copied());
            let samples: Vec<(TimestampMs, f64)> = samples.filter(|(_, value)| !is_stale(*value)).collect();
            let mut column = self.budget.column(grid.count)?;
            let mut next = 0;
            for index in 0..grid.count {
                let at = reference.at(grid, index);
                next += samples[next..].iter().take_while(|(time, _)| *time < at).count();
                let before = next.checked_sub(1).map(|before| samples[before]).filter(|(time, _)| *time > at - lookback);
                let after = samples.get(next).filter(|(time, _)| *time <= at + lookback);
                column.set(
                    index,
                    match (before, after) {
                        (_, Some((time, value))) if *time == at => Some(*value),
                        (Some(before), Some(after)) => Some(interpolate(before, *after, at, false)),
                        (Some((_, value)), None) => Some(value),
                        (None, _) => None,
                    },
                );
            }
            if !column.is_empty() {
                vector.push(StepSeries { labels: series.labels, drops_name: false, column });
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
