//! Lines for the operator. They come out as cepmon's own log lines, with the plugin and the call beside them; 64 KiB per call.

#[cfg(target_family = "wasm")]
pub use crate::bindings::log::Level;

/// How serious a line is.
#[cfg(not(target_family = "wasm"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words say it")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Writes one line. The macros [`crate::debug!`], [`crate::info!`] and [`crate::warn!`] are shorter.
pub fn write(level: Level, message: &str) {
    #[cfg(target_family = "wasm")]
    crate::bindings::log::write(level, message);
    #[cfg(not(target_family = "wasm"))]
    eprintln!("{level:?}: {message}");
}

/// A line at level debug, formatted as by `format!`.
#[macro_export]
macro_rules! debug {
    ($($arguments:tt)*) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($arguments)*)) };
}

/// A line at level info, formatted as by `format!`.
#[macro_export]
macro_rules! info {
    ($($arguments:tt)*) => { $crate::log::write($crate::log::Level::Info, &::std::format!($($arguments)*)) };
}

/// A line at level warn, formatted as by `format!`. What concerns the samples of this call belongs into [`crate::Batch::warn`] instead.
#[macro_export]
macro_rules! warn {
    ($($arguments:tt)*) => { $crate::log::write($crate::log::Level::Warn, &::std::format!($($arguments)*)) };
}
