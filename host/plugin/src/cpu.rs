//! CPU time of one call, host functions included: measured around every poll of the call's future by the thread's own CPU clock, so
//! that neither waiting for the network nor a busy machine is charged to a plugin.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Counts what a guest's call costs.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    budget_ns: u64,
    /// Of polls that are over.
    spent_ns: AtomicU64,
    /// The thread's clock when the running poll began.
    poll_began_ns: AtomicU64,
    was_spent: AtomicBool,
}

impl CpuMeter {
    pub(crate) fn new(budget: Duration) -> Self {
        let budget_ns = u64::try_from(budget.as_nanos()).unwrap_or(u64::MAX);
        Self { budget_ns, spent_ns: AtomicU64::new(0), poll_began_ns: AtomicU64::new(0), was_spent: AtomicBool::new(false) }
    }

    pub(crate) fn reset(&self) {
        self.spent_ns.store(0, Relaxed);
        self.was_spent.store(false, Relaxed);
    }

    /// Whether the budget is gone. Only to be asked within a poll, by the thread that runs it; a yes is remembered.
    pub(crate) fn is_spent(&self) -> bool {
        let running = thread_cpu_ns().saturating_sub(self.poll_began_ns.load(Relaxed));
        let is_spent = self.spent_ns.load(Relaxed) + running >= self.budget_ns;
        if is_spent {
            self.was_spent.store(true, Relaxed);
        }
        is_spent
    }

    /// Whether [`CpuMeter::is_spent`] ever said yes in this call.
    pub(crate) fn was_spent(&self) -> bool {
        self.was_spent.load(Relaxed)
    }

    /// What the call has cost so far.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent_ns.load(Relaxed))
    }
}

/// A future whose polls are charged to a meter.
pub(crate) struct Metered<F> {
    future: Pin<Box<F>>,
    meter: Arc<CpuMeter>,
}

impl<F: Future> Metered<F> {
    pub(crate) fn new(future: F, meter: Arc<CpuMeter>) -> Self {
        Self { future: Box::pin(future), meter }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let began = thread_cpu_ns();
        self.meter.poll_began_ns.store(began, Relaxed);
        let poll = self.future.as_mut().poll(context);
        self.meter.spent_ns.fetch_add(thread_cpu_ns().saturating_sub(began), Relaxed);
        poll
    }
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
