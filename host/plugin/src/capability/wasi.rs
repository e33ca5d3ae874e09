//! WASI 0.2 for foreign components (wasm32-wasip2, componentize-py, jco): just enough for their standard libraries to start.
//! Standard output and error go to the plugin's log, clocks run, random is random; the environment is empty, there are no preopened
//! folders, and sockets and name look-ups are denied.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::abi::wit::log::Level;
use crate::capability::log::LogSink;
use crate::limits::{MAX_RANDOM_BYTES, MAX_RESOURCES};

/// Bytes of a line that is written in pieces; a longer one becomes several.
const MAX_LINE_BYTES: usize = 4 << 10;

/// What a foreign guest has of WASI.
pub(crate) struct Wasi {
    pub(crate) context: WasiCtx,
    pub(crate) table: ResourceTable,
    output: [Stream; 2],
}

impl Wasi {
    pub(crate) fn new(log: &LogSink) -> Self {
        let output = [Level::Info, Level::Error].map(|level| Stream { log: log.clone(), level, rest: Arc::default() });
        let mut wasi = WasiCtx::builder();
        wasi.stdout(output[0].clone())
            .stderr(output[1].clone())
            .max_random_size(MAX_RANDOM_BYTES)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .allow_blocking_current_thread(false);
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        Self { context: wasi.build(), table, output }
    }

    /// Ends the lines that a call left open.
    pub(crate) fn end_call(&self) {
        self.output.iter().for_each(Stream::end_line);
    }
}

/// Standard output or error. Libraries write a line in pieces; the log gets it whole, at its newline or at the end of the call.
#[derive(Debug, Clone)]
struct Stream {
    log: LogSink,
    level: Level,
    /// What came after the last newline.
    rest: Arc<Mutex<Vec<u8>>>,
}

impl Stream {
    fn log(&self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let length = {
                let mut rest = crate::lock_mutex(&self.rest);
                rest.extend_from_slice(piece);
                rest.len()
            };
            if piece.ends_with(b"\n") || length >= MAX_LINE_BYTES {
                self.end_line();
            }
        }
    }

    fn end_line(&self) {
        let line = std::mem::take(&mut *crate::lock_mutex(&self.rest));
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\n', '\r']);
        // Rust's hint below a panic's message would pass for the guest's last words.
        let is_hint = line.starts_with("note: run with `RUST_BACKTRACE=");
        if !line.is_empty() && !is_hint {
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
        Ok(MAX_LINE_BYTES)
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

    use super::*;
    use crate::testing::{self, MANIFEST, TestHost, Wat, module_with, target};
    use cepmon_model::FailureKind;

    use crate::{CallError, Grants, wrap};

    /// A component that imports functions of WASI beside the contract's world.
    fn foreign(imports: &str, body: &str) -> Vec<u8> {
        let mut resolve = wit_parser::Resolve::default();
        resolve.push_str("plugin.wit", include_str!("../../../../wit/plugin.wit")).unwrap();
        for (file, text) in [
            ("cli.wit", "package wasi:cli@0.2.0; interface environment { get-environment: func() -> list<tuple<string, string>>; }"),
            ("random.wit", "package wasi:random@0.2.0; interface random { get-random-u64: func() -> u64; }"),
            ("io.wit", "package wasi:io@0.2.0; interface poll { resource pollable { block: func(); } }"),
            (
                "clocks.wit",
                "package wasi:clocks@0.2.0; interface monotonic-clock {
                   use wasi:io/poll@0.2.0.{pollable}; now: func() -> u64; subscribe-duration: func(when: u64) -> pollable; }",
            ),
        ] {
            resolve.push_str(file, text).unwrap();
        }
        let world = "package test:test; world foreign { include cepmon:plugin/exporter@0.1.0; \
                     import wasi:cli/environment@0.2.0; import wasi:random/random@0.2.0; \
                     import wasi:io/poll@0.2.0; import wasi:clocks/monotonic-clock@0.2.0; }";
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

    const SUBSCRIBE: &str =
        r#"(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))"#;
    const HOUR_NS: &str = "(i64.const 3600000000000)";

    async fn fails(imports: &str, body: &str, timeout: Duration) -> CallError {
        let test = TestHost::new(&[("test", foreign(imports, body), Grants::default())]);
        let error = test.host.collect("test", &target(""), timeout).await.unwrap_err();
        assert_eq!(test.host.guest_memory_bytes(), 0, "memory is back");
        error
    }

    #[tokio::test]
    async fn a_foreign_guest_that_sleeps_ends_at_its_deadline() {
        let imports = format!(r#"{SUBSCRIBE} (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))"#);
        let error = fails(&imports, &format!("(call $block (call $subscribe {HOUR_NS})) i32.const 1024"), Duration::from_millis(300)).await;
        assert_eq!(error.kind, FailureKind::Deadline, "{error}");
    }

    #[tokio::test]
    async fn a_foreign_guest_that_asks_the_clock_for_ever_ends_by_its_cpu_budget() {
        let now = r#"(import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))"#;
        let error = fails(now, "(loop $again (drop (call $now)) (br $again)) unreachable", Duration::from_secs(20)).await;
        assert_eq!(error.kind, FailureKind::Cpu, "{error}");
    }

    #[tokio::test]
    async fn a_foreign_guest_that_lets_no_resource_go_is_ended() {
        let body = format!("(loop $again (drop (call $subscribe {HOUR_NS})) (br $again)) unreachable");
        let error = fails(SUBSCRIBE, &body, Duration::from_secs(20)).await;
        assert!(error.kind == FailureKind::Trap && error.message.contains("in a function of the host"), "{error}");
    }

    #[test]
    fn what_is_written_in_pieces_is_logged_in_lines() {
        let guest = testing::guest(&Grants::default(), "", true);
        let log = guest.state().log.clone();
        let wasi = Wasi::new(&log);
        let error = &wasi.output[1];
        error.log(b"Trace");
        assert_eq!(log.last_words(), None, "no line has ended");
        error.log(b"back\r\n\nValue");
        assert_eq!(log.last_words().unwrap(), "Traceback");
        error.log(b"Error: ");
        error.log(b"\xff");
        wasi.end_call();
        error.log(b"note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n");
        assert_eq!(log.last_words().unwrap(), "ValueError: \u{fffd}", "the message, not the hint below it");
        error.log(&[b'x'; MAX_LINE_BYTES]);
        assert_eq!(log.last_words().unwrap().len(), MAX_LINE_BYTES, "a line without an end does not grow for ever");
    }
}
