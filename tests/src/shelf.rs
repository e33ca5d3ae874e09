//! An HTTPS server of files on loopback, with a certificate of an authority that no system trusts: where plugins are downloaded from.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// For a whole exchange with somebody who does not speak.
const TIMEOUT: Duration = Duration::from_secs(20);
const MAX_HEAD_BYTES: usize = 16 << 10;

/// What lies at a path.
#[derive(Clone)]
enum Item {
    File(Vec<u8>),
    Redirect(String),
    /// So many zeros.
    Zeros(usize),
    /// Half of what it announces.
    Torn(Vec<u8>),
}

/// An HTTPS server at `https://localhost:PORT/`. Gone when dropped.
pub struct Shelf {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    items: Mutex<BTreeMap<String, Item>>,
    is_gone: AtomicBool,
}

impl Shelf {
    /// An empty one.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("cannot listen on loopback");
        let address = listener.local_addr().expect("BUG: a listener has no address");
        let shared = Arc::new(Shared { items: Mutex::default(), is_gone: AtomicBool::new(false) });
        let (for_thread, config) = (Arc::clone(&shared), Arc::new(config()));
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if for_thread.is_gone.load(Ordering::Relaxed) {
                    return;
                }
                let (shared, config) = (Arc::clone(&for_thread), Arc::clone(&config));
                // A client that hangs up early is the client's business.
                thread::spawn(move || drop(serve(stream, config, &shared)));
            }
        });
        Self { address, shared }
    }

    /// Puts a file at a path that begins with `/`, and gives its URL.
    pub fn put(&self, path: &str, bytes: &[u8]) -> String {
        self.set(path, Item::File(bytes.to_vec()))
    }

    /// Sends whoever asks for the path elsewhere.
    pub fn redirect(&self, path: &str, to: &str) -> String {
        self.set(path, Item::Redirect(to.to_owned()))
    }

    /// A file of so many zeros.
    pub fn zeros(&self, path: &str, count: usize) -> String {
        self.set(path, Item::Zeros(count))
    }

    /// A file whose second half never comes.
    pub fn torn(&self, path: &str, bytes: &[u8]) -> String {
        self.set(path, Item::Torn(bytes.to_vec()))
    }

    /// The authority that answers for its certificate, as `--ca-file` takes it.
    #[must_use]
    pub fn authority() -> PathBuf {
        certificates().join("authority.pem")
    }

    fn set(&self, path: &str, item: Item) -> String {
        self.shared.items.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), item);
        format!("https://localhost:{}{path}", self.address.port())
    }
}

impl Debug for Shelf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.shared.is_gone.store(true, Ordering::Relaxed);
        // Wakes the thread up.
        drop(TcpStream::connect(self.address));
    }
}

/// Certificates that the tests of the plugin host use as well; they hold until the year 4096.
fn certificates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/plugin/src/capability/http/tests")
}

fn config() -> ServerConfig {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificates().join("localhost.pem"))
        .expect("cannot read the certificate")
        .collect::<Result<_, _>>()
        .expect("the certificate is not PEM");
    let key = PrivateKeyDer::from_pem_file(certificates().join("localhost.key.pem")).expect("cannot read the key");
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("BUG: ring offers neither TLS 1.2 nor 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("the certificate and its key do not fit")
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut stream = StreamOwned::new(ServerConnection::new(config).map_err(io::Error::other)?, stream);
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD_BYTES && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let item = shared.items.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
    match item {
        None => write!(stream, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?,
        Some(Item::Redirect(to)) => {
            write!(stream, "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?
        }
        Some(Item::File(bytes)) => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len())?;
            stream.write_all(&bytes)?;
        }
        Some(Item::Torn(bytes)) => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len())?;
            stream.write_all(&bytes[..bytes.len() / 2])?;
        }
        Some(Item::Zeros(count)) => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            let zeros = [0; 64 << 10];
            for _ in 0..count.div_ceil(zeros.len()) {
                stream.write_all(&zeros)?;
            }
        }
    }
    stream.conn.send_close_notify();
    stream.flush()
}
