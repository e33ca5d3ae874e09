//! TLS of the network interfaces: rustls with ring, the system's roots (Mozilla's where there are none), and the facts of the
//! certificates that the other side showed.

use std::sync::{Arc, OnceLock};

use rustls::client::WantsClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::Digest as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::abi::wit::types::{Certificate, TlsInfo, TlsOptions};

/// How a connection is verified, and what it shows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TlsChoice {
    server_name: String,
    pub(crate) verify: bool,
    pub(crate) ca_pem: Option<Vec<u8>>,
    pub(crate) identity: Option<(Vec<u8>, Vec<u8>)>,
    protocol: Protocol,
    pub(crate) only_tls12: bool,
    pub(crate) only_tls13: bool,
}

/// What is spoken inside, as ALPN names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    /// `http/1.1`
    Http,
    /// No ALPN: bytes.
    Bytes,
}

impl TlsChoice {
    /// What the guest wants for a connection to `host`. An error if it gives only half of an identity.
    pub(crate) fn new(host: &str, options: Option<&TlsOptions>, protocol: Protocol) -> Result<Self, String> {
        let Some(options) = options else { return Ok(Self::plain(host, protocol)) };
        let identity = match (&options.certificate_pem, &options.key_pem) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => return Err("a client certificate needs both certificate-pem and key-pem".to_owned()),
        };
        Ok(Self {
            server_name: options.server_name.clone().unwrap_or_else(|| host.to_owned()),
            verify: options.verify,
            ca_pem: options.ca_pem.clone(),
            identity,
            ..Self::plain(host, protocol)
        })
    }

    /// Verified against what this machine trusts.
    pub(crate) fn plain(host: &str, protocol: Protocol) -> Self {
        let server_name = host.to_owned();
        Self { server_name, verify: true, ca_pem: None, identity: None, protocol, only_tls12: false, only_tls13: false }
    }

    /// Those without files of their own are made once.
    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        static PLAIN: [[OnceLock<Arc<ClientConfig>>; 2]; 2] = [const { [const { OnceLock::new() }; 2] }; 2];
        if self.ca_pem.is_some() || self.identity.is_some() || self.only_tls12 || self.only_tls13 {
            return self.make_config().map(Arc::new);
        }
        let slot = &PLAIN[usize::from(self.verify)][usize::from(self.protocol == Protocol::Http)];
        if let Some(config) = slot.get() {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.make_config()?);
        Ok(Arc::clone(slot.get_or_init(|| config)))
    }

    fn make_config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(ring::default_provider());
        let versions = match (self.only_tls12, self.only_tls13) {
            (true, _) => &[&rustls::version::TLS12][..],
            (_, true) => &[&rustls::version::TLS13],
            _ => rustls::DEFAULT_VERSIONS,
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions);
        let builder = builder.expect("BUG: ring offers neither TLS 1.2 nor 1.3");
        let builder = match (self.verify, &self.ca_pem) {
            (false, _) => builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustEverybody(provider))),
            (true, None) => builder.with_root_certificates(system_roots()),
            (true, Some(pem)) => builder.with_root_certificates(roots_of(pem)?),
        };
        let mut config = self.with_identity(builder)?;
        if self.protocol == Protocol::Http {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        Ok(config)
    }

    fn with_identity(&self, builder: ConfigBuilder<ClientConfig, WantsClientCert>) -> Result<ClientConfig, String> {
        let Some((certificate, key)) = &self.identity else { return Ok(builder.with_no_client_auth()) };
        let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| format!("the client certificate is not PEM: {error}"))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the client key is not PEM: {error}"))?;
        builder.with_client_auth_cert(chain, key).map_err(|error| format!("the client certificate and key cannot be used: {error}"))
    }
}

/// Makes a TLS connection and reads the other side's certificates.
pub(crate) async fn handshake(stream: TcpStream, choice: &TlsChoice) -> Result<(TlsStream<TcpStream>, TlsInfo), String> {
    let config = choice.config()?;
    let name = ServerName::try_from(choice.server_name.clone()).map_err(|_| format!("\"{}\" is not a server name", choice.server_name))?;
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|error| error.to_string())?;
    let session = stream.get_ref().1;
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "unknown",
    };
    let cipher = session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())).unwrap_or_default();
    let chain = session.peer_certificates().unwrap_or_default().iter().filter_map(certificate).collect();
    Ok((stream, TlsInfo { version: version.to_owned(), cipher, chain }))
}

fn certificate(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let names = parsed.subject_alternative_name().ok().flatten();
    let dns_names = names.map(|names| {
        let names = names.value.general_names.iter();
        names.filter_map(|name| if let GeneralName::DNSName(name) = name { Some((*name).to_owned()) } else { None }).collect()
    });
    Some(Certificate {
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        serial: parsed.raw_serial_as_string(),
        not_before_s: parsed.validity().not_before.timestamp(),
        not_after_s: parsed.validity().not_after.timestamp(),
        dns_names: dns_names.unwrap_or_default(),
        sha256: sha2::Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

/// What this machine trusts; Mozilla's roots where it names none.
pub(crate) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn roots_of(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("the CA file is not PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("the CA file holds no usable certificate: {error}"))?;
    }
    if roots.is_empty() { Err("the CA file holds no certificate".to_owned()) } else { Ok(roots) }
}

/// `verify = false`, which needs the grant `insecure`. Signatures are still checked: the other side holds its key.
#[derive(Debug)]
struct TrustEverybody(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustEverybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
