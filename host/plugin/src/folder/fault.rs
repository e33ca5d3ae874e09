//! Named places where a test can make a change of a plugins folder die, as with `kill -9`. In service each costs a look into the
//! environment, and a change passes a handful.

/// The points in the order in which an upgrade passes them, then the one of a removal.
#[cfg(test)]
pub(crate) const POINTS: [&str; 7] =
    ["plugin-staging", "plugin-staged", "plugin-kept", "lock-aside", "plugin-committed", "plugin-in-place", "plugin-set-aside"];

/// Ends the process here if `CEPMON_FAULT` names the point.
pub(crate) fn pass(point: &'static str) {
    if std::env::var_os("CEPMON_FAULT").is_some_and(|armed| armed == point) {
        std::process::abort();
    }
}
