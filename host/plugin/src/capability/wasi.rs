//! WASI 0.2 for foreign components (wasm32-wasip2, componentize-py, jco): just enough for their standard libraries to start.
//! Standard output and error go to the plugin's log, clocks run, random is random; the environment is empty, there are no preopened
//! folders, and sockets and name look-ups are denied.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::abi::wit::log::Level;
use crate::capability::log::LogSink;
use crate::limits::MAX_RANDOM_BYTES;

/// The context of one guest.
pub(crate) fn context(log: &LogSink) -> WasiCtx {
    let mut wasi = WasiCtx::builder();
    wasi.stdout(Stream { log: log.clone(), level: Level::Info })
        .stderr(Stream { log: log.clone(), level: Level::Error })
        .max_random_size(MAX_RANDOM_BYTES)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .allow_blocking_current_thread(false);
    wasi.build()
}

/// Standard output or error. Each write is a line of the log: a guest that writes piecemeal gets pieces.
#[derive(Debug, Clone)]
struct Stream {
    log: LogSink,
    level: Level,
}

impl Stream {
    fn log(&self, bytes: &[u8]) {
        for line in String::from_utf8_lossy(bytes).lines().filter(|line| !line.is_empty()) {
            self.log.write(self.level, line);
        }
    }
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.log(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(4096)
    }
}

// The trait is made by async-trait; this is what it expands to, without the dependency.
impl Pollable for Stream {
    fn ready<'this, 'future>(&'this mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'future>>
    where
        'this: 'future,
    {
        Box::pin(std::future::ready(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.log(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
