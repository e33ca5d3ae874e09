//! TLS in front of the HTTP surface. The certificate is read at start; handshakes go on beside each other and none may take long.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::listen::{BoundedListener, WatchedStream};
use crate::config::TlsSection;

/// A client that has not finished its handshake by then is let go.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What rustls needs, from the section of the web configuration; the error is for people.
pub(crate) fn server_config(section: &TlsSection) -> Result<Arc<ServerConfig>, String> {
    let certificates = pem(section.cert.as_deref(), section.cert_file.as_deref(), "certificate", |bytes| {
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(bytes).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        if chain.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(chain) }
    })?;
    let key = pem(section.key.as_deref(), section.key_file.as_deref(), "key", |bytes| {
        PrivateKeyDer::from_pem_slice(bytes).map_err(|error| error.to_string())
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let is_only_13 = section.min_version.as_deref() == Some("TLS13");
    let is_only_12 = section.max_version.as_deref() == Some("TLS12");
    let versions: &[&rustls::SupportedProtocolVersion] = match (is_only_12, is_only_13) {
        (true, true) => return Err("min_version TLS13 is above max_version TLS12".to_owned()),
        (true, false) => &[&rustls::version::TLS12],
        (false, true) => &[&rustls::version::TLS13],
        (false, false) => rustls::DEFAULT_VERSIONS,
    };
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).map_err(|error| error.to_string())?;
    let builder = match section.client_auth_type.as_deref().unwrap_or_default() {
        "" | "NoClientCert" | "RequestClientCert" => builder.with_no_client_auth(),
        auth @ ("VerifyClientCertIfGiven" | "RequireAndVerifyClientCert") => {
            let authorities = pem(section.client_ca.as_deref(), section.client_ca_file.as_deref(), "client CA", |bytes| {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_slice_iter(bytes) {
                    roots.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
                }
                Ok(roots)
            })?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider);
            let verifier = if auth == "VerifyClientCertIfGiven" { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| error.to_string())?)
        }
        other => {
            return Err(format!("client_auth_type {other} asks for certificates that nobody verifies; use RequireAndVerifyClientCert"));
        }
    };
    if !section.client_allowed_sans.is_empty() {
        return Err("client_allowed_sans is not supported yet; choose clients by client_ca_file".to_owned());
    }
    let mut config =
        builder.with_single_cert(certificates, key).map_err(|error| format!("the certificate and its key do not fit: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn pem<T>(inline: Option<&str>, file: Option<&Path>, what: &str, read: impl FnOnce(&[u8]) -> Result<T, String>) -> Result<T, String> {
    if let Some(text) = inline {
        return read(text.as_bytes()).map_err(|error| format!("cannot read the {what}: {error}"));
    }
    let path = file.ok_or_else(|| format!("there is no {what}"))?;
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read the {what} \"{}\": {error}", path.display()))?;
    read(&bytes).map_err(|error| format!("cannot read the {what} \"{}\": {error}", path.display()))
}

type Handshake = BoxFuture<'static, Option<(TlsStream<WatchedStream>, SocketAddr)>>;

/// Accepts connections and hands them out when their handshake is done.
pub(crate) struct TlsListener {
    listener: BoundedListener,
    acceptor: TlsAcceptor,
    handshakes: FuturesUnordered<Handshake>,
}

impl TlsListener {
    pub(crate) fn new(listener: BoundedListener, config: Arc<ServerConfig>) -> Self {
        Self { listener, acceptor: TlsAcceptor::from(config), handshakes: FuturesUnordered::new() }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<WatchedStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                (stream, peer) = self.listener.accept() => {
                    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(stream));
                    self.handshakes.push(Box::pin(async move {
                        match handshake.await {
                            Ok(Ok(stream)) => Some((stream, peer)),
                            Ok(Err(error)) => {
                                tracing::debug!(%peer, %error, "TLS handshake failed");
                                None
                            }
                            Err(_) => None,
                        }
                    }));
                }
                Some(done) = self.handshakes.next() => {
                    if let Some(connection) = done {
                        return connection;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
