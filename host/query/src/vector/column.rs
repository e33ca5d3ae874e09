//! The values of one series over all steps.
//!
//! A step without a value holds the stale mark's bits: no sample that a query sees has them (stale marks end a series, they are never
//! values), so one word per step is enough. The rest of the crate sees `Option<f64>` only.

use cepmon_model::{is_stale, stale_nan};

use crate::Error;
use crate::vector::Budget;
use crate::vector::budget::Charge;

#[derive(Debug)]
pub(crate) struct Column {
    values: Vec<f64>,
    _charge: Charge,
}

impl Column {
    /// No value anywhere.
    pub(super) fn new(count: usize, charge: Charge) -> Self {
        Self { values: vec![stale_nan(); count], _charge: charge }
    }

    pub(crate) fn get(&self, index: usize) -> Option<f64> {
        present(self.values[index])
    }

    pub(crate) fn set(&mut self, index: usize, value: Option<f64>) {
        self.values[index] = packed(value);
    }

    /// The same value everywhere.
    pub(crate) fn fill(&mut self, value: Option<f64>) {
        self.values.fill(packed(value));
    }

    /// Replaces each value that is there; `None` removes it.
    pub(crate) fn map(&mut self, mut replace: impl FnMut(usize, f64) -> Option<f64>) {
        for (index, slot) in self.values.iter_mut().enumerate() {
            if let Some(value) = present(*slot) {
                *slot = packed(replace(index, value));
            }
        }
    }

    /// Steps that have a value, with it.
    pub(crate) fn points(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.values.iter().enumerate().filter_map(|(index, value)| Some((index, present(*value)?)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.points().next().is_none()
    }

    pub(crate) fn copy(&self, budget: &Budget) -> Result<Self, Error> {
        Ok(Self { values: self.values.clone(), _charge: budget.take(self.values.len())? })
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
