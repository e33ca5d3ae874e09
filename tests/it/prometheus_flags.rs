//! The server with the command line of Prometheus: switches, limits, retention, prefix, users and TLS.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use cepmon_tests::{PATIENCE, Shelf, bundled_plugins, cepmon, closed_port, http, wait_for};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// `alice`, `test`; a low cost, so that a dev build answers at once.
const USERS: &str = "basic_auth_users: {alice: \"$2b$04$PRqXP0QW6ltAQ7J5uLM.CejXa7W5aXGByZfmgFzBkUchNRA/Yls8i\"}\n";

struct Server {
    folder: tempfile::TempDir,
    child: Child,
    address: std::net::SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A folder with cepmon by the name `prometheus` and an empty configuration.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    symlink(cepmon(), folder.path().join("prometheus")).unwrap();
    fs::write(folder.path().join("prometheus.yml"), "global: {scrape_interval: 15s}\n").unwrap();
    folder
}

fn start(folder: tempfile::TempDir, arguments: &[&str]) -> Server {
    let address = closed_port();
    let child = Command::new(folder.path().join("prometheus"))
        .arg(format!("--web.listen-address={address}"))
        .args(arguments)
        .current_dir(folder.path())
        .env("CEPMON_BUNDLED_PLUGINS_DIR", bundled_plugins())
        .stderr(Stdio::from(fs::File::create(folder.path().join("log")).unwrap()))
        .spawn()
        .unwrap();
    Server { folder, child, address }
}

impl Server {
    /// The answer to a path, once the server answers at all.
    fn get(&self, path: &str) -> http::Response {
        wait_for("the server", PATIENCE, || http::get(self.address, path).ok())
    }

    fn wait_until_ready(&self, path: &str) {
        wait_for("the server to get ready", PATIENCE, || http::get(self.address, path).ok().filter(|answer| answer.status == 200));
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

#[test]
fn a_compose_file_can_keep_its_command() {
    let arguments = [
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=tsdb",
        "--storage.tsdb.retention.time=30d",
        "--storage.tsdb.retention.size=10GB",
        "--web.console.libraries=/usr/share/prometheus/console_libraries",
        "--query.max-samples",
        "100",
        "--no-storage.tsdb.wal-compression",
        "--enable-feature=exemplar-storage,promql-at-modifier",
        "--log.level=warn",
    ];
    let server = start(folder(), &arguments);
    server.wait_until_ready("/-/ready");
    assert!(server.folder.path().join("tsdb/MANIFEST").is_file());
    assert_eq!(server.get("/api/v1/status/runtimeinfo").json()["data"]["storageRetention"], "30d or 10GiB");
    let flags = server.get("/api/v1/status/flags").json();
    assert_eq!(flags["data"]["query.max-samples"], "100");
    assert_eq!(flags["data"]["enable-feature"], "exemplar-storage,promql-at-modifier");
    // What Prometheus only does when it is told to.
    let post = |path: &str| http::post(server.address, path, "text/plain", b"").unwrap().status;
    assert_eq!((post("/-/reload"), post("/api/v1/write"), post("/api/v1/admin/tsdb/snapshot")), (403, 404, 503));
    assert_eq!(server.get("/api/v1/query_range?query=time()&start=0&end=1000&step=1").status, 422);
    let log = server.log();
    assert!(log.contains("--web.console.libraries has no effect here") && !log.contains("INFO"), "{log}");
}

#[test]
fn switches_open_what_they_name() {
    let server = start(folder(), &["--web.enable-lifecycle", "--web.enable-admin-api", "--web.enable-remote-write-receiver"]);
    server.wait_until_ready("/-/ready");
    let post = |path: &str| http::post(server.address, path, "text/plain", b"").unwrap().status;
    assert_eq!((post("/-/reload"), post("/api/v1/write"), post("/api/v1/admin/tsdb/snapshot")), (200, 415, 200));
    assert_eq!(server.get("/api/v1/status/runtimeinfo").json()["data"]["storageRetention"], "15d");
}

#[test]
fn every_path_has_the_prefix_of_the_external_address() {
    let server = start(folder(), &["--web.external-url=https://mon.example/prom/"]);
    server.wait_until_ready("/prom/-/ready");
    assert_eq!(server.get("/-/ready").status, 404);
    let root = server.get("/");
    assert_eq!((root.status, root.header("location")), (303, Some("/prom/")));
    assert_eq!(server.get("/prom/api/v1/query?query=1%2B1").json()["data"]["result"][1], "2");
    // Every address that a page, a module or a style sheet names leads somewhere.
    let pages = ["graph", "query", "alerts", "rules", "targets", "service-discovery", "status", "tsdb-status", "config", "flags"];
    let mut waiting: Vec<String> = pages.iter().map(|page| (*page).to_owned()).chain([String::new()]).collect();
    let mut seen = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let answer = server.get(&format!("/prom/{path}"));
        // An API may want parameters or another method; it has to be there.
        let is_api = path.starts_with("api/");
        assert!(answer.status == 200 || (is_api && answer.status != 404), "{path}: {}", answer.status);
        if !is_api && path != "metrics" {
            waiting.extend(addresses(&answer.text()));
        }
    }
    assert!(seen.contains("ui/chart.js") && seen.contains("api/v1/targets"), "{seen:?}");
}

/// What a page, a script or a style sheet refers to, relative to the pages; modules name each other relative to themselves.
fn addresses(text: &str) -> Vec<String> {
    let marks = [("src=\"", ""), ("href=\"", ""), (" from \"./", "ui/"), ("\"api/", "api/")];
    let found = marks.iter().flat_map(|(mark, folder)| {
        let address = |rest: &str| rest.split(['"', '?', '#']).next().unwrap_or_default().to_owned();
        text.split(mark).skip(1).map(move |rest| format!("{folder}{}", address(rest)))
    });
    found.map(|address| address.trim_start_matches('.').to_owned()).collect()
}

#[test]
fn users_are_asked_for_their_password_on_every_path() {
    let folder = folder();
    fs::write(folder.path().join("web.yml"), format!("{USERS}http_server_config: {{headers: {{X-Frame-Options: deny}}}}\n")).unwrap();
    let server = start(folder, &["--web.config.file=web.yml"]);
    let refused = server.get("/-/healthy");
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Basic")));
    let ask = |credentials: &str| {
        let headers = [("Authorization", credentials)];
        http::send(server.address, http::Request { method: "GET", path: "/-/healthy", headers: &headers, body: b"" }).unwrap()
    };
    let (alice_wrong, bob) = ("Basic YWxpY2U6d3Jvbmc=", "Basic Ym9iOnRlc3Q=");
    assert_eq!((ask(alice_wrong).status, ask(bob).status, ask("Bearer YWxpY2U6dGVzdA==").status), (401, 401, 401));
    let allowed = ask("Basic YWxpY2U6dGVzdA==");
    assert_eq!((allowed.status, allowed.header("x-frame-options")), (200, Some("deny")));
}

#[test]
fn a_certificate_makes_it_https() {
    let certificates = Shelf::authority().parent().unwrap().to_path_buf();
    let folder = folder();
    let section = format!("{{cert_file: {0}/localhost.pem, key_file: {0}/localhost.key.pem, min_version: TLS12}}", certificates.display());
    fs::write(folder.path().join("web.yml"), format!("tls_server_config: {section}\n")).unwrap();
    let server = start(folder, &["--web.config.file=web.yml"]);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(Shelf::authority()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = wait_for("the server", PATIENCE, || TcpStream::connect(server.address).ok());
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut tls = StreamOwned::new(connection, tcp);
    tls.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    tls.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // A client that speaks no TLS holds nobody up, and gets nothing.
    assert!(http::get(server.address, "/-/healthy").is_err());
}

#[test]
fn what_cannot_be_done_is_said_at_once() {
    let folder = folder();
    fs::write(folder.path().join("web.yml"), "basic_auth_users: {bob: secret}\n").unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(folder.path().join("prometheus")).args(arguments).current_dir(folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let refused = |arguments: &[&str], want: &str| {
        let (code, stderr, _) = run(arguments);
        assert!(code == Some(2) && stderr.contains(want), "{arguments:?}: {code:?} {stderr}");
    };
    refused(&["--foo"], "unknown long flag '--foo'");
    refused(&["--web.config.file=web.yml"], "no bcrypt hash");
    refused(&["--enable-feature=agent"], "agent");
    refused(&["--config.file=none.yml"], "none.yml");
    refused(&["--log.level=loud"], "unrecognized log level loud");
    refused(&["--web.listen-address=0.0.0.0:0"], "web.insecure");
    let (code, _, stdout) = run(&["--version"]);
    assert!(code == Some(0) && stdout.starts_with("prometheus, version 2.48.0 ("), "{stdout}");
    assert!(run(&["--help"]).2.contains("--storage.tsdb.retention.time"));
}
