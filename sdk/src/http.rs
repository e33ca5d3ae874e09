//! HTTP/1.1 requests that the host makes: it resolves, checks against the grant, connects, verifies certificates and times
//! each phase. Proxies from the environment are ignored.

use std::time::Duration;

use crate::Error;
use crate::bindings::http;

pub use crate::bindings::http::{Phases, Response};
pub use crate::bindings::types::{Certificate, IpFamily, TlsInfo, TlsOptions};

/// The bound of a body when the request sets none: 16 MiB.
pub const DEFAULT_MAX_BODY: u32 = 16 << 20;

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    record: http::Request,
}

impl Request {
    /// A request without headers or body that follows no redirect, undoes gzip and takes at most [`DEFAULT_MAX_BODY`].
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            record: http::Request {
                method: method.into(),
                url: url.into(),
                headers: Vec::new(),
                body: Vec::new(),
                family: IpFamily::Any,
                timeout_ns: 0,
                max_redirects: 0,
                max_body: DEFAULT_MAX_BODY,
                decompress: true,
                tls: None,
            },
        }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.record.headers.push((name.into(), value.into()));
        self
    }

    /// Adds HTTP basic authentication.
    #[must_use]
    pub fn basic(self, username: &str, password: &str) -> Self {
        self.header("Authorization", format!("Basic {}", base64(format!("{username}:{password}").as_bytes())))
    }

    /// Adds a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
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

    /// Uses only addresses of this family.
    #[must_use]
    pub fn family(mut self, family: IpFamily) -> Self {
        self.record.family = family;
        self
    }

    /// Follows up to this many redirects; the host checks each against the grant.
    #[must_use]
    pub fn max_redirects(mut self, count: u8) -> Self {
        self.record.max_redirects = count;
        self
    }

    /// Takes at most this many bytes of the body after decompression; `is_truncated` says whether there were more.
    #[must_use]
    pub fn max_body(mut self, bytes: u32) -> Self {
        self.record.max_body = bytes;
        self
    }

    /// Whether to ask for gzip and undo it.
    #[must_use]
    pub fn decompress(mut self, is_wanted: bool) -> Self {
        self.record.decompress = is_wanted;
        self
    }

    /// How to verify the other side. Switching it off needs the grant `insecure`.
    #[must_use]
    pub fn tls(mut self, options: TlsOptions) -> Self {
        self.record.tls = Some(options);
        self
    }

    /// Sends it and waits for the whole answer.
    ///
    /// # Errors
    /// [`Error::Denied`] for a host that is not granted, [`Error::Unreachable`], [`Error::Timeout`], [`Error::Protocol`]. An HTTP
    /// status is no error.
    pub fn send(self) -> Result<Response, Error> {
        #[cfg(target_family = "wasm")]
        return http::send(&self.record).map_err(crate::error::from_host);
        #[cfg(not(target_family = "wasm"))]
        return Err(Error::Unreachable(format!("cannot ask {}: HTTP needs a cepmon around the plugin", self.record.url)));
    }
}

impl Response {
    /// The first header of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for position in 0..4 {
            if position <= chunk.len() {
                out.push(char::from(ALPHABET[(bits >> (18 - 6 * position)) as usize & 63]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_as_rfc_4648() {
        let f = |text: &str, want: &str| assert_eq!(base64(text.as_bytes()), want);
        f("", "");
        f("f", "Zg==");
        f("fo", "Zm8=");
        f("foo", "Zm9v");
        f("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
