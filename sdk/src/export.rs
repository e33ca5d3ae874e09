//! Between the generated exports and the author's functions: turns records into the SDK's types, sends panics to the log.
//! The attributes expand to the macros here; nothing else calls them.

use std::sync::Once;

use crate::bindings::types;
use crate::error::to_host;
use crate::{Batch, Error, Lines, Rows, Target, Verdict, log};

/// Runs an exporter's function for one call.
///
/// # Errors
/// What the function returned.
pub fn collect(target: types::Target, function: fn(&Target, &mut Batch) -> Result<(), Error>) -> Result<types::Batch, types::Error> {
    log_panics();
    let mut batch = Batch::new();
    function(&Target::from(target), &mut batch).map_err(to_host)?;
    Ok(batch.into_columns())
}

/// Runs a probe's function for one call.
///
/// # Errors
/// What the function returned.
pub fn check(target: types::Target, function: fn(&Target, &mut Batch) -> Result<Verdict, Error>) -> Result<types::Outcome, types::Error> {
    log_panics();
    let mut batch = Batch::new();
    let verdict = function(&Target::from(target), &mut batch).map_err(to_host)?;
    Ok(types::Outcome { is_up: verdict.is_up, detail: verdict.detail, samples: batch.into_columns() })
}

/// Runs a log parser's function for one batch of lines.
///
/// # Errors
/// What the function returned.
pub fn parse(lines: &Lines, function: fn(&Lines, &mut Rows<'_>) -> Result<(), Error>) -> Result<types::LogBatch, types::Error> {
    log_panics();
    let mut rows = Rows::new(lines);
    function(lines, &mut rows).map_err(to_host)?;
    Ok(rows.into_columns())
}

/// The host sees a panic as a trap without a message, so the message goes to the log before it.
fn log_panics() {
    static HOOK: Once = Once::new();
    if cfg!(target_family = "wasm") {
        HOOK.call_once(|| std::panic::set_hook(Box::new(|panic| log::write(log::Level::Error, &panic.to_string()))));
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_exporter_fn {
    ($function:ident) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Plugin;
            impl $crate::bindings::exporter::exports::cepmon::plugin::exporter_api::Guest for Plugin {
                fn collect(
                    target: $crate::bindings::types::Target,
                ) -> ::core::result::Result<$crate::bindings::types::Batch, $crate::bindings::types::Error> {
                    $crate::export::collect(target, $function)
                }
            }
    $crate::bindings::exporter::export_exporter!(Plugin with_types_in $crate::bindings::exporter);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: fn(&$crate::Target, &mut $crate::Batch) -> ::core::result::Result<(), $crate::Error> = $function;
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_probe_fn {
    ($function:ident) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Plugin;
            impl $crate::bindings::probe::exports::cepmon::plugin::probe_api::Guest for Plugin {
                fn check(
                    target: $crate::bindings::types::Target,
                ) -> ::core::result::Result<$crate::bindings::types::Outcome, $crate::bindings::types::Error> {
                    $crate::export::check(target, $function)
                }
            }
    $crate::bindings::probe::export_probe!(Plugin with_types_in $crate::bindings::probe);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: fn(&$crate::Target, &mut $crate::Batch) -> ::core::result::Result<$crate::Verdict, $crate::Error> = $function;
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_log_parser_fn {
    ($function:ident) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Plugin;
            impl $crate::bindings::log_parser::exports::cepmon::plugin::log_parser_api::Guest for Plugin {
                fn parse(
                    lines: ::std::vec::Vec<u8>,
                    offsets: ::std::vec::Vec<u32>,
                    times_ns: ::std::vec::Vec<i64>,
                    stream: $crate::bindings::types::LogStream,
                ) -> ::core::result::Result<$crate::bindings::types::LogBatch, $crate::bindings::types::Error> {
                    $crate::export::parse(&$crate::Lines::new(lines, offsets, times_ns, stream), $function)
                }
            }
    $crate::bindings::log_parser::export_log_parser!(Plugin with_types_in $crate::bindings::log_parser);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: fn(&$crate::Lines, &mut $crate::Rows<'_>) -> ::core::result::Result<(), $crate::Error> = $function;
    };
}
