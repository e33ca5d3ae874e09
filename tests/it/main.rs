//! The integration tests, in one binary. First what holds for the sources, then what the running executable does.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

/// Which crate may know what: dependencies, directly and all the way down.
mod border;
/// Licences of everything that is linked.
mod licence;
/// What the sources look like: the tree, file lengths, opening words, links, the contract.
mod tidy;
/// Walking the sources, for the others.
mod tree;
