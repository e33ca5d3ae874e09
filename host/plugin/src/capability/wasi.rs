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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::testing::{MANIFEST, TestHost, Wat, module_with, target};
    use crate::{Grants, wrap};

    /// A component that imports functions of WASI beside the contract's world.
    fn foreign(imports: &str, body: &str) -> Vec<u8> {
        let mut resolve = wit_parser::Resolve::default();
        resolve.push_str("plugin.wit", include_str!("../../../../wit/plugin.wit")).unwrap();
        let cli = "package wasi:cli@0.2.0; interface environment { get-environment: func() -> list<tuple<string, string>>; }";
        resolve.push_str("cli.wit", cli).unwrap();
        resolve.push_str("random.wit", "package wasi:random@0.2.0; interface random { get-random-u64: func() -> u64; }").unwrap();
        let world = "package test:test; world foreign { include cepmon:plugin/exporter@0.1.0; \
                     import wasi:cli/environment@0.2.0; import wasi:random/random@0.2.0; }";
        let package = resolve.push_str("test.wit", world).unwrap();
        let module = module_with(MANIFEST, Wat { imports, body }, &resolve, package, Some("foreign"));
        wrap(&module, MANIFEST, std::path::Path::new("test.wasm")).unwrap()
    }

    #[tokio::test]
    async fn a_foreign_component_runs_and_finds_an_empty_environment() {
        // The environment's list becomes the batch's text: its length is the number of variables.
        let environment = r#"(import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))
                             (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))"#;
        let body = "(if (i64.eqz (call $random)) (then unreachable)) (call $environment (i32.const 1028)) i32.const 1024";
        let test = TestHost::new(&[("test", foreign(environment, body), Grants::default())]);
        let status = &test.host.plugins()[0];
        assert_eq!(status.imports, ["cepmon:plugin/types", "wasi:cli/environment", "wasi:random/random"]);
        let batch = test.host.collect("test", &target(""), Duration::from_secs(20)).await.unwrap();
        assert!(std::env::vars().next().is_some() && batch.text.is_empty());
    }
}
