//! Downloads over https: certificates verified against the system's roots and the operator's own, a bound on size and time, redirects
//! only to https. No proxies, no cache, no passwords.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::{StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::{Fetched, Source, max_plugin_bytes};
use crate::Error;
use crate::capability::network::tls::system_roots;

/// For the whole of a download, redirects included: 32 MiB at 1 Mbit/s.
const TIME: Duration = Duration::from_secs(300);
/// For connecting, and between two pieces of the body.
const PATIENCE: Duration = Duration::from_secs(20);
const MAX_REDIRECTS: usize = 5;
/// A signature has four lines.
const MAX_SIGNATURE_BYTES: usize = 4 << 10;

/// A plugin at a URL, and its signature at the same URL with `.minisig`.
#[derive(Debug)]
pub(super) struct Download {
    pub(super) client: Client,
    pub(super) url: Url,
    pub(super) looks_for_signature: bool,
}

impl Source for Download {
    fn fetch(&self) -> Result<Fetched, Error> {
        let bytes = self.client.get(&self.url, max_plugin_bytes())?;
        let signature = self.looks_for_signature.then(|| self.client.signature(&signature_url(&self.url))).transpose()?.flatten();
        Ok(Fetched { bytes: bytes.into(), source: self.url.to_string(), is_local: false, signature, promised: None })
    }
}

/// Where the signature of a file lies: the query, if any, stays.
pub(super) fn signature_url(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_path(&format!("{}.minisig", url.path()));
    url
}

/// What downloads.
#[derive(Clone)]
pub(super) struct Client {
    tls: Arc<ClientConfig>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// A client that trusts the system's roots (`SSL_CERT_FILE` names others) and those of a file.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, Error> {
        let mut roots = system_roots();
        if let Some(path) = ca_file {
            let pem = std::fs::read(path).map_err(Error::file("read certificates", path))?;
            let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>().unwrap_or_default();
            if roots.add_parsable_certificates(certificates).0 == 0 {
                let problem = std::io::Error::other("it holds no certificate in PEM");
                return Err(Error::file("read certificates", path)(problem));
            }
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().expect("BUG: ring offers neither TLS 1.2 nor 1.3");
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: Arc::new(config) })
    }

    /// A file of at most so many bytes.
    pub(super) fn get(&self, url: &Url, max_bytes: usize) -> Result<Vec<u8>, Error> {
        match self.get_if_there(url, max_bytes)? {
            Ok(bytes) => Ok(bytes),
            Err(status) => Err(Error::Fetch { origin: url.to_string(), problem: format!("the server answered {status}") }),
        }
    }

    /// A signature, if there is one.
    pub(super) fn signature(&self, url: &Url) -> Result<Option<String>, Error> {
        let malformed = || Error::Distrust { origin: url.to_string(), problem: "it is no text".to_owned() };
        match self.get_if_there(url, MAX_SIGNATURE_BYTES)? {
            Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| malformed()),
            // Anything else than "there is none" might be an attempt to make us do without.
            Err(StatusCode::NOT_FOUND | StatusCode::GONE) => Ok(None),
            Err(status) => Err(Error::Fetch { origin: url.to_string(), problem: format!("the server answered {status}") }),
        }
    }

    fn get_if_there(&self, url: &Url, max_bytes: usize) -> Result<Result<Vec<u8>, StatusCode>, Error> {
        let fail = |problem: String| Error::Fetch { origin: url.to_string(), problem };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| fail(error.to_string()))?;
        let answer = runtime.block_on(async { tokio::time::timeout(TIME, self.follow(url.clone(), max_bytes)).await });
        match answer {
            Ok(answer) => answer.map_err(fail),
            Err(_) => Err(fail(format!("it took longer than {} s", TIME.as_secs()))),
        }
    }

    async fn follow(&self, mut url: Url, max_bytes: usize) -> Result<Result<Vec<u8>, StatusCode>, String> {
        for _ in 0..=MAX_REDIRECTS {
            match self.ask(&url, max_bytes).await? {
                Answer::File(bytes) => return Ok(Ok(bytes)),
                Answer::Status(status) => return Ok(Err(status)),
                Answer::Elsewhere(location) => {
                    url = url.join(&location).map_err(|error| format!("it leads to \"{location}\", which is no URL: {error}"))?;
                    if url.scheme() != "https" {
                        return Err(format!("it leads to \"{url}\", and only https:// is followed"));
                    }
                }
            }
        }
        Err(format!("it leads on and on; {MAX_REDIRECTS} redirects are followed"))
    }

    async fn ask(&self, url: &Url, max_bytes: usize) -> Result<Answer, String> {
        let host = url.host_str().ok_or("the URL has no host")?;
        let bare_host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default().unwrap_or(443);
        let late = |_| format!("\"{host}\" did not answer for {} s", PATIENCE.as_secs());
        let connect = async {
            let stream =
                TcpStream::connect((bare_host, port)).await.map_err(|error| format!("cannot connect to \"{host}:{port}\": {error}"))?;
            let name = ServerName::try_from(bare_host.to_owned()).map_err(|_| format!("\"{host}\" is not a server name"))?;
            let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
            tls.map_err(|error| {
                format!("cannot make a TLS connection to \"{host}:{port}\": {error}; --ca-file adds an authority of your own")
            })
        };
        let stream = tokio::time::timeout(PATIENCE, connect).await.map_err(late)??;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // It ends with the sender; what went wrong reaches the sender.
        tokio::spawn(async move {
            connection.await.ok();
        });
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let request = hyper::Request::get(&url[url::Position::BeforePath..url::Position::AfterQuery])
            .header(header::HOST, authority)
            .header(header::USER_AGENT, concat!("cepmon/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|error| error.to_string())?;
        let response =
            tokio::time::timeout(PATIENCE, sender.send_request(request)).await.map_err(late)?.map_err(|error| error.to_string())?;
        let status = response.status();
        if status.is_redirection() {
            let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
            return location
                .map(|location| Answer::Elsewhere(location.to_owned()))
                .ok_or(format!("the server answered {status} without a place"));
        }
        if status != StatusCode::OK {
            return Ok(Answer::Status(status));
        }
        let too_large = || format!("it has more than {max_bytes} bytes, the limit");
        let mut body = response.into_body();
        let mut bytes = Vec::new();
        while let Some(frame) = tokio::time::timeout(PATIENCE, body.frame()).await.map_err(late)? {
            let Ok(piece) = frame.map_err(|error| format!("the answer was cut off: {error}"))?.into_data() else { continue };
            if bytes.len() + piece.len() > max_bytes {
                return Err(too_large());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Answer::File(bytes))
    }
}

enum Answer {
    File(Vec<u8>),
    Status(StatusCode),
    Elsewhere(String),
}
