//! Range vectors: the samples of one series after the other, and a window over them per step. Ranges are open on the left.

use std::sync::Arc;

use cepmon_model::{HistogramSample, LabelSet, Sample, TimestampMs, is_stale};

use super::extended::{Ends, Extension};
use super::reference::Reference;
use super::{Evaluation, Windows};
use crate::promql::ast::{Expr, ExprKind, Length, RangeSelector, Subquery};
use crate::promql::engine::histograms_of;
use crate::vector::grouping::without_name;
use crate::vector::{Grid, StepSeries, StepVector};
use crate::{Error, MatrixSeries, ValueType};

/// The samples of one series that a function sees at one step: never empty, and numbers alone unless the function says otherwise.
#[derive(Debug)]
pub(crate) struct Window<'s> {
    /// Where in the series it begins.
    pub(crate) first: usize,
    pub(crate) timestamps: &'s [TimestampMs],
    pub(crate) values: &'s [f64],
    pub(crate) histograms: &'s [HistogramSample],
    /// The range goes from after `start` to `end`.
    pub(crate) start: TimestampMs,
    pub(crate) end: TimestampMs,
    /// The step's time, which `offset` and `@` do not move.
    pub(crate) now: TimestampMs,
    /// With one, samples from around the range are there too, as far as the look-back.
    pub(crate) extension: Option<Extension>,
}

/// Samples of one series, stale marks left out.
#[derive(Debug, Default)]
pub(crate) struct RangeSeries {
    pub(crate) labels: Arc<LabelSet>,
    pub(crate) drops_name: bool,
    timestamps: Vec<TimestampMs>,
    values: Vec<f64>,
    histograms: Vec<HistogramSample>,
}

/// What a function of windows depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Windowed {
    /// On nothing but the window.
    Alone,
    /// On the step too.
    WithStep,
}

/// Where the windows lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RangeShape {
    reference: Reference,
    range_ms: i64,
    extension: Option<Extension>,
    /// How far a window reaches back from its end; a sample as old as that is out.
    reach_ms: i64,
    /// How far it reaches beyond its end.
    ahead_ms: i64,
}

impl RangeShape {
    fn new(evaluation: &Evaluation<'_>, reference: Reference, range: &Length, extension: Option<Extension>) -> Result<Self, Error> {
        let range_ms = evaluation.resolve_positive(range)?;
        let lookback = evaluation.options.lookback_ms;
        let before = if extension.is_some() { lookback } else { 0 };
        let ahead_ms = if extension == Some(Extension::Smoothed) { lookback } else { 0 };
        Ok(Self { reference, range_ms, extension, reach_ms: range_ms + before + evaluation.options.ranges.closing_ms(), ahead_ms })
    }
}

impl RangeSeries {
    /// The places, from 1 on, of samples that stand to the one before as asked, ascending. Windows overlap, so what every window would
    /// look for is looked for once.
    pub(crate) fn places(&self, is_one: impl Fn(f64, f64) -> bool) -> Vec<usize> {
        let pairs = self.values.windows(2).enumerate();
        pairs.filter(|(_, pair)| is_one(pair[0], pair[1])).map(|(index, _)| index + 1).collect()
    }

    /// The histograms after a time, up to another.
    fn histograms_within(&self, after: TimestampMs, until: TimestampMs) -> &[HistogramSample] {
        if self.histograms.is_empty() {
            return &[];
        }
        let first = self.histograms.partition_point(|sample| sample.timestamp <= after);
        let end = self.histograms.partition_point(|sample| sample.timestamp <= until);
        &self.histograms[first..end]
    }

    /// Calls `each` with the window of every step that has samples.
    pub(crate) fn windows(&self, shape: &RangeShape, grid: &Grid, mut each: impl FnMut(usize, &Window<'_>)) {
        let (mut low, mut high) = (0, 0);
        for index in 0..grid.count {
            let end = shape.reference.at(grid, index);
            let start = end - shape.range_ms;
            while self.timestamps.get(high).is_some_and(|timestamp| *timestamp <= end + shape.ahead_ms) {
                high += 1;
            }
            while self.timestamps.get(low).is_some_and(|timestamp| *timestamp <= end - shape.reach_ms) {
                low += 1;
            }
            let histograms = self.histograms_within(end - shape.reach_ms, end + shape.ahead_ms);
            if low < high || !histograms.is_empty() {
                let (timestamps, values) = (&self.timestamps[low..high], &self.values[low..high]);
                let (now, extension) = (grid.time(index), shape.extension);
                each(index, &Window { first: low, timestamps, values, histograms, start, end, now, extension });
            }
        }
    }
}

impl Evaluation<'_> {
    /// Applies a function to every window of the range vector among the arguments; the other arguments are scalars.
    pub(crate) fn map_windows(
        &self,
        args: &[Expr],
        grid: &Grid,
        windows: Windows,
        compute: fn(&Window<'_>, &[f64]) -> Option<f64>,
    ) -> Result<StepVector, Error> {
        let is_range = |arg: &&Expr| arg.value_type() == ValueType::RangeVector;
        let Some(range) = args.iter().find(is_range) else { return Err(Error::execution("expected a range vector")) };
        let parameters: Vec<Vec<f64>> =
            args.iter().filter(|arg| !is_range(arg)).map(|arg| self.scalar(arg, grid)).collect::<Result<_, _>>()?;
        let mut at_step = vec![0.0; parameters.len()];
        let of_window = |(): &mut (), index: usize, window: &Window<'_>| {
            for (slot, values) in at_step.iter_mut().zip(&parameters) {
                *slot = values[index];
            }
            compute(window, &at_step)
        };
        let shape = if parameters.is_empty() { Windowed::Alone } else { Windowed::WithStep };
        self.map_series(range, grid, windows, shape, |_| (), of_window)
    }

    /// Applies a function to every window, with what `prepare` knows of the whole series.
    pub(crate) fn map_series<S>(
        &self,
        range: &Expr,
        grid: &Grid,
        windows: Windows,
        depends_on: Windowed,
        prepare: impl Fn(&RangeSeries) -> S,
        mut compute: impl FnMut(&mut S, usize, &Window<'_>) -> Option<f64>,
    ) -> Result<StepVector, Error> {
        let mut vector = Vec::new();
        self.each_range(range, grid, &mut |shape, series| {
            let mut column = self.budget.column(grid.count)?;
            let mut state = prepare(series);
            if !series.histograms.is_empty() {
                let note = self.note(range.span);
                let mut outcome = Ok(());
                series.windows(shape, grid, |index, window| {
                    let value = windows.over_histograms.apply(series, window, &note, || compute(&mut state, index, window));
                    if outcome.is_ok() {
                        outcome = column.put(index, value);
                    }
                });
                outcome?;
            } else if shape.reference.is_fixed() && depends_on == Windowed::Alone {
                // The same window and nothing else at every step: once is enough.
                let first = Grid { count: 1, ..*grid };
                series.windows(shape, &first, |index, window| column.fill(compute(&mut state, index, window)));
            } else {
                series.windows(shape, grid, |index, window| column.set(index, compute(&mut state, index, window)));
            }
            if !column.is_empty() {
                let drops_name = series.drops_name || !windows.keeps_name;
                vector.push(StepSeries { labels: Arc::clone(&series.labels), drops_name, column });
            }
            Ok(())
        })?;
        Ok(vector)
    }

    /// Calls `each` with every series of a range vector; a selector's series are in memory one at a time.
    pub(crate) fn each_range(
        &self,
        expr: &Expr,
        grid: &Grid,
        each: &mut dyn FnMut(&RangeShape, &RangeSeries) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match &expr.kind {
            ExprKind::Paren(inner) => self.each_range(inner, grid, each),
            ExprKind::Range(range) => self.each_selected(range, grid, each),
            ExprKind::Subquery(subquery) => self.each_of_subquery(subquery, grid, each),
            _ => Err(Error::execution("expected a range vector")),
        }
    }

    fn each_selected(
        &self,
        range: &RangeSelector,
        grid: &Grid,
        each: &mut dyn FnMut(&RangeShape, &RangeSeries) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let reference = Reference::new(self, &range.selector.shift)?;
        let shape = RangeShape::new(self, reference, &range.range, range.selector.extension)?;
        let (oldest, youngest) = (reference.first(grid) - shape.reach_ms + 1, reference.last(grid) + shape.ahead_ms);
        for series in self.source.select(&range.selector.matchers, oldest, youngest).map_err(Error::Source)? {
            self.check_time()?;
            let series = series.map_err(Error::Source)?;
            let _samples = self.budget.take(series.timestamps.len() + size_of_histograms(&series.histograms))?;
            let (mut timestamps, mut values) = (series.timestamps, series.values);
            if values.iter().any(|value| is_stale(*value)) {
                let kept = timestamps.into_iter().zip(values).filter(|(_, value)| !is_stale(*value));
                (timestamps, values) = kept.unzip();
            }
            let histograms = series.histograms;
            each(&shape, &RangeSeries { labels: series.labels, drops_name: false, timestamps, values, histograms })?;
        }
        Ok(())
    }

    fn each_of_subquery(
        &self,
        subquery: &Subquery,
        grid: &Grid,
        each: &mut dyn FnMut(&RangeShape, &RangeSeries) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let reference = Reference::new(self, &subquery.shift)?;
        let shape = RangeShape::new(self, reference, &subquery.range, None)?;
        let step = subquery.step.as_ref().map_or(Ok(self.options.subquery_step_ms), |step| self.resolve_positive(step))?;
        // Steps lie on multiples of the step since 1970, whatever time is asked for, so that neighbouring queries see the same ones.
        let after = reference.first(grid) - shape.reach_ms;
        let inner_start = (after.div_euclid(step) + 1) * step;
        let inner = Grid::new(inner_start, reference.last(grid), step);
        if inner.count == 0 {
            return Ok(());
        }
        let _one_column = self.budget.take(inner.count)?;
        for series in self.vector(&subquery.expr, &inner)? {
            self.check_time()?;
            let (timestamps, values) = series.column.points().map(|(index, value)| (inner.time(index), value)).unzip();
            let histograms = histograms_of(&series.column, &inner);
            each(&shape, &RangeSeries { labels: series.labels, drops_name: series.drops_name, timestamps, values, histograms })?;
        }
        Ok(())
    }

    /// A range vector as the answer of an instant query.
    pub(crate) fn raw_ranges(&self, expr: &Expr, grid: &Grid) -> Result<Vec<MatrixSeries>, Error> {
        let mut matrix = Vec::new();
        // Held until the answer is complete; afterwards it is the caller's memory.
        let mut charges = Vec::new();
        self.each_range(expr, grid, &mut |shape, series| {
            charges.push(self.budget.take(series.timestamps.len() + size_of_histograms(&series.histograms))?);
            series.windows(shape, grid, |_, window| {
                let samples = samples_of(window);
                let histograms = window.histograms.to_vec();
                if !samples.is_empty() || !histograms.is_empty() {
                    let labels = if series.drops_name { without_name(&series.labels) } else { Arc::clone(&series.labels) };
                    matrix.push(MatrixSeries { labels, samples, histograms });
                }
            });
            Ok(())
        })?;
        Ok(matrix)
    }
}

/// What histograms count as, in numbers.
fn size_of_histograms(histograms: &[HistogramSample]) -> usize {
    histograms.iter().map(|sample| sample.histogram.size() / size_of::<f64>()).sum()
}

/// The samples of a window; of an extended range also what its ends are taken to be.
fn samples_of(window: &Window<'_>) -> Vec<Sample> {
    let sample = |index: usize| Sample { timestamp: window.timestamps[index], value: window.values[index] };
    match (window.extension, Ends::new(window, false)) {
        (None, _) => (0..window.values.len()).map(sample).collect(),
        (Some(_), None) => Vec::new(),
        (Some(_), Some(ends)) => {
            let (first, last) = (Sample { timestamp: window.start, value: ends.left }, Sample { timestamp: window.end, value: ends.right });
            [first].into_iter().chain(ends.inner.map(sample)).chain([last]).collect()
        }
    }
}
