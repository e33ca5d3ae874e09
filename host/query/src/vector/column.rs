//! The values of one series over all steps.
//!
//! A step without a value holds the stale mark's bits: no sample that a query sees has them (stale marks end a series, they are never
//! values), so one word per step is enough. The rest of the crate sees `Option<f64>` only. Native histograms lie beside the numbers, in a
//! list that is empty in nearly all columns, so that numbers cost what they cost without them.

use std::sync::Arc;

use cepmon_model::{Histogram, is_stale, stale_nan};

use crate::vector::Budget;
use crate::vector::budget::Charge;
use crate::{Error, SampleValue};

#[derive(Debug)]
pub(crate) struct Column {
    values: Vec<f64>,
    /// By step; empty, or as long as `values`. A step has a number or a histogram, never both.
    histograms: Vec<Option<Arc<Histogram>>>,
    charge: Charge,
}

impl Column {
    /// No value anywhere.
    pub(super) fn new(count: usize, charge: Charge) -> Self {
        Self { values: vec![stale_nan(); count], histograms: Vec::new(), charge }
    }

    /// The number at a step.
    pub(crate) fn get(&self, index: usize) -> Option<f64> {
        present(self.values[index])
    }

    /// The histogram at a step.
    pub(crate) fn histogram(&self, index: usize) -> Option<&Arc<Histogram>> {
        self.histograms.get(index)?.as_ref()
    }

    /// Whatever there is at a step.
    pub(crate) fn sample(&self, index: usize) -> Option<SampleValue> {
        let histogram = || self.histogram(index).map(|histogram| SampleValue::Histogram(Arc::clone(histogram)));
        self.get(index).map(SampleValue::Float).or_else(histogram)
    }

    /// Whether there is anything at a step.
    pub(crate) fn has(&self, index: usize) -> bool {
        self.get(index).is_some() || self.histogram(index).is_some()
    }

    /// Whether the column may have histograms; where it has none, numbers are all there is.
    pub(crate) fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    /// Sets the number of a step that has no histogram.
    pub(crate) fn set(&mut self, index: usize, value: Option<f64>) {
        self.values[index] = packed(value);
    }

    /// Replaces whatever there is at a step.
    pub(crate) fn put(&mut self, index: usize, sample: Option<SampleValue>) -> Result<(), Error> {
        let (value, histogram) = match sample {
            Some(SampleValue::Float(value)) => (Some(value), None),
            Some(SampleValue::Histogram(histogram)) => (None, Some(histogram)),
            None => (None, None),
        };
        self.set(index, value);
        if histogram.is_some() || self.has_histograms() {
            if let Some(histogram) = &histogram {
                self.charge.grow(histogram.size() / size_of::<f64>())?;
            }
            self.histograms.resize(self.values.len(), None);
            self.histograms[index] = histogram;
        }
        Ok(())
    }

    /// The same number everywhere.
    pub(crate) fn fill(&mut self, value: Option<f64>) {
        self.values.fill(packed(value));
    }

    /// Replaces each number that is there; `None` removes it. Histograms stay.
    pub(crate) fn map(&mut self, mut replace: impl FnMut(usize, f64) -> Option<f64>) {
        for (index, slot) in self.values.iter_mut().enumerate() {
            if let Some(value) = present(*slot) {
                *slot = packed(replace(index, value));
            }
        }
    }

    /// Replaces each histogram that is there, by a number too; `None` removes it. Numbers stay.
    pub(crate) fn map_histograms(&mut self, mut replace: impl FnMut(usize, &Arc<Histogram>) -> Option<SampleValue>) -> Result<(), Error> {
        for (index, histogram) in std::mem::take(&mut self.histograms).into_iter().enumerate() {
            if let Some(histogram) = histogram {
                self.put(index, replace(index, &histogram))?;
            }
        }
        Ok(())
    }

    /// Keeps the steps that are wanted.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(usize) -> bool) {
        self.map(|index, value| is_wanted(index).then_some(value));
        for (index, histogram) in self.histograms.iter_mut().enumerate() {
            if !is_wanted(index) {
                *histogram = None;
            }
        }
    }

    /// Keeps numbers only.
    pub(crate) fn drop_histograms(&mut self) {
        self.histograms.clear();
    }

    /// Steps that have a number, with it.
    pub(crate) fn points(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.values.iter().enumerate().filter_map(|(index, value)| Some((index, present(*value)?)))
    }

    /// Steps that have a histogram, with it.
    pub(crate) fn histogram_points(&self) -> impl Iterator<Item = (usize, &Arc<Histogram>)> + '_ {
        self.histograms.iter().enumerate().filter_map(|(index, histogram)| Some((index, histogram.as_ref()?)))
    }

    /// Steps that have anything: those with numbers first.
    pub(crate) fn steps(&self) -> impl Iterator<Item = usize> + '_ {
        self.points().map(|(index, _)| index).chain(self.histogram_points().map(|(index, _)| index))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.steps().next().is_none()
    }

    pub(crate) fn copy(&self, budget: &Budget) -> Result<Self, Error> {
        let charge = budget.take(self.charge.amount())?;
        Ok(Self { values: self.values.clone(), histograms: self.histograms.clone(), charge })
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

fn present(value: f64) -> Option<f64> {
    if is_stale(value) { None } else { Some(value) }
}

fn packed(value: Option<f64>) -> f64 {
    value.unwrap_or_else(stale_nan)
}
