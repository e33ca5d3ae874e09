//! The host's clocks. `std::time` does not work inside a guest.

use std::time::Duration;

/// Unix time in nanoseconds.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "natively this is the system's own clock")]
pub fn now_ns() -> u64 {
    #[cfg(target_family = "wasm")]
    return crate::bindings::clock::now_ns();
    #[cfg(not(target_family = "wasm"))]
    return std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
}

/// Unix time in seconds.
#[must_use]
pub fn now_seconds() -> f64 {
    now_ns() as f64 / 1e9
}

/// A moment of a clock that never goes back.
#[derive(Debug, Clone, Copy)]
pub struct Moment(u64);

impl Moment {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        #[cfg(target_family = "wasm")]
        return Self(crate::bindings::clock::monotonic_ns());
        #[cfg(not(target_family = "wasm"))]
        return Self(native_monotonic_ns());
    }

    /// Time since then.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Duration::from_nanos(Self::now().0.saturating_sub(self.0))
    }
}

#[cfg(not(target_family = "wasm"))]
fn native_monotonic_ns() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64
}

/// How durations cross the border.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
