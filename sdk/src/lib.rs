//! Write exporters, probes and log parsers for cepmon as plain functions.
//!
//! ```
//! use cepmon_sdk::{Batch, Error, Kind, Target, file};
//!
//! #[cepmon_sdk::exporter]
//! fn collect(_target: &Target, batch: &mut Batch) -> Result<(), Error> {
//!     let text = file::read_text("/proc/uptime")?;
//!     let seconds: f64 = text.split_whitespace().next().unwrap_or_default().parse()?;
//!     batch.family("uptime_seconds", Kind::Gauge, "Seconds since the start.").sample(&[], seconds);
//!     Ok(())
//! }
//! ```
//!
//! [`Batch`] and [`Rows`] are the builders of what crosses the border; [`Target`] and [`Lines`] are what is asked. [`mod@file`], [`statfs`],
//! [`http`], [`tcp`], [`udp`], [`dns`], [`icmp`], [`unix_http`], [`state`], [`secrets`], [`clock`], [`config`] and [`log`] are the host's
//! capabilities: each one beyond the last three must stand in `plugin.toml` with a reason, and works only where the operator granted it.
//!
//! The crate compiles for ordinary targets too, so that parsers and whole collectors are tested with `cargo test`. There files, clocks
//! and the log go to the machine itself, without a sandbox, and [`state`] to memory; the network and [`secrets`] answer an error.
//!
//! It deliberately has no threads, no async and no clock or file of `std`: a guest is single and short-lived, and `std` is a stub
//! on `wasm32-unknown-unknown`.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

// The macros and wit-bindgen name this crate by its outside name.
extern crate self as cepmon_sdk;

pub mod batch;
pub mod error;
pub mod target;
pub mod verdict;
pub mod line;
pub mod row;
pub mod file;
pub mod statfs;
pub mod http;
pub mod tcp;
pub mod udp;
pub mod dns;
pub mod icmp;
pub mod unix_http;
pub mod state;
pub mod secrets;
pub mod clock;
pub mod config;
pub mod log;
pub mod testing;
#[doc(hidden)]
pub mod export;
#[doc(hidden)]
pub mod bindings;

pub use batch::{Batch, FamilyWriter, Kind};
pub use cepmon_sdk_macros::{exporter, log_parser, probe};
pub use error::Error;
pub use line::{Line, Lines};
pub use row::{Row, Rows, Severity};
pub use target::Target;
pub use verdict::Verdict;
