//! `clock`: the system's time and a clock that never goes back. Guests see real time also in tests with a virtual clock: their
//! deadlines and measurements are real.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::abi::wit::clock::Host;
use crate::guest::GuestState;

impl Host for GuestState {
    #[allow(clippy::disallowed_methods, reason = "guests measure the real world, with real time")]
    fn now_ns(&mut self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    fn monotonic_ns(&mut self) -> u64 {
        u64::try_from(self.context.shared.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
