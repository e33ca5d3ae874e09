//! `--web.config.file` of Prometheus (exporter-toolkit 0.10): TLS, users with bcrypt hashes, response headers. HTTP/2 is not spoken, so its
//! switch says nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{ConfigErrors, Variables, read_text};

/// The file, as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebFile {
    /// TLS, if the server speaks it.
    pub tls_server_config: Option<TlsSection>,
    /// About HTTP itself.
    pub http_server_config: HttpSection,
    /// User names and bcrypt hashes of their passwords; none = everybody.
    pub basic_auth_users: BTreeMap<String, String>,
}

/// `tls_server_config:`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSection {
    /// The certificate chain, PEM; relative to the file.
    pub cert_file: Option<PathBuf>,
    /// Its key, PEM.
    pub key_file: Option<PathBuf>,
    /// The same in the file itself.
    pub cert: Option<String>,
    /// The same in the file itself.
    pub key: Option<String>,
    /// Go's name for what is asked of clients; `NoClientCert` if not given.
    pub client_auth_type: Option<String>,
    /// Authorities of clients' certificates, PEM.
    pub client_ca_file: Option<PathBuf>,
    /// The same in the file itself.
    pub client_ca: Option<String>,
    /// Names of which a client's certificate must have one.
    pub client_allowed_sans: Vec<String>,
    /// `TLS12` or `TLS13`.
    pub min_version: Option<String>,
    /// `TLS12` or `TLS13`.
    pub max_version: Option<String>,
    /// Go's names; rustls's choice is used.
    pub cipher_suites: Vec<String>,
    /// rustls prefers the server's order anyway.
    pub prefer_server_cipher_suites: Option<bool>,
    /// Go's names; rustls's choice is used.
    pub curve_preferences: Vec<String>,
}

/// `http_server_config:`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSection {
    /// Whether HTTP/2 may be spoken.
    pub http2: Option<bool>,
    /// Headers of every answer.
    pub headers: BTreeMap<String, String>,
}

/// Headers that may be set (exporter-toolkit 0.10, `extraHTTPHeaders`).
const HEADERS: [&str; 5] =
    ["Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options", "X-XSS-Protection", "Content-Security-Policy"];

impl WebFile {
    /// Reads a file and checks what its types cannot say. Paths in it become relative to the working directory.
    ///
    /// # Errors
    /// A text for people, with the place where there is one.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("open {}: {error}", path.display()))?;
        let document = read_text::<Self>(path, text, Variables::Expand, |_| {}).map_err(|errors: ConfigErrors| errors.to_string())?;
        let mut file = document.file;
        let base_dir = path.parent().unwrap_or(Path::new(""));
        if let Some(tls) = &mut file.tls_server_config {
            for path in [&mut tls.cert_file, &mut tls.key_file, &mut tls.client_ca_file].into_iter().flatten() {
                *path = base_dir.join(&*path);
            }
        }
        file.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<(), String> {
        if let Some(header) =
            self.http_server_config.headers.keys().find(|header| !HEADERS.iter().any(|known| known.eq_ignore_ascii_case(header)))
        {
            return Err(format!("HTTP header \"{header}\" can not be configured"));
        }
        for (user, hash) in &self.basic_auth_users {
            if !is_bcrypt(hash) {
                return Err(format!("basic_auth_users: the value of \"{user}\" is no bcrypt hash; make one with: htpasswd -nBC 10 \"\""));
            }
        }
        let Some(tls) = &self.tls_server_config else { return Ok(()) };
        if tls.cert_file.is_none() && tls.cert.is_none() {
            return Err("missing one of cert or cert_file".to_owned());
        }
        if tls.key_file.is_none() && tls.key.is_none() {
            return Err("missing one of key or key_file".to_owned());
        }
        let auth = tls.client_auth_type.as_deref().unwrap_or("NoClientCert");
        if ![
            "NoClientCert",
            "RequestClientCert",
            "RequireClientCert",
            "RequireAnyClientCert",
            "VerifyClientCertIfGiven",
            "RequireAndVerifyClientCert",
            "",
        ]
        .contains(&auth)
        {
            return Err(format!("Invalid ClientAuth: {auth}"));
        }
        let needs_authorities = matches!(auth, "VerifyClientCertIfGiven" | "RequireAndVerifyClientCert");
        if needs_authorities != (tls.client_ca_file.is_some() || tls.client_ca.is_some()) {
            return Err(if needs_authorities {
                "Client CAs are required with this ClientAuth".to_owned()
            } else {
                "Client CA's have been configured without a Client Auth Policy".to_owned()
            });
        }
        let versions = [&tls.min_version, &tls.max_version];
        match versions.into_iter().flatten().find(|version| !matches!(version.as_str(), "TLS10" | "TLS11" | "TLS12" | "TLS13")) {
            Some(version) => Err(format!("unknown TLS version: {version}")),
            None => Ok(()),
        }
    }
}

/// `$2a$`, `$2b$` or `$2y$`, a cost, 53 characters.
fn is_bcrypt(hash: &str) -> bool {
    let parts: Vec<&str> = hash.split('$').collect();
    matches!(parts.as_slice(), ["", "2a" | "2b" | "2y", cost, rest]
        if cost.parse::<u32>().is_ok_and(|cost| (4..=31).contains(&cost)) && rest.len() == 53)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<WebFile, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("web.yml");
        std::fs::write(&path, text).unwrap();
        WebFile::load(&path)
    }

    const HASH: &str = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

    #[test]
    fn what_prometheus_takes_is_taken() {
        assert!(load("").unwrap().basic_auth_users.is_empty());
        let file = load(&format!(
            "tls_server_config: {{cert_file: a.crt, key_file: a.key, min_version: TLS13}}\nhttp_server_config:\n  http2: true\n  headers: {{X-Frame-Options: deny}}\nbasic_auth_users: {{alice: {HASH}}}\n"
        ))
        .unwrap();
        assert!(file.tls_server_config.unwrap().cert_file.unwrap().is_absolute());
        assert_eq!(file.basic_auth_users["alice"], HASH);
    }

    #[test]
    fn mistakes_are_named() {
        let f = |text: &str, want: &str| {
            let problem = load(text).unwrap_err();
            assert!(problem.contains(want), "{problem}");
        };
        f("tls_server: {}", "unknown key \"tls_server\"");
        f("tls_server_config: {cert_file: a}", "missing one of key or key_file");
        f("tls_server_config: {cert_file: a, key_file: b, client_auth_type: Some}", "Invalid ClientAuth: Some");
        f("tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}", "Client CAs are required");
        f("http_server_config: {headers: {Server: x}}", "\"Server\" can not be configured");
        f("basic_auth_users: {bob: secret}", "no bcrypt hash");
    }
}
