//! How many values a query may hold at once. Columns give back what they took when they are dropped.

use std::cell::Cell;
use std::rc::Rc;

use crate::Error;
use crate::vector::Column;

/// A query's allowance; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    state: Rc<State>,
}

#[derive(Debug)]
struct State {
    used: Cell<usize>,
    limit: usize,
}

/// A part of the allowance, given back when dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    state: Rc<State>,
    amount: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { state: Rc::new(State { used: Cell::new(0), limit }) }
    }

    /// Takes some of the allowance.
    pub(crate) fn take(&self, amount: usize) -> Result<Charge, Error> {
        let used = self.state.used.get().saturating_add(amount);
        if used > self.state.limit {
            return Err(Error::TooManySamples { limit: self.state.limit });
        }
        self.state.used.set(used);
        Ok(Charge { state: Rc::clone(&self.state), amount })
    }

    /// A column without points.
    pub(crate) fn column(&self, count: usize) -> Result<Column, Error> {
        Ok(Column::new(count, self.take(count)?))
    }
}

impl Charge {
    /// How much it holds.
    pub(crate) fn amount(&self) -> usize {
        self.amount
    }

    /// Takes more.
    pub(crate) fn grow(&mut self, amount: usize) -> Result<(), Error> {
        let mut more = Budget { state: Rc::clone(&self.state) }.take(amount)?;
        self.amount += std::mem::take(&mut more.amount);
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.state.used.set(self.state.used.get() - self.amount);
    }
}
