//! A running cepmon: the real executable with a folder and a port of its own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

use crate::http::{self, Response};
use crate::{bundled_plugins, cepmon, closed_port, wait_for};

/// A dev build that compiles every plugin for the first time needs seconds, on a busy machine many.
const START_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// How much of the log a failing test prints.
const LOG_TAIL_LINES: usize = 60;

/// How to start a [`Host`]. Its folder holds `cepmon.yml` (if there is a configuration), `data/`, `plugins/` and `cepmon.log`.
#[derive(Debug)]
pub struct HostSettings {
    folder: TempDir,
    has_config: bool,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    ignores_file_size_signal: bool,
}

/// A cepmon that answers. Killed when dropped; when a test panics, the end of its log is printed.
#[derive(Debug)]
pub struct Host {
    settings: HostSettings,
    address: SocketAddr,
    child: Option<Child>,
}

/// A command of cepmon that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl HostSettings {
    /// The embedded default configuration, the first-party plugins, nothing stored.
    ///
    /// # Panics
    /// When there is no place for temporary files.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("cepmon-it-").tempdir().expect("cannot make a temporary folder");
        Self { folder, has_config: false, arguments: Vec::new(), environment: Vec::new(), ignores_file_size_signal: false }
    }

    /// The text of `cepmon.yml`.
    #[must_use]
    pub fn config(mut self, text: &str) -> Self {
        self.has_config = true;
        self.file("cepmon.yml", text)
    }

    /// One more file in the folder, for the configuration to name.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("BUG: a joined path has no parent")).expect("cannot make a folder");
        fs::write(&path, text).expect("cannot write a file of the test");
        self
    }

    /// One more argument of `cepmon serve`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// One more environment variable, such as a fault point.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// A file that may not grow gives an error and no signal, so that [`Host::limit_file_size`] looks like a full disk.
    #[must_use]
    pub fn ignoring_file_size_signal(mut self) -> Self {
        self.ignores_file_size_signal = true;
        self
    }

    /// Everything of this host: configuration, data, plugins, log.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command of cepmon to its end in the folder, without a terminal.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Finished {
        let output = Command::new(cepmon())
            .args(arguments)
            .current_dir(self.folder())
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .output()
            .expect("cannot start cepmon");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Finished { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Installs a component into the operator's folder and grants all that it asks for.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    pub fn plugin(self, component: &Path) -> Self {
        let path = component.to_str().expect("BUG: a path of the tests is no UTF-8");
        let installed = self.run(&["plugin", "install", path, "--plugins-dir", "plugins", "--yes", "--accept-capabilities"]);
        assert_eq!(installed.code, Some(0), "{}", installed.stderr);
        self
    }

    /// Starts cepmon and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or does not get ready.
    #[must_use]
    pub fn start(self) -> Host {
        let mut host = Host { settings: self, address: closed_port(), child: None };
        host.start_again();
        host
    }

    /// Starts a cepmon that is expected to refuse, and waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    #[must_use]
    pub fn refused(&self) -> Finished {
        let mut child = self.spawn(closed_port());
        let status = wait_for("cepmon to refuse", START_LIMIT, || exit_status(&mut child));
        Finished { code: status.code(), stdout: String::new(), stderr: self.log() }
    }

    fn spawn(&self, address: SocketAddr) -> Child {
        let log = File::options().create(true).append(true).open(self.log_path()).expect("cannot open the log");
        let mut command = if self.ignores_file_size_signal {
            // What is ignored stays ignored over exec, and the process keeps its number.
            let mut command = Command::new("env");
            command.arg("--ignore-signal=XFSZ").arg(cepmon());
            command
        } else {
            Command::new(cepmon())
        };
        command.arg("serve").args(["--data-dir", "data", "--plugins-dir", "plugins", "--listen", &address.to_string()]);
        command.arg("--bundled-plugins-dir").arg(bundled_plugins());
        // Compiled code is the same for all tests; without this each would compile the bundled plugins once more.
        command.arg("--cache-dir").arg(bundled_plugins().join("../test-cache"));
        if self.has_config {
            command.args(["--config", "cepmon.yml"]);
        }
        command
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("cannot open the log twice"))
            .stderr(log)
            .spawn()
            .expect("cannot start cepmon")
    }

    fn log_path(&self) -> PathBuf {
        self.folder().join("cepmon.log")
    }

    fn log(&self) -> String {
        fs::read(self.log_path()).map_or(String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Default for HostSettings {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host with this configuration.
    ///
    /// # Panics
    /// When it ends or does not get ready.
    #[must_use]
    pub fn with_config(text: &str) -> Self {
        HostSettings::new().config(text).start()
    }

    /// Starts it on its old folder and address after [`Host::kill`] or [`Host::stop`], and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or does not get ready.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "this host runs already");
        let address = self.address;
        let child = self.child.insert(self.settings.spawn(address));
        let settings = &self.settings;
        wait_for("cepmon to get ready", START_LIMIT, || {
            if let Some(status) = exit_status(child) {
                panic!("cepmon ended with {status} instead of getting ready:\n{}", settings.log());
            }
            http::get(address, "/-/ready").ok().filter(|response| response.status == 200)
        });
    }

    /// `kill -9`.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("this host does not run");
        child.kill().expect("cannot kill cepmon");
        child.wait().expect("cannot wait for cepmon");
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    ///
    /// # Panics
    /// When it does not run or does not stop.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for it to end by itself, as at a fault point.
    ///
    /// # Panics
    /// When it does not run or does not end.
    pub fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("this host does not run");
        wait_for("cepmon to end", STOP_LIMIT, || exit_status(&mut child))
    }

    /// # Panics
    /// When it does not run.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("cannot signal cepmon");
    }

    /// Everything of this host: configuration, data, plugins, log.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.settings.folder()
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Sets or unsets an environment variable for the next start.
    pub fn set_environment(&mut self, name: &str, value: Option<&str>) {
        let environment = &mut self.settings.environment;
        environment.retain(|(known, _)| known != name);
        environment.extend(value.map(|value| (name.into(), value.into())));
    }

    /// From now on no file can grow beyond so many bytes, as on a full disk; `None` lifts that. Needs
    /// [`HostSettings::ignoring_file_size_signal`].
    ///
    /// # Panics
    /// When the system refuses.
    pub fn limit_file_size(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(self.pid()), Resource::Fsize, limit).expect("cannot limit the file size of cepmon");
    }

    /// Overwrites a file of the folder, as an operator does before a reload.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write_file(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), text).expect("cannot write a file of the test");
    }

    /// What it has logged so far, over all its starts.
    #[must_use]
    pub fn log(&self) -> String {
        self.settings.log()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs a command of cepmon beside it, in its folder.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Finished {
        self.settings.run(arguments)
    }

    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn get(&self, path: &str) -> Response {
        http::get(self.address, path).unwrap_or_else(|error| panic!("cannot get {path:?}: {error}"))
    }

    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Response {
        http::post(self.address, path, content_type, body).unwrap_or_else(|error| panic!("cannot post to {path:?}: {error}"))
    }

    /// `POST /api/v1/admin/flush`: memory and log into Parquet.
    ///
    /// # Panics
    /// When it fails.
    pub fn flush(&self) {
        let response = self.post("/api/v1/admin/flush", "application/json", b"");
        assert_eq!(response.status, 200, "{}", response.text());
    }

    /// A metric of `/metrics` without labels; 0 if it is not there.
    ///
    /// # Panics
    /// When it is no number.
    #[must_use]
    pub fn own_metric(&self, name: &str) -> f64 {
        let page = self.get("/metrics").text();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a metric of cepmon is no number"))
    }

    /// Resident memory in bytes, from `/proc`.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        let status = fs::read_to_string(path).expect("cannot read the memory of cepmon");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("BUG: status has no VmRSS");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("BUG: VmRSS is no number");
        kibibytes * 1024
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("this host does not run"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("the end of the log of cepmon:\n{}", lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n"));
        }
    }
}

fn exit_status(child: &mut Child) -> Option<ExitStatus> {
    let status: io::Result<Option<ExitStatus>> = child.try_wait();
    status.expect("cannot wait for cepmon")
}
