//! One notification on its way to one integration: attempts, back-off, and when to give up.

use std::sync::Arc;

use cepmon_model::TimestampMs;

use crate::AttemptStatus;
use crate::notify::Notification;
use crate::notify::dedup::GroupState;
use crate::receiver::SendError;

/// Back-off as in Alertmanager (`backoff.NewExponentialBackOff`), without its random part: there is one sender only.
const FIRST_BACKOFF_MS: i64 = 500;
const MAX_BACKOFF_MS: i64 = 60_000;
/// Even with a short `group_interval` a notification has this long (Alertmanager, `notify.MinTimeout`).
const MIN_PATIENCE_MS: i64 = 10_000;

/// A notification that has not arrived yet.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Index of the integration within the receiver.
    pub(crate) integration: usize,
    pub(crate) notification: Arc<Notification>,
    /// What the log will say once it has arrived.
    pub(crate) state: GroupState,
    pub(crate) attempt: u32,
    pub(crate) next_attempt_at: TimestampMs,
    pub(crate) is_in_flight: bool,
    backoff_ms: i64,
    gives_up_at: TimestampMs,
}

impl Delivery {
    /// A delivery whose first attempt is due at once.
    pub(crate) fn new(
        integration: usize,
        notification: Arc<Notification>,
        state: GroupState,
        group_interval_ms: i64,
        now: TimestampMs,
    ) -> Self {
        Self {
            integration,
            notification,
            state,
            attempt: 0,
            next_attempt_at: now,
            is_in_flight: false,
            backoff_ms: FIRST_BACKOFF_MS,
            gives_up_at: now + group_interval_ms.max(MIN_PATIENCE_MS),
        }
    }

    /// Keeps the wait within the longest back-off when the clock was set back.
    pub(crate) fn bound_wait(&mut self, now: TimestampMs) {
        self.next_attempt_at = self.next_attempt_at.min(now + MAX_BACKOFF_MS);
    }

    /// Marks the start of an attempt.
    pub(crate) fn begin(&mut self) {
        self.attempt += 1;
        self.is_in_flight = true;
    }

    /// Marks the end of an attempt and says how it counts: only an error that may pass is tried again, until the patience is over.
    pub(crate) fn end(&mut self, result: &Result<(), SendError>, now: TimestampMs) -> AttemptStatus {
        self.is_in_flight = false;
        let Err(error) = result else { return AttemptStatus::Ok };
        let next_attempt_at = now + self.backoff_ms;
        if !error.is_retryable() || next_attempt_at >= self.gives_up_at {
            return AttemptStatus::Failed;
        }
        self.next_attempt_at = next_attempt_at;
        self.backoff_ms = (self.backoff_ms * 3 / 2).min(MAX_BACKOFF_MS);
        AttemptStatus::Retry
    }
}
