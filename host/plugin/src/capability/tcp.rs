//! `tcp`: byte streams to what was granted, plain, TLS, or turned into TLS on the way. It speaks no protocol.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use wasmtime::component::Resource;

use crate::abi::wit::tcp::{Connection, Host, HostConnection, Options, Phases};
use crate::abi::wit::types::{Error, TlsInfo, TlsOptions};
use crate::capability::network::connect::{Failure, connect};
use crate::capability::network::nanos;
use crate::capability::network::tls::{Protocol, TlsChoice, handshake};
use crate::grant::Capability;
use crate::guest::GuestState;

/// The most that one `read` gives.
const MAX_READ_BYTES: u32 = 1 << 20;

/// A connection that a guest holds.
#[derive(Debug)]
pub(crate) struct Stream {
    host: String,
    remote: SocketAddr,
    phases: Phases,
    transport: Transport,
    tls: Option<TlsInfo>,
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// An upgrade failed or was interrupted: what state the stream is in is unknown.
    Spent,
}

impl Host for GuestState {}

impl HostConnection for GuestState {
    async fn open(&mut self, host: String, port: u16, options: Options) -> Result<Resource<Connection>, Error> {
        self.sockets.check_room()?;
        let reach = self.reach(Capability::Tcp, &host, Some(port))?;
        let choice = options.tls.map(|tls| self.tls_choice(&host, &tls)).transpose()?;
        let deadline = self.request_deadline(options.timeout_ns);
        let connecting = async {
            let connected = connect(&host, port, options.family, reach, deadline).await?;
            let phases = Phases { resolve_ns: nanos(connected.resolve), connect_ns: nanos(connected.connect), tls_ns: 0 };
            let mut stream =
                Stream { host: host.clone(), remote: connected.remote, phases, transport: Transport::Plain(connected.stream), tls: None };
            if let Some(choice) = choice {
                stream.start_tls(&choice).await.map_err(Failure::Guest)?;
            }
            Ok(stream)
        };
        match tokio::time::timeout_at(deadline.into(), connecting).await {
            Ok(Ok(stream)) => Ok(Resource::new_own(self.sockets.add_stream(stream))),
            Ok(Err(failure)) => Err(self.failed(Capability::Tcp, failure)),
            Err(_) => Err(Error::Timeout),
        }
    }

    async fn remote(&mut self, connection: Resource<Connection>) -> String {
        self.sockets.stream(connection.rep()).map(|stream| stream.remote.to_string()).unwrap_or_default()
    }

    async fn phases(&mut self, connection: Resource<Connection>) -> Phases {
        let none = Phases { resolve_ns: 0, connect_ns: 0, tls_ns: 0 };
        self.sockets.stream(connection.rep()).map_or(none, |stream| stream.phases)
    }

    async fn tls(&mut self, connection: Resource<Connection>) -> Option<TlsInfo> {
        self.sockets.stream(connection.rep()).ok()?.tls.clone()
    }

    async fn read(&mut self, connection: Resource<Connection>, max: u32, timeout_ns: u64) -> Result<Vec<u8>, Error> {
        self.context.counters.count_host_call();
        let deadline = self.request_deadline(timeout_ns);
        let room = max.min(MAX_READ_BYTES) as usize;
        let mut bytes = vec![0; room];
        let stream = self.sockets.stream(connection.rep())?;
        let read = match &mut stream.transport {
            Transport::Plain(plain) => within(deadline, plain.read(&mut bytes)).await,
            Transport::Tls(tls) => within(deadline, tls.read(&mut bytes)).await,
            Transport::Spent => Err(spent()),
        };
        bytes.truncate(read.map_err(|error| named(error, "read from", stream))?);
        self.spend_network_bytes(bytes.len())?;
        self.context.counters.count_bytes_in(bytes.len() as u64);
        Ok(bytes)
    }

    async fn write(&mut self, connection: Resource<Connection>, bytes: Vec<u8>, timeout_ns: u64) -> Result<(), Error> {
        self.context.counters.count_host_call();
        self.spend_network_bytes(bytes.len())?;
        let deadline = self.request_deadline(timeout_ns);
        let stream = self.sockets.stream(connection.rep())?;
        let written = match &mut stream.transport {
            Transport::Plain(plain) => within(deadline, plain.write_all(&bytes)).await,
            Transport::Tls(tls) => {
                let flushed = async {
                    tls.write_all(&bytes).await?;
                    tls.flush().await
                };
                within(deadline, flushed).await
            }
            Transport::Spent => Err(spent()),
        };
        written.map_err(|error| named(error, "write to", stream))
    }

    async fn start_tls(&mut self, connection: Resource<Connection>, options: TlsOptions, timeout_ns: u64) -> Result<TlsInfo, Error> {
        self.context.counters.count_host_call();
        let deadline = self.request_deadline(timeout_ns);
        let host = self.sockets.stream(connection.rep())?.host.clone();
        let choice = self.tls_choice(&host, &options)?;
        let stream = self.sockets.stream(connection.rep())?;
        match tokio::time::timeout_at(deadline.into(), stream.start_tls(&choice)).await {
            Ok(started) => started,
            Err(_) => Err(Error::Timeout),
        }
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.sockets.close(connection.rep());
        Ok(())
    }
}

impl GuestState {
    fn tls_choice(&mut self, host: &str, options: &TlsOptions) -> Result<TlsChoice, Error> {
        if !options.verify {
            let is_granted = self.context.access.tcp.insecure;
            self.may_skip_verification(Capability::Tcp, is_granted)?;
        }
        TlsChoice::new(host, Some(options), Protocol::Bytes).map_err(Error::Config)
    }
}

impl Stream {
    async fn start_tls(&mut self, choice: &TlsChoice) -> Result<TlsInfo, Error> {
        let plain = match std::mem::replace(&mut self.transport, Transport::Spent) {
            Transport::Plain(plain) => plain,
            other => {
                self.transport = other;
                return Err(Error::Other(format!("cannot start TLS with \"{}\": the stream is not plain", self.host)));
            }
        };
        let began = Instant::now();
        let (stream, info) = handshake(plain, choice)
            .await
            .map_err(|problem| Error::Unreachable(format!("cannot make a TLS connection to \"{}\": {problem}", self.host)))?;
        self.phases.tls_ns = nanos(began.elapsed());
        self.transport = Transport::Tls(Box::new(stream));
        self.tls = Some(info.clone());
        Ok(info)
    }
}

async fn within<T>(deadline: Instant, work: impl Future<Output = std::io::Result<T>>) -> std::io::Result<T> {
    tokio::time::timeout_at(deadline.into(), work).await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
}

fn spent() -> std::io::Error {
    std::io::Error::other("its TLS handshake failed")
}

fn named(error: std::io::Error, verb: &str, stream: &Stream) -> Error {
    match error.kind() {
        std::io::ErrorKind::TimedOut => Error::Timeout,
        _ => Error::Unreachable(format!("cannot {verb} \"{}\" ({}): {error}", stream.host, stream.remote)),
    }
}

#[cfg(test)]
mod tests;
