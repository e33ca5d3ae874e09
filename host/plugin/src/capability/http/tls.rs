//! TLS of the `http` interface: rustls with ring, the system's roots (Mozilla's where there are none), and the facts of the
//! certificates that the other side showed.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::Digest as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::abi::wit::http::{Certificate, TlsInfo, TlsOptions};

/// How a connection is verified.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TlsChoice {
    server_name: String,
    verify: bool,
    ca_pem: Option<Vec<u8>>,
}

impl TlsChoice {
    pub(crate) fn new(host: &str, options: Option<&TlsOptions>) -> Self {
        match options {
            None => Self { server_name: host.to_owned(), verify: true, ca_pem: None },
            Some(options) => Self {
                server_name: options.server_name.clone().unwrap_or_else(|| host.to_owned()),
                verify: options.verify,
                ca_pem: options.ca_pem.clone(),
            },
        }
    }

    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        static VERIFYING: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        static TRUSTING: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        match (self.verify, &self.ca_pem) {
            (false, _) => Ok(Arc::clone(TRUSTING.get_or_init(|| Arc::new(trusting_config())))),
            (true, None) => Ok(Arc::clone(VERIFYING.get_or_init(|| Arc::new(verifying_config(system_roots()))))),
            (true, Some(pem)) => {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|error| format!("the CA file is not PEM: {error}"))?;
                    roots.add(certificate).map_err(|error| format!("the CA file holds no usable certificate: {error}"))?;
                }
                if roots.is_empty() {
                    return Err("the CA file holds no certificate".to_owned());
                }
                Ok(Arc::new(verifying_config(roots)))
            }
        }
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

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn verifying_config(roots: RootCertStore) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    let builder = builder.expect("BUG: ring offers neither TLS 1.2 nor 1.3");
    with_http1(builder.with_root_certificates(roots).with_no_client_auth())
}

fn trusting_config() -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.expect("BUG: ring offers neither TLS 1.2 nor 1.3");
    with_http1(builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustEverybody(provider))).with_no_client_auth())
}

fn with_http1(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

/// `verify = false`, which needs the grant `http:insecure`. Signatures are still checked: the other side holds its key.
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
