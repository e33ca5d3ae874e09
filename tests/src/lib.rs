//! The harness of the integration tests: it starts the real executable and stands in for what surrounds it.
//!
//! [`Host`] is a running cepmon, [`Target`] something to scrape, [`Mailbox`] a mail server, [`Shelf`] an HTTPS server, [`Prometheus`] a real one, [`http`] a client. Everything is on
//! loopback, has a port of its own and is gone when it is dropped, so tests run side by side. The harness knows no crate of
//! cepmon: it sees the command line, HTTP and the files, as users do. A harness that cannot do its work panics, which is how a
//! test fails.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

mod executable;
mod host;
pub mod http;
mod mailbox;
mod peer;
mod shelf;
mod sql;
mod target;
mod wait;

pub use executable::{bundled_plugins, cepmon, compared_program, guest, kept_folder, python_with_duckdb, with_language_tool};
pub use host::{Finished, Host, HostSettings};
pub use mailbox::{Mail, Mailbox};
pub use peer::{Peer, Prometheus};
pub use shelf::Shelf;
pub use sql::Rows;
pub use target::{Answer, Reply, Target, closed_port};
pub use wait::{PATIENCE, wait_for, wait_until};
