//! Byte streams over TCP: plain, TLS, or plain first and TLS where the protocol says so. The host resolves, checks against the grant and
//! connects. A [`Connection`] is `std::io::Read` and `Write`; it ends when it is dropped, and with the call at the latest.

use std::io;
use std::time::Duration;

use crate::Error;
use crate::bindings::tcp;
use crate::error::from_host;

pub use crate::bindings::tcp::Phases;
pub use crate::bindings::types::{Certificate, IpFamily, TlsInfo, TlsOptions};

/// How to connect.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Uses only addresses of this family; none = all, in the system's order.
    pub family: Option<IpFamily>,
    /// TLS from the first byte.
    pub tls: Option<TlsOptions>,
    /// Gives up after this long; none = at the deadline of the call.
    pub timeout: Option<Duration>,
}

/// An open stream.
#[derive(Debug)]
pub struct Connection {
    handle: tcp::Connection,
    /// How long one read or write may take; none = until the deadline of the call.
    pub timeout: Option<Duration>,
}

impl Connection {
    /// Connects to a host and port that were granted.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Unreachable`], [`Error::Timeout`].
    pub fn open(host: &str, port: u16, options: Options) -> Result<Self, Error> {
        #[cfg(target_family = "wasm")]
        {
            let record = tcp::Options {
                family: options.family.unwrap_or(IpFamily::Any),
                tls: options.tls,
                timeout_ns: options.timeout.map_or(0, crate::clock::nanos),
            };
            let handle = tcp::Connection::open(host, port, &record).map_err(from_host)?;
            Ok(Self { handle, timeout: None })
        }
        #[cfg(not(target_family = "wasm"))]
        {
            drop(options);
            Err(Error::Unreachable(format!("cannot connect to {host}:{port}: TCP needs a cepmon around the plugin")))
        }
    }

    /// Address and port of the other side.
    #[must_use]
    pub fn remote(&self) -> String {
        self.handle.remote()
    }

    /// How long resolving, connecting and the TLS handshake took.
    #[must_use]
    pub fn phases(&self) -> Phases {
        self.handle.phases()
    }

    /// What TLS negotiated; none while the stream is plain.
    #[must_use]
    pub fn tls(&self) -> Option<TlsInfo> {
        self.handle.tls()
    }

    /// What has arrived, at most `max` bytes (and 1 MiB); empty = the other side has closed.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Unreachable`] when the stream broke.
    pub fn receive(&mut self, max: u32) -> Result<Vec<u8>, Error> {
        self.handle.read(max, self.timeout_ns()).map_err(from_host)
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// As [`Connection::receive`].
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.handle.write(bytes, self.timeout_ns()).map_err(from_host)
    }

    /// Turns the plain stream into TLS. After an error the stream is of no use.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when the handshake fails, [`Error::Denied`] for `verify: false` without the grant `tcp:insecure`.
    pub fn start_tls(&mut self, options: &TlsOptions) -> Result<TlsInfo, Error> {
        self.handle.start_tls(options, self.timeout_ns()).map_err(from_host)
    }

    fn timeout_ns(&self) -> u64 {
        self.timeout.map_or(0, crate::clock::nanos)
    }
}

impl io::Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.receive(u32::try_from(buffer.len()).unwrap_or(u32::MAX)).map_err(to_io)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl io::Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes).map_err(to_io)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn to_io(error: Error) -> io::Error {
    let kind = match error {
        Error::Timeout => io::ErrorKind::TimedOut,
        Error::Denied(_) => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error.to_string())
}
