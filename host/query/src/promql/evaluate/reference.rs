//! The times that a selector or subquery looks from: each step's, or one fixed by `@`, less the offset.

use cepmon_model::TimestampMs;

use super::Evaluation;
use crate::Error;
use crate::promql::ast::Shift;
use crate::vector::Grid;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference {
    fixed: Option<TimestampMs>,
    offset: i64,
}

impl Reference {
    pub(super) fn new(evaluation: &Evaluation<'_>, shift: &Shift) -> Result<Self, Error> {
        let offset = shift.offset.as_ref().map_or(Ok(0), |offset| evaluation.resolve(offset))?;
        Ok(Self { fixed: shift.at.map(|at| evaluation.resolve_at(at)), offset })
    }

    pub(super) fn at(&self, grid: &Grid, index: usize) -> TimestampMs {
        self.fixed.unwrap_or_else(|| grid.time(index)) - self.offset
    }

    pub(super) fn first(&self, grid: &Grid) -> TimestampMs {
        self.at(grid, 0)
    }

    pub(super) fn last(&self, grid: &Grid) -> TimestampMs {
        self.fixed.unwrap_or_else(|| grid.end()) - self.offset
    }

    /// Whether every step looks from the same time.
    pub(super) fn is_fixed(&self) -> bool {
        self.fixed.is_some()
    }
}
