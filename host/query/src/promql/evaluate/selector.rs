//! Instant vectors from storage: at each step the youngest sample within the look-back, unless a stale mark came after it.

use std::sync::Arc;

use cepmon_model::{TimestampMs, is_stale};
use cepmon_storage::SeriesSamples;

use super::extended::interpolate;
use super::reference::Reference;
use super::{Evaluation, mixed_kinds};
use crate::promql::annotation::Severity;
use crate::promql::ast::{Selector, Span};
use crate::promql::function::interpolated;
use crate::vector::{Column, Grid, Note, StepSeries, StepVector};
use crate::{Error, SampleValue};

/// What of a sample becomes the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pick {
    /// Its value.
    Value,
    /// Its time, in seconds.
    Time,
    /// The same, of series that are not to have histograms: those with labels for `info`.
    TimeOfInfo,
}

impl Pick {
    fn float(self, timestamp: TimestampMs, value: f64) -> f64 {
        match self {
            Self::Value => value,
            Self::Time | Self::TimeOfInfo => timestamp as f64 / 1000.0,
        }
    }

    fn sample(self, timestamp: TimestampMs, value: &SampleValue) -> SampleValue {
        match self {
            Self::Value => value.clone(),
            Self::Time | Self::TimeOfInfo => SampleValue::Float(timestamp as f64 / 1000.0),
        }
    }
}

impl Evaluation<'_> {
    /// The values of a selector that stands at `span`.
    pub(crate) fn select(&self, selector: &Selector, span: Span, grid: &Grid, pick: Pick) -> Result<StepVector, Error> {
        let reference = Reference::new(self, &selector.shift)?;
        // A sample as old as that is out.
        let lookback = self.options.lookback_ms + self.options.ranges.closing_ms();
        if selector.extension.is_some() {
            return self.select_smoothed(selector, span, reference, lookback, grid);
        }
        let oldest = reference.first(grid) - lookback + 1;
        let mut vector = Vec::new();
        for series in self.source.select(&selector.matchers, oldest, reference.last(grid)).map_err(Error::Source)? {
            self.check_time()?;
            let series = series.map_err(Error::Source)?;
            let mut column = self.budget.column(grid.count)?;
            if !series.histograms.is_empty() && pick == Pick::TimeOfInfo {
                return Err(Error::execution(format!("this should be an info metric, with float samples: {}", series.labels)));
            }
            if !series.histograms.is_empty() {
                fill_mixed(&mut column, &series, |index| reference.at(grid, index), lookback, pick)?;
            } else if reference.is_fixed() {
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
    fn select_smoothed(
        &self,
        selector: &Selector,
        span: Span,
        reference: Reference,
        lookback: i64,
        grid: &Grid,
    ) -> Result<StepVector, Error> {
        let (oldest, youngest) = (reference.first(grid) - lookback + 1, reference.last(grid) + lookback);
        let mut vector = Vec::new();
        for series in self.source.select(&selector.matchers, oldest, youngest).map_err(Error::Source)? {
            self.check_time()?;
            let series = series.map_err(Error::Source)?;
            let samples = series.timestamps.iter().copied().zip(series.values.iter().copied());
            let samples: Vec<(TimestampMs, f64)> = samples.filter(|(_, value)| !is_stale(*value)).collect();
            let mut column = self.budget.column(grid.count)?;
            if !series.histograms.is_empty() {
                smooth_histograms(&mut column, &series, |index| reference.at(grid, index), lookback, &self.note(span))?;
            }
            let mut next = 0;
            for index in (0..grid.count).filter(|_| series.histograms.is_empty()) {
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

fn fill(column: &mut Column, series: &SeriesSamples, at: impl Fn(usize) -> TimestampMs, lookback: i64, pick: Pick) {
    let mut cursor = 0;
    for index in 0..column.len() {
        column.set(index, youngest(series, &mut cursor, at(index), lookback, pick));
    }
}

/// The youngest sample at a time; `cursor` counts the samples up to it, and times must not go back.
fn youngest(series: &SeriesSamples, cursor: &mut usize, at: TimestampMs, lookback: i64, pick: Pick) -> Option<f64> {
    while series.timestamps.get(*cursor).is_some_and(|timestamp| *timestamp <= at) {
        *cursor += 1;
    }
    let found = cursor.checked_sub(1)?;
    let (timestamp, value) = (series.timestamps[found], series.values[found]);
    (timestamp > at - lookback && !is_stale(value)).then(|| pick.float(timestamp, value))
}

/// [`fill`] for a series with histograms, which may have numbers and stale marks too.
fn fill_mixed(
    column: &mut Column,
    series: &SeriesSamples,
    at: impl Fn(usize) -> TimestampMs,
    lookback: i64,
    pick: Pick,
) -> Result<(), Error> {
    let numbers = series.timestamps.iter().zip(&series.values).map(|(timestamp, value)| (*timestamp, SampleValue::Float(*value)));
    let histograms = series.histograms.iter().map(|sample| (sample.timestamp, SampleValue::Histogram(Arc::clone(&sample.histogram))));
    let mut samples: Vec<_> = numbers.chain(histograms).collect();
    samples.sort_by_key(|(timestamp, _)| *timestamp);
    let mut seen = 0;
    for index in 0..column.len() {
        let at = at(index);
        seen += samples[seen..].iter().take_while(|(timestamp, _)| *timestamp <= at).count();
        let found = seen.checked_sub(1).map(|found| &samples[found]).filter(|(timestamp, _)| *timestamp > at - lookback);
        let is_end = |value: &SampleValue| matches!(value, SampleValue::Float(value) if is_stale(*value));
        column.put(index, found.filter(|(_, value)| !is_end(value)).map(|(timestamp, value)| pick.sample(*timestamp, value)))?;
    }
    Ok(())
}

/// Histograms on the line between the two around each step. A step that sees both histograms and numbers has no value.
fn smooth_histograms(
    column: &mut Column,
    series: &SeriesSamples,
    at: impl Fn(usize) -> TimestampMs,
    lookback: i64,
    note: Note<'_>,
) -> Result<(), Error> {
    let name = series.labels.metric_name();
    for index in 0..column.len() {
        let at = at(index);
        let (after, until) = (at - lookback, at + lookback);
        let is_near = |timestamp: &TimestampMs| *timestamp > after && *timestamp <= until;
        let near: Vec<_> = series.histograms.iter().filter(|sample| is_near(&sample.timestamp)).collect();
        let mut numbers = series.timestamps.iter().zip(&series.values).filter(|(timestamp, _)| is_near(timestamp));
        let has_numbers = numbers.any(|(_, value)| !is_stale(*value));
        if has_numbers && !near.is_empty() {
            note(Severity::Warning, mixed_kinds(name));
            continue;
        }
        let next = near.partition_point(|sample| sample.timestamp < at);
        let histogram = match (next.checked_sub(1).map(|before| near[before]), near.get(next)) {
            (_, Some(sample)) if sample.timestamp == at => Some(Arc::clone(&sample.histogram)),
            (Some(before), Some(next)) => interpolated(before, next, at, false, name, note).map(Arc::new),
            (Some(before), None) => Some(Arc::clone(&before.histogram)),
            (None, _) => None,
        };
        column.put(index, histogram.map(SampleValue::Histogram))?;
    }
    Ok(())
}
