//! The tap: each host function once more, so that its arguments and its answer pass by the tape. This is all that the linker gives to
//! guests; `log` alone goes past it, for what a guest says is no answer of the host.
//!
//! A new host function costs two lines here: its signature and `taped!` with name, arguments and the call.

use wasmtime::component::{HasData, Resource};

use crate::abi::wit::types::{Error, IpFamily, TlsInfo, TlsOptions};
use crate::abi::wit::{clock, config, dns, files, http, icmp, log, secrets, state, statfs, tcp, types, udp, unix_http};
use crate::guest::GuestState;
use crate::tape::{Blank, Next};

/// What the linker is given: host functions of this store.
#[derive(Debug)]
pub(crate) struct Tapped;

impl HasData for Tapped {
    type Data<'a> = Tap<'a>;
}

/// A guest's state while a host function runs.
pub(crate) struct Tap<'a>(&'a mut GuestState);

/// For the linker.
pub(crate) fn tap(state: &mut GuestState) -> Tap<'_> {
    Tap(state)
}

/// A host call over the tape. Arguments are a tuple of copies, made only when somebody listens.
macro_rules! taped {
    ($tap:ident, $name:literal, $arguments:expr, $ask:expr) => {
        match $tap.0.call.tape.begin($name, || $arguments) {
            Next::Ask => {
                let answer = $ask;
                $tap.0.call.tape.answered(&answer);
                answer
            }
            Next::Answer(answer) => answer,
            Next::Never => std::future::pending().await,
        }
    };
}

/// The same for a function that the host answers at once: no recording can hold one without an answer but by hand.
macro_rules! taped_at_once {
    ($tap:ident, $name:literal, $arguments:expr, $ask:expr) => {
        match $tap.0.call.tape.begin($name, || $arguments) {
            Next::Ask => {
                let answer = $ask;
                $tap.0.call.tape.answered(&answer);
                answer
            }
            Next::Answer(answer) => answer,
            Next::Never => Blank::blank("the recording has no answer"),
        }
    };
}

impl types::Host for Tap<'_> {}

impl log::Host for Tap<'_> {
    fn write(&mut self, level: log::Level, message: String) {
        log::Host::write(self.0, level, message);
    }
}

impl config::Host for Tap<'_> {
    fn host_name(&mut self) -> String {
        taped_at_once!(self, "config.host-name", (), config::Host::host_name(self.0))
    }

    fn external_labels(&mut self) -> Vec<(String, String)> {
        taped_at_once!(self, "config.external-labels", (), config::Host::external_labels(self.0))
    }
}

impl clock::Host for Tap<'_> {
    fn now_ns(&mut self) -> u64 {
        taped_at_once!(self, "clock.now-ns", (), clock::Host::now_ns(self.0))
    }

    fn monotonic_ns(&mut self) -> u64 {
        taped_at_once!(self, "clock.monotonic-ns", (), clock::Host::monotonic_ns(self.0))
    }
}

impl files::Host for Tap<'_> {
    async fn read(&mut self, path: String) -> Result<Vec<u8>, Error> {
        taped!(self, "files.read", (path.clone(),), files::Host::read(self.0, path).await)
    }

    async fn read_dir(&mut self, path: String) -> Result<Vec<files::Entry>, Error> {
        taped!(self, "files.read-dir", (path.clone(),), files::Host::read_dir(self.0, path).await)
    }

    async fn read_link(&mut self, path: String) -> Result<String, Error> {
        taped!(self, "files.read-link", (path.clone(),), files::Host::read_link(self.0, path).await)
    }
}

impl statfs::Host for Tap<'_> {
    async fn statfs(&mut self, path: String) -> Result<statfs::Usage, Error> {
        taped!(self, "statfs.statfs", (path.clone(),), statfs::Host::statfs(self.0, path).await)
    }
}

impl http::Host for Tap<'_> {
    async fn send(&mut self, request: http::Request) -> Result<http::Response, Error> {
        taped!(self, "http.send", (request.clone(),), http::Host::send(self.0, request).await)
    }
}

impl unix_http::Host for Tap<'_> {
    async fn send(&mut self, request: unix_http::Request) -> Result<unix_http::Response, Error> {
        taped!(self, "unix-http.send", (request.clone(),), unix_http::Host::send(self.0, request).await)
    }
}

impl dns::Host for Tap<'_> {
    async fn query(&mut self, question: dns::Question) -> Result<dns::Answer, Error> {
        taped!(self, "dns.query", (question.clone(),), dns::Host::query(self.0, question).await)
    }

    async fn resolve(&mut self, name: String, family: IpFamily) -> Result<Vec<String>, Error> {
        taped!(self, "dns.resolve", (name.clone(), family), dns::Host::resolve(self.0, name, family).await)
    }
}

impl icmp::Host for Tap<'_> {
    async fn ping(&mut self, echo: icmp::Echo) -> Result<icmp::Reply, Error> {
        taped!(self, "icmp.ping", (echo.clone(),), icmp::Host::ping(self.0, echo).await)
    }
}

impl state::Host for Tap<'_> {
    async fn get(&mut self, key: String) -> Result<Option<Vec<u8>>, Error> {
        taped!(self, "state.get", (key.clone(),), state::Host::get(self.0, key).await)
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Result<(), Error> {
        taped!(self, "state.set", (key.clone(), value.clone()), state::Host::set(self.0, key, value).await)
    }

    async fn delete(&mut self, key: String) -> Result<(), Error> {
        taped!(self, "state.delete", (key.clone(),), state::Host::delete(self.0, key).await)
    }

    async fn keys(&mut self, prefix: String) -> Result<Vec<String>, Error> {
        taped!(self, "state.keys", (prefix.clone(),), state::Host::keys(self.0, prefix).await)
    }
}

impl secrets::Host for Tap<'_> {
    fn get(&mut self, name: String) -> Result<String, Error> {
        taped_at_once!(self, "secrets.get", (name.clone(),), secrets::Host::get(self.0, name))
    }
}

// Handles stand on the tape as the host's own numbers; a replay hands out the same numbers, with nothing behind them.

impl udp::Host for Tap<'_> {}

impl udp::HostSocket for Tap<'_> {
    async fn open(&mut self, host: String, port: u16, family: IpFamily) -> Result<Resource<udp::Socket>, Error> {
        let opened = taped!(
            self,
            "udp.open",
            (host.clone(), port, family),
            udp::HostSocket::open(self.0, host, port, family).await.map(|socket| socket.rep())
        );
        opened.map(Resource::new_own)
    }

    async fn remote(&mut self, socket: Resource<udp::Socket>) -> String {
        taped!(self, "udp.remote", (socket.rep(),), udp::HostSocket::remote(self.0, socket).await)
    }

    async fn send(&mut self, socket: Resource<udp::Socket>, bytes: Vec<u8>) -> Result<(), Error> {
        taped!(self, "udp.send", (socket.rep(), bytes.clone()), udp::HostSocket::send(self.0, socket, bytes).await)
    }

    async fn receive(&mut self, socket: Resource<udp::Socket>, timeout_ns: u64) -> Result<Vec<u8>, Error> {
        taped!(self, "udp.receive", (socket.rep(), timeout_ns), udp::HostSocket::receive(self.0, socket, timeout_ns).await)
    }

    async fn drop(&mut self, socket: Resource<udp::Socket>) -> wasmtime::Result<()> {
        udp::HostSocket::drop(self.0, socket).await
    }
}

impl tcp::Host for Tap<'_> {}

impl tcp::HostConnection for Tap<'_> {
    async fn open(&mut self, host: String, port: u16, options: tcp::Options) -> Result<Resource<tcp::Connection>, Error> {
        let opened = taped!(
            self,
            "tcp.open",
            (host.clone(), port, options.clone()),
            tcp::HostConnection::open(self.0, host, port, options).await.map(|connection| connection.rep())
        );
        opened.map(Resource::new_own)
    }

    async fn remote(&mut self, connection: Resource<tcp::Connection>) -> String {
        taped!(self, "tcp.remote", (connection.rep(),), tcp::HostConnection::remote(self.0, connection).await)
    }

    async fn phases(&mut self, connection: Resource<tcp::Connection>) -> tcp::Phases {
        taped!(self, "tcp.phases", (connection.rep(),), tcp::HostConnection::phases(self.0, connection).await)
    }

    async fn tls(&mut self, connection: Resource<tcp::Connection>) -> Option<TlsInfo> {
        taped!(self, "tcp.tls", (connection.rep(),), tcp::HostConnection::tls(self.0, connection).await)
    }

    async fn read(&mut self, connection: Resource<tcp::Connection>, max: u32, timeout_ns: u64) -> Result<Vec<u8>, Error> {
        let arguments = (connection.rep(), max, timeout_ns);
        taped!(self, "tcp.read", arguments, tcp::HostConnection::read(self.0, connection, max, timeout_ns).await)
    }

    async fn write(&mut self, connection: Resource<tcp::Connection>, bytes: Vec<u8>, timeout_ns: u64) -> Result<(), Error> {
        taped!(
            self,
            "tcp.write",
            (connection.rep(), bytes.clone(), timeout_ns),
            tcp::HostConnection::write(self.0, connection, bytes, timeout_ns).await
        )
    }

    async fn start_tls(&mut self, connection: Resource<tcp::Connection>, options: TlsOptions, timeout_ns: u64) -> Result<TlsInfo, Error> {
        taped!(
            self,
            "tcp.start-tls",
            (connection.rep(), options.clone(), timeout_ns),
            tcp::HostConnection::start_tls(self.0, connection, options, timeout_ns).await
        )
    }

    async fn drop(&mut self, connection: Resource<tcp::Connection>) -> wasmtime::Result<()> {
        tcp::HostConnection::drop(self.0, connection).await
    }
}
