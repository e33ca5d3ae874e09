//! The one clock that rules schedules, stamps, grouping and retention. Guest deadlines and network time-outs use real
//! monotonic time instead.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use crate::TimestampMs;

/// A wait that ends at a time of a [`Clock`].
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where "now" comes from. The host passes the system's clock in, tests a virtual one.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Unix time in milliseconds. It may jump, also back.
    fn now(&self) -> TimestampMs;

    /// Waits until `now()` is at least `deadline`; at once if it already is. A jump of the system's clock may end it early or
    /// late by the length of the jump, so callers look at `now()` again.
    fn sleep_until(&self, deadline: TimestampMs) -> Sleep;
}
