//! Waiting for something that another process does. The only place where the tests sleep: they see that process from outside
//! and cannot hand it a clock. How long it took is never asserted.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Between two looks. Short beside a scrape interval of one second, long beside the look itself.
const PAUSE: Duration = Duration::from_millis(25);

/// Longest wait for what takes seconds on an idle machine: on a busy one a dev build is slow, and a limit that strikes proves nothing.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Calls `look` until it finds something.
///
/// # Panics
/// When `limit` has passed; the message names `what`.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {} s in vain for {what}", limit.as_secs());
        sleep(PAUSE);
    }
}

/// Calls `is_so` until it says yes.
///
/// # Panics
/// When `limit` has passed; the message names `what`.
pub fn wait_until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    wait_for(what, limit, || is_so().then_some(()));
}
