//! The system's clock. Everything that decides by time takes a [`Clock`]; only this file asks the system.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cepmon_model::{Clock, Sleep, TimestampMs};

/// A step of a long wait: a jump of the system's clock is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Wall time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
    fn now(&self) -> TimestampMs {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }

    fn sleep_until(&self, deadline: TimestampMs) -> Sleep {
        let clock = *self;
        Box::pin(async move {
            loop {
                let left = deadline.saturating_sub(clock.now());
                let Ok(left) = u64::try_from(left) else { return };
                if left == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(left).min(LONGEST_SLEEP)).await;
            }
        })
    }
}
