//! How messages travel. Whether and when is `notify`'s matter.

pub mod email;
pub mod webhook;
pub mod slack;
pub mod pagerduty;
mod http;
mod secret_source;

use std::fmt::Debug;

use futures::future::BoxFuture;

use crate::BoxError;
use crate::notify::Notification;

/// A way to tell someone.
pub trait Receiver: Debug + Send + Sync + 'static {
    /// Sends one message. `Ok` means that the other side has taken it over.
    fn send<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Result<(), SendError>>;
}

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// It may arrive if it is tried again: the other side is down, slow or busy.
    #[error("cannot reach {to}: {}", causes(.source))]
    Unreachable {
        /// The other side.
        to: String,
        /// What happened.
        source: BoxError,
    },
    /// Trying again does not help: the other side refuses the message.
    #[error("{to} refuses the message: {}", causes(.source))]
    Refused {
        /// The other side.
        to: String,
        /// Its answer.
        source: BoxError,
    },
    /// The message cannot be made: a template fails or gives no valid address.
    #[error("cannot write the message: {}", causes(.source))]
    Unwritable {
        /// What is wrong with it.
        source: BoxError,
    },
}

impl SendError {
    /// Whether another attempt makes sense.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// An error and its causes, on one line: it goes into one cell of a table.
fn causes(error: &BoxError) -> String {
    crate::rule::chain(&**error)
}

#[cfg(test)]
mod tests;
