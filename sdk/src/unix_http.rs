//! HTTP over a named Unix socket. Socket, method and path are granted together.

use std::time::Duration;

use crate::Error;
use crate::bindings::unix_http;

pub use crate::bindings::unix_http::Response;

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    record: unix_http::Request,
}

impl Request {
    /// A request without headers or body that takes at most [`crate::http::DEFAULT_MAX_BODY`]. `path` may have a query.
    pub fn new(socket: impl Into<String>, method: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            record: unix_http::Request {
                socket: socket.into(),
                method: method.into(),
                path: path.into(),
                headers: Vec::new(),
                body: Vec::new(),
                timeout_ns: 0,
                max_body: crate::http::DEFAULT_MAX_BODY,
            },
        }
    }

    /// A GET request.
    pub fn get(socket: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(socket, "GET", path)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.record.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.record.body = body.into();
        self
    }

    /// Gives up after this long; without it, at the deadline of the call.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.record.timeout_ns = crate::clock::nanos(timeout);
        self
    }

    /// Takes at most this many bytes of the body; `is_truncated` says whether there were more.
    #[must_use]
    pub fn max_body(mut self, bytes: u32) -> Self {
        self.record.max_body = bytes;
        self
    }

    /// Sends it and waits for the whole answer.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Unreachable`], [`Error::Timeout`], [`Error::Protocol`]. An HTTP status is no error.
    pub fn send(self) -> Result<Response, Error> {
        #[cfg(target_family = "wasm")]
        return unix_http::send(&self.record).map_err(crate::error::from_host);
        #[cfg(not(target_family = "wasm"))]
        return Err(Error::Unreachable(format!("cannot ask {}: sockets need a cepmon around the plugin", self.record.socket)));
    }
}
