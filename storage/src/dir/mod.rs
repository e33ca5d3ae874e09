//! The data directory: its layout, the lock, files that appear whole or not at all, the manifest, fault points for tests.
//! It does not know what the files hold.

pub(crate) mod fault;
pub(crate) mod layout;
pub(crate) mod lock;
pub(crate) mod atomic;
pub(crate) mod manifest;
