//! The memory limit of all statements together. Operators that can spill share most of it evenly and spill beyond; a part stays with those
//! that cannot, such as the merge of what was spilled.
//!
//! Why not DataFusion's `FairSpillPool`: there the sorts of a statement's partitions may take all but what merges hold at that moment; a
//! merge that starts a moment later fails although both sorts could spill (3 M rows sorted under 32 MiB failed so every time).

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

/// The share that spilling operators leave alone: one in four bytes.
const HEADROOM: usize = 4;

/// A pool with a fixed limit.
#[derive(Debug)]
pub(crate) struct StatementPool {
    limit_bytes: usize,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    spillers: usize,
    spillable_bytes: usize,
    unspillable_bytes: usize,
}

impl StatementPool {
    /// A pool of so many bytes.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, used: Mutex::default() }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    fn of(&mut self, reservation: &MemoryReservation) -> &mut usize {
        if reservation.consumer().can_spill() { &mut self.spillable_bytes } else { &mut self.unspillable_bytes }
    }
}

impl MemoryPool for StatementPool {
    fn name(&self) -> &'static str {
        "statements"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.used().spillers += usize::from(consumer.can_spill());
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        let mut used = self.used();
        used.spillers = used.spillers.saturating_sub(usize::from(consumer.can_spill()));
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        *self.used().of(reservation) += additional;
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let mut used = self.used();
        let bytes = used.of(reservation);
        *bytes = bytes.saturating_sub(shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut used = self.used();
        let free = self.limit_bytes.saturating_sub(used.spillable_bytes + used.unspillable_bytes);
        let allowed = if reservation.consumer().can_spill() {
            let for_spillers =
                (self.limit_bytes - self.limit_bytes / HEADROOM).min(self.limit_bytes.saturating_sub(used.unspillable_bytes));
            let share = for_spillers / used.spillers.max(1);
            free.min(share.saturating_sub(reservation.size()))
        } else {
            free
        };
        if additional > allowed {
            let name = reservation.consumer().name();
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{name} holds {} bytes and asked for {additional} more, of which {allowed} are free",
                reservation.size()
            )));
        }
        *used.of(reservation) += additional;
        Ok(())
    }

    fn reserved(&self) -> usize {
        let used = self.used();
        used.spillable_bytes + used.unspillable_bytes
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit_bytes)
    }
}

impl fmt::Display for StatementPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statements(limit {} bytes)", self.limit_bytes)
    }
}
