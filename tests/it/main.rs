//! The integration tests, in one binary. First what holds for the sources, then what the running executable does.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

/// A rule, a mail, another mail.
mod alert;
/// The author's commands, from nothing to a metric.
mod author;
/// Backups, and what comes back from them.
mod backup;
/// Configuration, plugin files and data directories that are wrong.
mod bad_input;
/// Targets that misbehave.
mod bad_target;
/// Which crate may know what: dependencies, directly and all the way down.
mod border;
/// node_exporter and DuckDB beside cepmon.
mod compared;
/// What a guest may ask of the host.
mod capability;
/// Plugins that were built for released contracts.
mod contract;
/// Ends at the worst moments.
mod crash;
/// Many plugins at once.
mod crowd;
/// Samples and log lines that are to be gone.
mod delete;
/// What the program does out of the box.
mod first_light;
/// Guests that misbehave, and grants.
mod hostile;
/// History that was Prometheus's.
mod import;
/// Installing from everywhere, and what is left when it is killed.
mod install;
/// Plugins in Python and JavaScript, from their sources to SQL.
mod languages;
/// Licences of everything that is linked.
mod licence;
/// Log files that are followed.
mod logs;
/// Prometheus's command line.
mod prometheus_flags;
/// What the README promises.
mod promises;
/// Prometheus's HTTP API.
mod prometheus_api;
/// A real Prometheus and promtool beside cepmon.
mod prometheus_compared;
/// Remote write 2.0 and OTLP.
mod prometheus_push;
/// promtool beside Debian's.
mod promtool;
/// What the sources look like: the tree, file lengths, opening words, links, the contract.
mod tidy;
/// Scrape configurations of Prometheus: rules, discoveries, credentials, limits, formats.
mod scrape;
/// Walking the sources, for the others.
mod tree;
