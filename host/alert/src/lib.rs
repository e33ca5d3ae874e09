//! Rules, alerts and notifications: what Prometheus's rule manager and Alertmanager do, in one process.
//!
//! A [`rule::Scheduler`] evaluates rule groups and hands alerts to a [`Notifier`], which routes, groups, mutes, deduplicates and
//! sends them through [`receiver`]s. Every state change and every attempt to notify goes to a [`Record`].
//!
//! It knows no query engine (only the trait [`Evaluate`]), no storage (only [`Record`]), no YAML (its file types are serde's) and
//! no wall clock (only `cepmon_model::Clock`).
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]
#![deny(missing_docs)]

mod evaluate;
mod record;
mod alert;
mod problem;
mod error;
pub mod rule;
pub mod config;
pub mod route;
pub mod mute;
pub mod notify;
pub mod receiver;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod conformance;

pub use alert::{Alert, AlertStatus, Fingerprint};
pub use cepmon_model::Secret;
pub use error::Error;
pub use evaluate::{BoxError, Evaluate, VectorSample};
pub use notify::{Notifier, NotifierOptions};
pub use problem::Problem;
pub use record::{AlertTransition, AttemptStatus, NotificationAttempt, Record};
