//! cepmon: one process that watches, stores, answers and alerts. This crate wires the parts together: configuration, schedule,
//! ingest, log collection, rules, the HTTP surface and the command line. What the parts do is theirs: plugins run in
//! `cepmon-plugin`, data lies in `cepmon-storage`, SQL is `cepmon-sql`, PromQL `cepmon-query`, alerts `cepmon-alert`.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

pub mod cli;
pub mod config;
mod clock;
mod chain;
mod host_name;
mod glob;
mod selector;
mod prepare;
mod stored_state;
mod overrides;
mod serve;
mod flags;
mod target;
mod schedule;
mod ingest;
mod agent;
mod alerting;
mod live_table;
mod promql_table;
mod web;
mod ui;
