//! The programs that cepmon is compared with, running. Which ones there are, `compared_program` knows.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::{closed_port, compared_program};

/// A process that is killed when it is dropped. What it says on standard error is lost.
#[derive(Debug)]
pub struct Peer(Child);

impl Peer {
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        Self(command.stderr(Stdio::null()).spawn().expect("cannot start a program to compare with"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A Prometheus with its data in `prometheus-data` of a folder.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    _process: Peer,
}

impl Prometheus {
    /// Starts it with this `prometheus.yml`; it answers a little later. `None` as in [`compared_program`].
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn start(folder: &Path, config: &str) -> Option<Self> {
        let program = compared_program("prometheus")?;
        fs::write(folder.join("prometheus.yml"), config).expect("cannot write a file of the test");
        let address = closed_port();
        let listen = format!("--web.listen-address={address}");
        let arguments =
            ["--config.file=prometheus.yml", "--storage.tsdb.path=prometheus-data", "--enable-feature=exemplar-storage", &listen];
        Some(Self { address, _process: Peer::start(Command::new(program).args(arguments).current_dir(folder)) })
    }

    /// Where it answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
