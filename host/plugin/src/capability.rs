//! What a guest may ask of the host, one file per interface of the contract. An interface that is not granted is not linked; what
//! is granted inside one is checked at each call.

pub(crate) mod glob;
pub(crate) mod denial;
pub(crate) mod log;
pub(crate) mod config;
pub(crate) mod clock;
pub(crate) mod beneath;
pub(crate) mod files;
pub(crate) mod statfs;
pub(crate) mod network;
pub(crate) mod http;
pub(crate) mod tcp;
pub(crate) mod udp;
pub(crate) mod dns;
pub(crate) mod icmp;
pub(crate) mod unix_http;
pub(crate) mod state;
pub(crate) mod secrets;
pub(crate) mod wasi;
